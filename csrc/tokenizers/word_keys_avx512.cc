#if defined(__x86_64__)
#include <immintrin.h>

#include "tokenizers/word_keys.h"

namespace fastnlp {
namespace {

typedef std::uint64_t lanes8 __attribute__((vector_size(64)));
typedef std::int64_t signed8 __attribute__((vector_size(64)));

constexpr __mmask8 kEach = 0xFF;

// All bits from one on that is counted from the lowest; none from 64 on.
lanes8 bits_from(signed8 first) {
  return reinterpret_cast<lanes8>(
      _mm512_maskz_sllv_epi64(kEach, _mm512_set1_epi64(-1), reinterpret_cast<__m512i>(first)));
}

lanes8 load_places(__mmask8 there, const char* const* places) {
  return reinterpret_cast<lanes8>(_mm512_maskz_loadu_epi64(there, places));
}

// The eight bytes at each place that is there.
lanes8 bytes_at(__mmask8 there, lanes8 places) {
  return reinterpret_cast<lanes8>(_mm512_mask_i64gather_epi64(_mm512_setzero_si512(), there,
                                                              reinterpret_cast<__m512i>(places), nullptr, 1));
}

void store(std::uint64_t* to, lanes8 values) { *reinterpret_cast<lanes8*>(to) = values; }

}  // namespace

void make_keys_avx512(const char* const* bounds, std::size_t n, const char* limit, KeyPlaces keys,
                      std::uint64_t* others) {
  const auto last = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(limit)) - 16;
  for (std::size_t i = 0; i < n; i += 8) {
    const auto there = static_cast<__mmask8>(n - i < 8 ? (1u << (n - i)) - 1 : 0xFFu);
    const lanes8 begin = load_places(there, bounds + i);
    const lanes8 length = load_places(there, bounds + i + 1) - begin;
    const __m512i fits = reinterpret_cast<__m512i>((begin <= last) & (length <= kKeyInline));
    const auto fit = static_cast<__mmask8>(there & _mm512_movepi64_mask(fits));
    const signed8 bits = reinterpret_cast<signed8>(length << 3);
    const signed8 behind = bits - 64;
    const lanes8 low = bytes_at(fit, begin) & ~bits_from(bits);
    const lanes8 high = (bytes_at(fit, begin + 8) & ~bits_from(behind & ~(behind >> 63))) | length << 56;
    const lanes8 mixed = low * kKeyFactor + high;
    store(keys.low + i, low);
    store(keys.high + i, high);
    store(keys.hash + i, (mixed ^ mixed >> 32) * kHashFactor);
    const auto left = static_cast<std::uint64_t>(there & ~fit) << i % 64;
    others[i / 64] = i % 64 == 0 ? left : others[i / 64] | left;
  }
}

}  // namespace fastnlp
#endif
