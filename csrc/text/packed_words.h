#pragma once

#include <cstdint>
#include <span>
#include <string_view>

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

}  // namespace fastnlp
