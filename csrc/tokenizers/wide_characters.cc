#include "tokenizers/wide_characters.h"

#include <new>

namespace fastnlp {

WideCharacters::WideCharacters(const BpeModel& model, BpeMerger& merger)
    : model_(model), merger_(merger), entries_(static_cast<Entry*>(std::calloc(65536, sizeof(Entry)))) {
  if (entries_ == nullptr) throw std::bad_alloc();
}

void WideCharacters::make(std::uint32_t code, Entry& entry) const {
  const unsigned char bytes[3] = {static_cast<unsigned char>(0xE0 | code >> 12),
                                  static_cast<unsigned char>(0x80 | (code >> 6 & 63)),
                                  static_cast<unsigned char>(0x80 | (code & 63))};
  std::uint32_t ranks[3] = {model_.byte_rank(bytes[0], bytes[1]), model_.byte_rank(bytes[1], bytes[2]),
                            kNoRank};
  for (int i = 0; i < 3; ++i) entry.ids[i] = model_.byte_token(bytes[i]);
  entry.count = static_cast<std::uint16_t>(merger_.merge(entry.ids, ranks, 3, nullptr));
  entry.leads = model_.wide_begins(code & 0xFFF);
}

}  // namespace fastnlp
