#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fastnlp {

// V words as one run of bytes and V + 1 offsets into it.
struct PackedWords {
  std::string_view data;
  std::span<const std::int64_t> offsets;

  std::int64_t size() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  std::string_view operator[](std::int64_t i) const {
    const auto begin = static_cast<std::size_t>(offsets[static_cast<std::size_t>(i)]);
    const auto end = static_cast<std::size_t>(offsets[static_cast<std::size_t>(i) + 1]);
    return data.substr(begin, end - begin);
  }
};

// The words at some places, in that order: their bytes and their offsets in them.
struct TakenWords {
  std::string data;
  std::vector<std::int64_t> offsets;
};
TakenWords take_words(const PackedWords& words, std::span<const std::int64_t> places);

// Each word with a line feed behind it.
std::string word_lines(const PackedWords& words);

}  // namespace fastnlp
