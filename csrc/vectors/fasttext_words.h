// The words of a fastText model: NUL-terminated, each with its count (int64) and its kind (int8).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/packed_words.h"

namespace fastnlp {

struct FastTextWords {
  std::string data;
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> counts;
  std::int64_t labels = 0;    // entries that are no words but labels
  std::int64_t consumed = 0;  // bytes
};

// Reads `entries` of them from the start of a file's bytes; `place` is where in the file those begin.
// A std::invalid_argument names the byte where they end too early or make no sense.
FastTextWords parse_fasttext_words(std::string_view bytes, std::int64_t entries, std::int64_t place);

// The same bytes for words of counts; a word with a NUL byte is refused.
std::string format_fasttext_words(PackedWords words, std::span<const std::int64_t> counts);

}  // namespace fastnlp
