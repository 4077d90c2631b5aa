// Whether a text that comes in blocks, cut anywhere, is UTF-8.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "text/utf8.h"

namespace fastnlp {

class Utf8Checker {
 public:
  // Where the first character begins that is none, counted from the first block on.
  std::optional<std::int64_t> feed(std::string_view block) {
    const char* p = block.data();
    const char* const end = p + block.size();
    if (!cut_.empty()) {
      const std::int64_t start = position_ - static_cast<std::int64_t>(cut_.size());
      while (p < end && cut_.size() < 4 && (static_cast<unsigned char>(*p) & 0xC0) == 0x80) cut_ += *p++;
      const Utf8Character character = multibyte_character(cut_.data(), cut_.data() + cut_.size());
      const bool complete = character.valid && character.length == cut_.size();
      if (!complete && (p < end || !may_go_on(cut_))) return start;
      if (complete) cut_.clear();
    }
    while (p < end) {
      if (end - p >= 8) {
        std::uint64_t word;
        std::memcpy(&word, p, 8);
        if ((word & 0x8080808080808080u) == 0) {
          p += 8;
          continue;
        }
      }
      if (static_cast<unsigned char>(*p) < 0x80) {
        ++p;
        continue;
      }
      const Utf8Character character = multibyte_character(p, end);
      if (!character.valid) {
        const std::string rest(p, end);
        if (rest.size() > 3 || !may_go_on(rest)) return position_ + (p - block.data());
        cut_ = rest;
        break;
      }
      p += character.length;
    }
    position_ += static_cast<std::int64_t>(block.size());
    return std::nullopt;
  }

  // Where the last character begins, if the text ended inside of it.
  std::optional<std::int64_t> end() const {
    if (cut_.empty()) return std::nullopt;
    return position_ - static_cast<std::int64_t>(cut_.size());
  }

 private:
  // Whether bytes, which are no character, are the beginning of one.
  static bool may_go_on(const std::string& bytes) {
    const auto lead = static_cast<unsigned char>(bytes[0]);
    const std::size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || bytes.size() >= wanted) return false;
    return multibyte_character(bytes.data(), bytes.data() + bytes.size()).length == bytes.size();
  }

  std::string cut_;
  std::int64_t position_ = 0;
};

}  // namespace fastnlp
