// Characters of three bytes in UTF-8, as those of Chinese and Japanese: most merge with nothing around them,
// so what one becomes is remembered.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tokenizers/bpe_merge.h"
#include "tokenizers/bpe_model.h"
#include "tokenizers/characters.h"

namespace fastnlp {

class WideCharacters {
 public:
  WideCharacters(const BpeModel& model, BpeMerger& merger);

  // Whether a token may reach over the place between two characters.
  bool joins(std::uint32_t before, std::uint32_t behind) {
    const std::uint64_t begins = entry(before).leads >> (behind >> 12);
    return (begins & model_.wide_ends(behind >> 6) >> (before & 63)) & 1;
  }

  // Writes three ids of which those that it counts mean something.
  std::uint32_t write(std::uint32_t code, std::int32_t* ids) {
    const Entry& found = entry(code);
    std::memcpy(ids, found.ids, sizeof found.ids);
    return found.count;
  }

 private:
  struct Entry {
    std::int32_t ids[3];
    std::uint16_t leads;  // the first bytes behind it with which a token may go on
    std::uint16_t count;  // 0: not asked for yet
  };

  const Entry& entry(std::uint32_t code) {
    Entry& found = entries_.get()[code];
    if (found.count == 0) [[unlikely]]
      make(code, found);
    return found;
  }
  void make(std::uint32_t code, Entry& entry) const;

  struct Free {
    void operator()(Entry* entries) const { std::free(entries); }
  };

  const BpeModel& model_;
  BpeMerger& merger_;
  std::unique_ptr<Entry, Free> entries_;  // zeroed pages come from the system when they are touched
};

}  // namespace fastnlp
