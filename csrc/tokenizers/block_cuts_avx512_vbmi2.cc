#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "tokenizers/block_begins.h"

namespace fastnlp {
namespace {

BlockBits between(__m512i bytes, char first, char last) {
  return _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, _mm512_set1_epi8(first)),
                                _mm512_set1_epi8(static_cast<char>(last - first)));
}

struct Avx512Blocks {
  static BlockClasses classes_of(const char* p) {
    const __m512i bytes = _mm512_loadu_si512(p);
    const __m512i lower = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    BlockClasses found{};
    found.letters = between(lower, 'a', 'z');
    found.numbers = between(bytes, '0', '9');
    found.blanks = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' '));
    found.spaces = found.blanks | between(bytes, '\t', '\r');
    found.beyond = _mm512_movepi8_mask(bytes);
    found.quotes = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\''));
    return found;
  }
};

}  // namespace

std::size_t gpt2_block_cuts_avx512_vbmi2(const char* p, const char* end, const char** cuts, std::size_t room,
                                         const TellBeyond& beyond) {
  alignas(64) static constexpr auto kPlaces = [] {
    std::array<unsigned char, kCutBlock> places{};
    for (std::size_t i = 0; i < kCutBlock; ++i) places[i] = static_cast<unsigned char>(i);
    return places;
  }();
  const __m512i places = _mm512_load_si512(kPlaces.data());
  std::size_t n = 0;
  while (n < room && end - p >= static_cast<std::ptrdiff_t>(kCutBlock)) {
    const BlockBits found = block_begins<Avx512Blocks>(p, end, beyond);
    if (found == 0) break;
    const auto count = static_cast<std::size_t>(__builtin_popcountll(found));
    alignas(64) unsigned char at[kCutBlock];
    _mm512_store_si512(at, _mm512_maskz_compress_epi8(found, places));
    const __m512i from = _mm512_set1_epi64(static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(p)));
    // Eight at a time: their number is hard to foresee. Those beyond it are written over later.
    for (std::size_t i = 0; i < count; i += 8) {
      const __m512i eight =
          _mm512_maskz_cvtepu8_epi64(0xFF, _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at + i)));
      _mm512_storeu_si512(cuts + n + i, _mm512_add_epi64(from, eight));
    }
    p += 63 - __builtin_clzll(found);
    n += count;
  }
  return n;
}

}  // namespace fastnlp
#endif
