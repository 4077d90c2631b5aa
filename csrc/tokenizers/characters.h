// Characters as pre-tokenizers see them: how many bytes, and of which class. A byte that is no part of valid
// UTF-8 is a character of its own and of no class, like punctuation.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "text/utf8.h"
#include "tokenizers/unicode_classes_data.h"

namespace fastnlp {

enum CharacterClass : std::uint8_t {
  kLetter = 1,   // \p{L}
  kNumber = 2,   // \p{N}
  kSpace = 4,    // \s
  kUpper = 8,    // \p{Lu}, \p{Lt}
  kLower = 16,   // \p{Ll}
  kMark = 32,    // \p{M}
  kBeyond = 64,  // of bytes only: not ASCII
};

inline constexpr std::array<std::uint8_t, 256> kByteClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0; c < 128; ++c) classes[c] = unicode::kClasses[unicode::kBlockOf[0]][c];
  for (std::size_t c = 128; c < 256; ++c) classes[c] = kBeyond;
  return classes;
}();

inline constexpr std::ptrdiff_t kLongestCharacter = 4;  // bytes

// Whether a byte stands in a character behind its first one.
constexpr bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

struct Character {
  std::uint32_t length;  // bytes
  std::uint8_t classes;
};

// The character of three bytes at p: its code point, which is out of order or a surrogate where the bytes are
// no character; kNotWide where other bytes stand there. p[3] is read too.
inline constexpr std::uint32_t kNotWide = 0xFFFFFFFFu;

inline std::uint32_t wide_at(const char* p) {
  static_assert(std::endian::native == std::endian::little, "byte 0 is taken from the low end");
  std::uint32_t bytes;
  std::memcpy(&bytes, p, 4);
  if ((bytes & 0xC0C0F0u) != 0x8080E0u) return kNotWide;
  return (bytes & 0x0Fu) << 12 | (bytes >> 2 & 0xFC0u) | (bytes >> 16 & 0x3Fu);
}

// Its classes; of a surrogate none. code >= 0x800: what is less was no character.
inline std::uint8_t wide_classes(std::uint32_t code) {
  return unicode::kClasses[unicode::kBlockOf[code >> 7]][code & 127];
}

// Bytes at and behind `at`, which is >= 0x80.
inline Character beyond_ascii(const char* at, const char* end) {
  if ((*at & 0xF0) == 0xE0 && end - at >= 4) {
    const std::uint32_t code = wide_at(at);
    if (code != kNotWide && code >= 0x800 && (code < 0xD800 || code > 0xDFFF)) return {3, wide_classes(code)};
  }
  const Utf8Character found = multibyte_character(at, end);
  if (!found.valid) return {1, 0};
  const auto* p = reinterpret_cast<const unsigned char*>(at);
  const std::uint32_t code = found.length == 2   ? (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu)
                             : found.length == 3 ? (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu)
                                                 : (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 |
                                                       (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
  return {found.length, unicode::kClasses[unicode::kBlockOf[code >> 7]][code & 127]};
}

inline Character character_at(const char* at, const char* end) {
  const std::uint8_t classes = kByteClasses[static_cast<unsigned char>(*at)];
  if (classes & kBeyond) return beyond_ascii(at, end);
  return {1, classes};
}

// Where the run of characters ends that have a class of `wanted`.
inline const char* after_run(const char* p, const char* end, std::uint8_t wanted) {
  while (p < end) {
    const Character c = character_at(p, end);
    if (!(c.classes & wanted)) break;
    p += c.length;
  }
  return p;
}

// Where the run of characters ends that have no class of `unwanted`.
inline const char* after_run_without(const char* p, const char* end, std::uint8_t unwanted) {
  while (p < end) {
    const Character c = character_at(p, end);
    if (c.classes & unwanted) break;
    p += c.length;
  }
  return p;
}

// The high bit of each of eight bytes that is none of A-Z, a-z.
inline std::uint64_t not_letters(const char* p) {
  static_assert(std::endian::native == std::endian::little, "byte 0 is taken from the low end");
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  const std::uint64_t low = (word | 0x20 * kOnes) & 0x7F * kOnes;  // 7 bits a byte, so no sum carries over
  const std::uint64_t letters = (low + (0x80 - 'a') * kOnes) & ~(low + (0x7F - 'z') * kOnes) & ~word;
  return ~letters & 0x80 * kOnes;
}

// after_run for letters, eight ASCII letters at a time.
inline const char* after_letters(const char* p, const char* end) {
  for (;;) {
    while (end - p >= 8) {
      const std::uint64_t others = not_letters(p);
      if (others != 0) {
        p += std::countr_zero(others) >> 3;
        break;
      }
      p += 8;
    }
    if (p == end) return p;
    const Character c = character_at(p, end);
    if (!(c.classes & kLetter)) return p;
    p += c.length;
    // A letter beyond ASCII is rarely alone.
    while (end - p >= 4) {
      const std::uint32_t code = wide_at(p);
      if (code == kNotWide || code < 0x800) break;
      if (!(wide_classes(code) & kLetter)) return p;
      p += 3;
    }
    while (p < end && static_cast<unsigned char>(*p) >= 0x80) {
      const Character next = beyond_ascii(p, end);
      if (!(next.classes & kLetter)) return p;
      p += next.length;
    }
  }
}

// Characters of three bytes from p on that are no white space: where they end, and where the last run of one
// of the classes of letters, numbers and others begins. None from `stop` on.
struct WideRuns {
  const char* last;
  const char* end;
};

inline WideRuns wide_runs(const char* p, const char* stop, const char* limit) {
  WideRuns runs{p, p};
  std::uint32_t previous = 0;
  for (; runs.end < stop && limit - runs.end >= 4; runs.end += 3) {
    const std::uint32_t code = wide_at(runs.end);
    if (code == kNotWide || code < 0x800) break;
    const std::uint32_t classes = wide_classes(code) & (kLetter | kNumber | kSpace);
    if (classes & kSpace) break;
    if (classes != previous) runs.last = runs.end;
    previous = classes;
  }
  return runs;
}

// How long the run of letters is that begins at p, where that takes one look: 1 to 7 ASCII letters and an
// ASCII character that is none. Else 0, which says nothing.
inline std::uint32_t few_letters(const char* p, const char* end) {
  if (end - p < 8) return 0;
  const std::uint64_t others = not_letters(p);
  if (others == 0) return 0;
  const auto length = static_cast<std::uint32_t>(std::countr_zero(others)) >> 3;
  return static_cast<unsigned char>(p[length]) < 0x80 ? length : 0;
}

// The end of the run of letters at p, where it is of ASCII and has no capital behind a small letter, and an
// ASCII character other than an apostrophe follows. Else nullptr, which says nothing.
inline const char* plain_letters(const char* p, const char* end) {
  constexpr std::uint64_t kCase = 0x2020202020202020u;  // this bit of a letter is set where it is small
  std::uint64_t before = 0;  // that of the letter before the eight, where it is small
  for (; end - p >= 8; p += 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    const std::uint64_t others = not_letters(p), small = word & kCase;
    const std::uint64_t capitals = (small << 8 | before) & ~word & kCase;  // behind small ones
    const std::uint64_t first = others & (0 - others);                     // 0 where all are letters
    if ((capitals & ((first >> 7) - 1)) != 0) return nullptr;
    if (others != 0) {
      p += std::countr_zero(others) >> 3;
      return static_cast<unsigned char>(*p) < 0x80 && *p != '\'' ? p : nullptr;
    }
    before = small >> 56;
  }
  return nullptr;
}

}  // namespace fastnlp
