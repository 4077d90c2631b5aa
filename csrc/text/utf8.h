// UTF-8 as Python decodes it (Unicode 15.0, table 3-7), and white space as `str.split()` sees it.
#pragma once

#include <cstdint>

namespace fastnlp {

// Space, and the control characters that `str.isspace` accepts: U+0009..000D and U+001C..001F.
constexpr bool is_ascii_space(unsigned char c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
}

// The character that starts at a byte >= 0x80. `length` bytes belong together: the whole character where it
// is valid, else the longest part of one, which a decoder replaces by a single U+FFFD.
struct Utf8Character {
  std::uint32_t length;
  bool valid;
  bool space;
};

inline Utf8Character multibyte_character(const char* at, const char* end) {
  const auto* p = reinterpret_cast<const unsigned char*>(at);
  const auto available = end - at;
  const unsigned char lead = p[0];
  const auto continues = [&](int i) { return available > i && (p[i] & 0xC0) == 0x80; };
  if (lead >= 0xC2 && lead <= 0xDF) {
    if (!continues(1)) return {1, false, false};
    return {2, true, lead == 0xC2 && (p[1] == 0x85 || p[1] == 0xA0)};
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned char low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : 0xBF;
    if (available < 2 || p[1] < low || p[1] > high) return {1, false, false};
    if (!continues(2)) return {2, false, false};
    if (lead > 0xE3) return {3, true, false};
    const bool space =
        (lead == 0xE1 && p[1] == 0x9A && p[2] == 0x80) ||  // U+1680
        (lead == 0xE2 && p[1] == 0x80 && (p[2] <= 0x8A || p[2] == 0xA8 || p[2] == 0xA9 || p[2] == 0xAF)) ||
        (lead == 0xE2 && p[1] == 0x81 && p[2] == 0x9F) ||  // U+205F
        (lead == 0xE3 && p[1] == 0x80 && p[2] == 0x80);    // U+3000
    return {3, true, space};
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned char low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xF4 ? 0x8F : 0xBF;
    if (available < 2 || p[1] < low || p[1] > high) return {1, false, false};
    if (!continues(2)) return {2, false, false};
    if (!continues(3)) return {3, false, false};
    return {4, true, false};
  }
  return {1, false, false};
}

// Where the first white space at or after `begin` ends; `end` where there is none.
inline const char* after_first_space(const char* begin, const char* end) {
  for (const char* p = begin; p < end;) {
    const auto c = static_cast<unsigned char>(*p);
    if (c < 0x80) {
      ++p;
      if (is_ascii_space(c)) return p;
    } else {
      const Utf8Character character = multibyte_character(p, end);
      p += character.length;
      if (character.space) return p;
    }
  }
  return end;
}

// Where the last white space before `end` ends; `begin` where there is none. No byte of a white-space
// character but its first can start one, and none of them occurs inside another character, so the search may
// go backwards.
inline const char* after_last_space(const char* begin, const char* end) {
  for (const char* p = end; p > begin; --p) {
    const auto c = static_cast<unsigned char>(p[-1]);
    if (c < 0x80) {
      if (is_ascii_space(c)) return p;
    } else if (c >= 0xC2) {
      const Utf8Character character = multibyte_character(p - 1, end);
      if (character.space) return p - 1 + character.length;
    }
  }
  return begin;
}

}  // namespace fastnlp
