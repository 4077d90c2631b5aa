#include "tokenizers/bpe_decoder.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "support/checks.h"

namespace fastnlp {

std::size_t decoded_size(const BpeModel& model, std::span<const std::int32_t> ids) {
  check_ids("ids", ids, model.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::size_t bytes = model.spelling(ids[i]).size();
    if (bytes == 0) {
      throw std::out_of_range("ids[" + std::to_string(i) + "]: expected the id of a token, got " +
                              std::to_string(ids[i]) + ", which is not given out");
    }
    size += bytes;
  }
  return size;
}

void decode(const BpeModel& model, std::span<const std::int32_t> ids, char* bytes) {
  for (const std::int32_t id : ids) {
    const std::string_view token = model.spelling(id);
    std::memcpy(bytes, token.data(), token.size());
    bytes += token.size();
  }
}

void to_characters(std::string_view text, std::span<std::int64_t> spans) {
  const auto size = static_cast<std::int64_t>(text.size());
  const auto begins_character = [&](std::int64_t i) {
    return i >= size || (static_cast<unsigned char>(text[static_cast<std::size_t>(i)]) & 0xC0) != 0x80;
  };
  std::int64_t at = 0, characters = 0;  // characters that begin before `at`
  const auto count_to = [&](std::int64_t place) {
    for (; at < place; ++at) characters += begins_character(at);
    return characters;
  };
  for (std::size_t i = 0; i + 1 < spans.size(); i += 2) {
    const std::int64_t begin = spans[i], end = spans[i + 1];
    if (begin < 0 || end < begin || end > size) {
      refuse("spans[" + std::to_string(i) + "]", "begin <= end <= " + std::to_string(size),
             std::to_string(begin) + ", " + std::to_string(end));
    }
    if (begin < at) {  // within what the span before it has reached
      at = 0;
      characters = 0;
    }
    const std::int64_t before = count_to(begin);
    spans[i] = begins_character(begin) ? before : before - 1;
    spans[i + 1] = count_to(end);
  }
}

}  // namespace fastnlp
