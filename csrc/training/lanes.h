// Vectors of floats as wide as the instruction set, and the few functions of them that GloVe's loop needs.
// Included in files that are compiled once per instruction set: no standard header with inline code in it.
#pragma once

#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "support/always_inline.h"

namespace fastnlp {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float lanes __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t int_lanes __attribute__((vector_size(4 * kLanes)));
typedef float loose_lanes __attribute__((vector_size(4 * kLanes), aligned(4)));

FASTNLP_INLINE lanes all(float x) { return x - lanes{}; }
FASTNLP_INLINE lanes load(const float* p) { return *reinterpret_cast<const lanes*>(p); }
FASTNLP_INLINE lanes load_loose(const float* p) { return *reinterpret_cast<const loose_lanes*>(p); }
FASTNLP_INLINE void store(float* p, lanes x) { *reinterpret_cast<lanes*>(p) = x; }

FASTNLP_INLINE lanes within(lanes x, lanes bound) {
  x = x > bound ? bound : x;
  return x < -bound ? -bound : x;
}

// 1 / sqrt(x) with a relative error below 4e-4; x > 0.
FASTNLP_INLINE lanes inverse_root(lanes x) {
#if defined(__AVX512F__)
  return reinterpret_cast<lanes>(_mm512_maskz_rsqrt14_ps(0xFFFF, reinterpret_cast<__m512>(x)));
#elif defined(__AVX2__)
  return reinterpret_cast<lanes>(_mm256_rsqrt_ps(reinterpret_cast<__m256>(x)));
#else
  // Halving the exponent gives a first guess; each step of Newton doubles its digits.
  const int_lanes guess = 0x5F375A86 - (reinterpret_cast<int_lanes>(x) >> 1);
  lanes y = reinterpret_cast<lanes>(guess);
  const lanes half = x * 0.5f;
  y = y * (1.5f - half * y * y);
  return y * (1.5f - half * y * y);
#endif
}

FASTNLP_INLINE float sum(lanes x) {
#if defined(__AVX2__)
#if defined(__AVX512F__)
  const __m512 sixteen = reinterpret_cast<__m512>(x);
  const __m256 eight = _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xFF, sixteen, 0),
                                     _mm512_maskz_extractf32x8_ps(0xFF, sixteen, 1));
#else
  const __m256 eight = reinterpret_cast<__m256>(x);
#endif
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
#else
  return (x[0] + x[2]) + (x[1] + x[3]);
#endif
}

// The natural logarithm of normal numbers, relative error below 3e-7 (the polynomial of Cephes).
FASTNLP_INLINE lanes logarithm(lanes x) {
  const int_lanes bits = reinterpret_cast<int_lanes>(x);
  const int_lanes exponent =
      (bits - 0x3F3504F3) >> 23;  // the mantissa then lies between the roots of 1/2 and 2
  const lanes e = __builtin_convertvector(exponent, lanes);
  const lanes f = reinterpret_cast<lanes>(bits - (exponent << 23)) - 1.0f;
  lanes p = all(7.0376836292e-2f);
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const lanes square = f * f;
  return f + (f * square * p - 2.12194440e-4f * e - 0.5f * square) + 0.693359375f * e;
}

// exp(x) for x in [-80, 0], relative error below 3e-7.
FASTNLP_INLINE lanes exponential(lanes x) {
  const lanes magic = all(0x1.8p23f);
  const lanes shifted = x * 1.44269504f + magic;  // the integer part sits in the low mantissa bits
  const lanes n = shifted - magic;
  const lanes r = x - n * 0.693359375f + n * 2.12194440e-4f;
  lanes p = all(1.3888889e-3f);
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return reinterpret_cast<lanes>(reinterpret_cast<int_lanes>(p) +
                                 (reinterpret_cast<int_lanes>(shifted) << 23));
}

}  // namespace
}  // namespace fastnlp
