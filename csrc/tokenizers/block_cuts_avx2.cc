#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#include "tokenizers/block_begins.h"

namespace fastnlp {
namespace {

// Which of 32 bytes lie in [first, last], both below 0x80: moved up so that the last becomes 127, they are
// the ones above a bound. Bytes beyond ASCII wrap around to below it.
BlockBits between(__m256i bytes, char first, char last) {
  const __m256i moved = _mm256_add_epi8(bytes, _mm256_set1_epi8(static_cast<char>(127 - last)));
  const __m256i bound = _mm256_set1_epi8(static_cast<char>(126 - (last - first)));
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpgt_epi8(moved, bound)));
}

BlockBits equal(__m256i bytes, char c) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c))));
}

struct Avx2Blocks {
  static BlockClasses classes_of(const char* p) {
    BlockClasses found{};
    for (int half = 0; half < 2; ++half) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * half));
      const __m256i lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
      const int shift = 32 * half;
      found.letters |= between(lower, 'a', 'z') << shift;
      found.numbers |= between(bytes, '0', '9') << shift;
      const BlockBits blanks = equal(bytes, ' ');
      found.blanks |= blanks << shift;
      found.spaces |= (blanks | between(bytes, '\t', '\r')) << shift;
      found.beyond |= static_cast<BlockBits>(static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes)))
                      << shift;
      found.quotes |= equal(bytes, '\'') << shift;
    }
    return found;
  }
};

}  // namespace

std::size_t gpt2_block_cuts_avx2(const char* p, const char* end, const char** cuts, std::size_t room,
                                 const TellBeyond& beyond) {
  std::size_t n = 0;
  while (n < room && end - p >= static_cast<std::ptrdiff_t>(kCutBlock)) {
    BlockBits found = block_begins<Avx2Blocks>(p, end, beyond);
    if (found == 0) break;
    const auto count = static_cast<std::size_t>(__builtin_popcountll(found));
    const char* const from = p;
    p += 63 - __builtin_clzll(found);
    // Eight at a time: their number is hard to foresee. Those beyond it are written over later.
    for (const char** to = cuts + n; found != 0; to += 8) {
      for (int i = 0; i < 8; ++i) {
        to[i] = from + __builtin_ctzll(found | BlockBits{1} << 63);
        found &= found - 1;
      }
    }
    n += count;
  }
  return n;
}

}  // namespace fastnlp
#endif
