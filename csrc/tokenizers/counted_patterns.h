// The pre-tokenizers by which pieces are counted: those of pretokenizer.h, and words alone.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tokenizers/pretokenizer.h"

namespace fastnlp {

// Pieces without white space; what is between is cut off by the caller.
struct WordsPattern {
  static bool space(const char* p, const char* end, std::uint32_t& length) {
    const auto c = static_cast<unsigned char>(*p);
    length = 1;
    if (c < 0x80) return is_ascii_space(c);
    const Utf8Character character = multibyte_character(p, end);
    if (character.valid) length = character.length;
    return character.space;
  }
  static const char* next(const char* p, const char* end) {
    std::uint32_t length;
    const bool first = space(p, end, length);
    for (p += length; p < end && space(p, end, length) == first;) p += length;
    return p;
  }
};

// Calls f(pattern) with the pattern of that name, "words" among them.
template <class F>
void with_counted_pattern(std::string_view name, F&& f) {
  if (name == "words") return f(WordsPattern{});
  with_pattern(name, std::forward<F>(f));
}

// A place at or behind `p` where a piece ends whatever stands before and behind: a letter meets what is none,
// or for pieces that know only white space, a word ends. `end` where there is none.
template <class Pattern>
const char* sure_cut(const char* p, const char* end) {
  if constexpr (std::is_same_v<Pattern, WholePattern>) return end;
  while (p < end && continues(*p)) ++p;
  constexpr bool kBySpaces =
      std::is_same_v<Pattern, WhitespacePattern> || std::is_same_v<Pattern, WordsPattern>;
  bool inside = false;
  while (end - p >= kLongestCharacter) {  // behind that, one may be cut
    const Character c = character_at(p, end);
    if (inside && (kBySpaces ? (c.classes & kSpace) != 0 : ends_letters<Pattern>(c, p))) return p;
    inside = kBySpaces ? (c.classes & kSpace) == 0 : (c.classes & kLetter) != 0;
    p += c.length;
  }
  return end;
}

}  // namespace fastnlp
