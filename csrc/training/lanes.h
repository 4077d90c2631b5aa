// Vectors of floats as wide as the instruction set, and the functions of them that the loops of word2vec and
// GloVe need. Included in files that are compiled once per instruction set: no standard header with inline
// code in it.
#pragma once

#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "support/always_inline.h"

namespace fastnlp {
namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16;  // floats in a vector
#elif defined(__AVX2__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif

typedef float vec __attribute__((vector_size(4 * kWidth)));
typedef std::int32_t ivec __attribute__((vector_size(4 * kWidth)));
typedef float loose_vec __attribute__((vector_size(4 * kWidth), aligned(4)));
typedef float half_vec __attribute__((vector_size(2 * kWidth)));

FASTNLP_INLINE vec splat(float x) { return x - vec{}; }
FASTNLP_INLINE vec load(const float* p) { return *reinterpret_cast<const vec*>(p); }
FASTNLP_INLINE vec load_loose(const float* p) { return *reinterpret_cast<const loose_vec*>(p); }
FASTNLP_INLINE void store(float* p, vec x) { *reinterpret_cast<vec*>(p) = x; }
FASTNLP_INLINE half_vec splat_half(float x) { return x - half_vec{}; }
FASTNLP_INLINE half_vec load_half(const float* p) { return *reinterpret_cast<const half_vec*>(p); }
FASTNLP_INLINE void store_half(float* p, half_vec x) { *reinterpret_cast<half_vec*>(p) = x; }

// a * b in the lower half, 0 in the upper.
FASTNLP_INLINE vec half_product(half_vec a, half_vec b) {
#if defined(__AVX512F__)
  vec wide;
  asm("vmulps %2, %1, %t0" : "=v"(wide) : "v"(a), "v"(b));  // zeroes the rest of the register
  return wide;
#else
  const half_vec product = a * b;
  vec wide = {};
  for (int lane = 0; lane < kWidth / 2; ++lane) wide[lane] = product[lane];
  return wide;
#endif
}

// Keeps x in a register where it is used several times: compilers would rather load it again for each use.
FASTNLP_INLINE void hold(vec& x) {
#if defined(__AVX512F__)
  asm("" : "+v"(x));
#elif defined(__x86_64__)
  asm("" : "+x"(x));
#else
  (void)x;
#endif
}

// x, or the bound that it is beyond; NaN stays NaN.
FASTNLP_INLINE vec within(vec x, vec bound) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  const __m256 high = reinterpret_cast<__m256>(bound), low = reinterpret_cast<__m256>(-bound);
  return reinterpret_cast<vec>(_mm256_max_ps(low, _mm256_min_ps(high, reinterpret_cast<__m256>(x))));
#else
  x = x > bound ? bound : x;
  return x < -bound ? -bound : x;
#endif
}

// 1 / sqrt(x) with a relative error below 4e-4; x > 0.
FASTNLP_INLINE vec inverse_root(vec x) {
#if defined(__AVX512F__)
  return reinterpret_cast<vec>(_mm512_maskz_rsqrt14_ps(0xFFFF, reinterpret_cast<__m512>(x)));
#elif defined(__AVX2__)
  return reinterpret_cast<vec>(_mm256_rsqrt_ps(reinterpret_cast<__m256>(x)));
#else
  // Halving the exponent gives a first guess; each step of Newton doubles its digits.
  const ivec guess = 0x5F375A86 - (reinterpret_cast<ivec>(x) >> 1);
  vec y = reinterpret_cast<vec>(guess);
  const vec half = x * 0.5f;
  y = y * (1.5f - half * y * y);
  return y * (1.5f - half * y * y);
#endif
}

FASTNLP_INLINE float sum(vec x) {
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
FASTNLP_INLINE vec logarithm(vec x) {
  const ivec bits = reinterpret_cast<ivec>(x);
  const ivec exponent = (bits - 0x3F3504F3) >> 23;  // the mantissa then lies between the roots of 1/2 and 2
  const vec e = __builtin_convertvector(exponent, vec);
  const vec f = reinterpret_cast<vec>(bits - (exponent << 23)) - 1.0f;
  vec p = splat(7.0376836292e-2f);
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const vec square = f * f;
  return f + (f * square * p - 2.12194440e-4f * e - 0.5f * square) + 0.693359375f * e;
}

// exp(x) for x in [-80, 80], relative error below 3e-7.
FASTNLP_INLINE vec exponential(vec x) {
  const vec magic = splat(0x1.8p23f);
  const vec shifted = x * 1.44269504f + magic;  // the integer part sits in the low mantissa bits
  const vec n = shifted - magic;
  const vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
  vec p = splat(1.3888889e-3f);
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return reinterpret_cast<vec>(reinterpret_cast<ivec>(p) + (reinterpret_cast<ivec>(shifted) << 23));
}

// 2^f for f in [-0.5, 0.5], relative error below 2e-7.
FASTNLP_INLINE vec power_of_two(vec f) {
  const vec square = f * f;
  const vec low = 6.93147004e-1f * f + 1.0f;
  const vec middle = 5.55073358e-2f * f + 2.40222424e-1f;
  const vec high = 1.32647273e-3f * f + 9.67151299e-3f;
  return (high * square + middle) * square + low;
}

// 1 / (1 + exp(-x)), relative error below 6e-7; x beyond 30 may saturate, NaN stays NaN, which
// infinity may become.
FASTNLP_INLINE vec sigmoid(vec x) {
#if defined(__AVX512F__)
  // exp(-x) = 2^n * 2^f; beyond the range of floats it is 0 or infinite, and needs no bounds.
  const vec power = x * -1.44269504f;
  const __m512 n = _mm512_maskz_roundscale_ps(0xFFFF, reinterpret_cast<__m512>(power),
                                              _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const vec p = power_of_two(power - reinterpret_cast<vec>(n));
  return 1.0f /
         (1.0f + reinterpret_cast<vec>(_mm512_maskz_scalef_ps(0xFFFF, reinterpret_cast<__m512>(p), n)));
#else
  const vec magic = splat(0x1.8p23f);
  const vec power = within(x * -1.44269504f, splat(60.0f));
  const vec shifted = power + magic;  // the integer part sits in the low mantissa bits
  const vec p = power_of_two(power - (shifted - magic));
  const ivec scaled = reinterpret_cast<ivec>(p) + (reinterpret_cast<ivec>(shifted) << 23);
  return 1.0f / (1.0f + reinterpret_cast<vec>(scaled));
#endif
}

}  // namespace
}  // namespace fastnlp
