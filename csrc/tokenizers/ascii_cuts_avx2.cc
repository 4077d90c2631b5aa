#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#include "tokenizers/ascii_cuts.h"

namespace fastnlp {
namespace {

using Bits = std::uint64_t;  // bit i says something of byte i

struct Classes {
  Bits letters, numbers, blanks, spaces;  // blanks: ' '; spaces: these too
  Bits beyond;                            // not ASCII
  Bits quotes;                            // '
};

// Which of 32 bytes lie in [first, last], both below 0x80: moved up so that the last becomes 127, they are
// the ones above a bound. Bytes beyond ASCII wrap around to below it.
Bits between(__m256i bytes, char first, char last) {
  const __m256i moved = _mm256_add_epi8(bytes, _mm256_set1_epi8(static_cast<char>(127 - last)));
  const __m256i bound = _mm256_set1_epi8(static_cast<char>(126 - (last - first)));
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpgt_epi8(moved, bound)));
}

Bits equal(__m256i bytes, char c) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c))));
}

Classes classes_of(const char* p) {
  Classes found{};
  for (int half = 0; half < 2; ++half) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * half));
    const __m256i lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
    const int shift = 32 * half;
    found.letters |= between(lower, 'a', 'z') << shift;
    found.numbers |= between(bytes, '0', '9') << shift;
    const Bits blanks = equal(bytes, ' ');
    found.blanks |= blanks << shift;
    found.spaces |= (blanks | between(bytes, '\t', '\r')) << shift;
    found.beyond |= static_cast<Bits>(static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes))) << shift;
    found.quotes |= equal(bytes, '\'') << shift;
  }
  return found;
}

// The bytes of 's 't 're 've 'm 'll 'd at an apostrophe, 0 for none of them.
int contraction(const char* p) {
  switch (p[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return p[2] == 'e' ? 3 : 0;
    case 'l':
      return p[2] == 'l' ? 3 : 0;
    default:
      return 0;
  }
}

// Where pieces begin among the 64 bytes at p, where one does; byte 0 is left out.
Bits begins(const char* p) {
  const Classes c = classes_of(p);
  const Bits others = ~(c.letters | c.numbers | c.spaces);
  const Bits first =
      (c.letters & ~(c.letters << 1)) | (c.numbers & ~(c.numbers << 1)) | (others & ~(others << 1));
  // A run of white space begins a piece, and its last character another, which a blank shares with what
  // follows.
  Bits found = (first & ~(c.blanks << 1)) | (c.spaces & ~((c.spaces << 1) & (c.spaces >> 1)));
  for (Bits quotes = (found | 1) & c.quotes & ~Bits{0} >> 3; quotes != 0; quotes &= quotes - 1) {
    const int at = __builtin_ctzll(quotes);
    const int length = contraction(p + at);
    if (length == 0) continue;
    found = (found & ~(Bits{2} << at)) | Bits{1} << (at + length - 1) << 1;
  }
  // A place is known when its neighbours are: those before the first byte beyond ASCII and its neighbour. An
  // apostrophe may look three bytes ahead.
  const Bits ascii = c.beyond == 0 ? ~Bits{0} : (c.beyond & (0 - c.beyond)) - 1;
  return found & ascii >> 1 & ~Bits{0} >> 3 & ~Bits{1};
}

}  // namespace

std::size_t gpt2_ascii_cuts_avx2(const char* p, const char* end, const char** cuts, std::size_t room) {
  std::size_t n = 0;
  while (n < room && end - p >= static_cast<std::ptrdiff_t>(kAsciiBlock)) {
    Bits found = begins(p);
    if (found == 0) break;
    const auto count = static_cast<std::size_t>(__builtin_popcountll(found));
    const char* const from = p;
    p += 63 - __builtin_clzll(found);
    // Eight at a time: their number is hard to foresee. Those beyond it are written over later.
    for (const char** to = cuts + n; found != 0; to += 8) {
      for (int i = 0; i < 8; ++i) {
        to[i] = from + __builtin_ctzll(found | Bits{1} << 63);
        found &= found - 1;
      }
    }
    n += count;
  }
  return n;
}

}  // namespace fastnlp
#endif
