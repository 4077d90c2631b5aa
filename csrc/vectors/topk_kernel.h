// The arithmetic of the nearest-row search, written once in vector extensions and compiled once per
// instruction set by the files that include it. Everything has internal linkage and calls no library
// function: an inline function shared between these files could be linked in a version that the machine
// cannot run.
#pragma once

#include <cstdint>

#include "vectors/topk_kernels.h"

namespace fastnlp {
namespace {

template <int kWidth>
struct Lanes {
  typedef float type __attribute__((vector_size(kWidth * 4)));
  typedef float unaligned __attribute__((vector_size(kWidth * 4), aligned(4), may_alias));

  static type load(const float* p) { return *reinterpret_cast<const unaligned*>(p); }
  static void store(float* p, type value) { *reinterpret_cast<unaligned*>(p) = value; }
};

// Dimensions summed in one run of registers before they are added to the total, which keeps the rounding
// error of long rows near that of short ones.
constexpr std::int64_t kRun = 128;

// kRows rows against 2 * kWidth queries that lie interleaved: packed[d][query].
template <int kWidth, int kRows>
void score_rows(const float* rows, std::int64_t pitch, const float* packed, std::int64_t dim,
                const float* inverse_norms, float* scores, float* peaks) {
  using V = Lanes<kWidth>;
  using Vector = typename V::type;
  Vector total[kRows][2] = {};
  for (std::int64_t first = 0; first < dim; first += kRun) {
    const std::int64_t last = first + kRun < dim ? first + kRun : dim;
    Vector sum[kRows][2] = {};
    for (std::int64_t d = first; d < last; ++d) {
      const Vector left = V::load(packed + d * 2 * kWidth);
      const Vector right = V::load(packed + d * 2 * kWidth + kWidth);
      for (int r = 0; r < kRows; ++r) {
        const float value = rows[r * pitch + d];
        sum[r][0] += left * value;
        sum[r][1] += right * value;
      }
    }
    for (int r = 0; r < kRows; ++r) {
      total[r][0] += sum[r][0];
      total[r][1] += sum[r][1];
    }
  }
  for (int half = 0; half < 2; ++half) {
    Vector peak = Vector{} - 3.0e38f;
    for (int r = 0; r < kRows; ++r) {
      // A row without a direction may hold NaN, which a product with 0 would keep.
      const Vector score = inverse_norms[r] == 0.0f ? Vector{} : total[r][half] * inverse_norms[r];
      V::store(scores + (r * 2 + half) * kWidth, score);
      peak = score > peak ? score : peak;
    }
    V::store(peaks + half * kWidth, peak);
  }
}

template <int kWidth, int kRows>
void score_tile(const float* rows, std::int64_t pitch, std::int64_t count, const float* packed,
                std::int64_t dim, const float* inverse_norms, float* scores, float* peaks) {
  constexpr int kQueries = 2 * kWidth;
  std::int64_t r = 0;
  for (; r + kRows <= count; r += kRows) {
    score_rows<kWidth, kRows>(rows + r * pitch, pitch, packed, dim, inverse_norms + r, scores + r * kQueries,
                              peaks);
    peaks += kQueries;
  }
  for (; r < count; ++r) {
    score_rows<kWidth, 1>(rows + r * pitch, pitch, packed, dim, inverse_norms + r, scores + r * kQueries,
                          peaks);
    peaks += kQueries;
  }
}

// kRows rows against one query, lanes along the dimensions.
template <int kWidth, int kRows>
void score_one(const float* rows, std::int64_t pitch, const float* query, std::int64_t dim,
               const float* inverse_norms, float* scores) {
  using V = Lanes<kWidth>;
  using Vector = typename V::type;
  Vector sum[kRows] = {};
  std::int64_t d = 0;
  for (; d + kWidth <= dim; d += kWidth) {
    const Vector q = V::load(query + d);
    for (int r = 0; r < kRows; ++r) sum[r] += V::load(rows + r * pitch + d) * q;
  }
  for (int r = 0; r < kRows; ++r) {
    float dot = 0.0f;
    for (int lane = 0; lane < kWidth; ++lane) dot += sum[r][lane];
    for (std::int64_t rest = d; rest < dim; ++rest) dot += rows[r * pitch + rest] * query[rest];
    scores[r] = inverse_norms[r] == 0.0f ? 0.0f : dot * inverse_norms[r];
  }
}

template <int kWidth>
void score_single(const float* rows, std::int64_t pitch, std::int64_t count, const float* query,
                  std::int64_t dim, const float* inverse_norms, float* scores) {
  std::int64_t r = 0;
  for (; r + 4 <= count; r += 4)
    score_one<kWidth, 4>(rows + r * pitch, pitch, query, dim, inverse_norms + r, scores + r);
  for (; r < count; ++r)
    score_one<kWidth, 1>(rows + r * pitch, pitch, query, dim, inverse_norms + r, scores + r);
}

// A plain loop: compilers make one multiplication of pairs of 16-bit numbers of it on every instruction set.
inline void dot_codes(const std::int8_t* codes, std::int64_t pitch, std::int64_t width, std::int64_t count,
                      const std::int16_t* query, std::int32_t* dots) {
  const std::int64_t steps = width / kCodeStep;
  for (std::int64_t r = 0; r < count; ++r) {
    const std::int8_t* row = codes + r * pitch;
    std::int32_t sum = 0;
    for (std::int64_t d = 0; d < steps * kCodeStep; ++d)
      sum += static_cast<std::int32_t>(static_cast<std::int16_t>(row[d])) * query[d];
    dots[r] = sum;
  }
}

// Exponent and fraction at their places in a float32 are the number times 2^-112, subnormals included.
inline void widen_halves(const std::uint16_t* halves, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t half = halves[i];
    const std::uint32_t magnitude = half & 0x7FFFu;
    const float scaled = __builtin_bit_cast(float, magnitude << 13) * 0x1p112f;
    const std::uint32_t special = magnitude >= 0x7C00u ? 0x7F800000u : 0u;  // infinity and NaN
    out[i] = __builtin_bit_cast(float,
                                __builtin_bit_cast(std::uint32_t, scaled) | special | (half & 0x8000u) << 16);
  }
}

inline void widen_int8(const std::int8_t* numbers, std::int64_t count, float scale, float* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(numbers[i]) * scale;
}

template <int kWidth, bool kProducts>
typename Lanes<kWidth>::type analogy_scores(const float* a, const float* b, const float* c) {
  using V = Lanes<kWidth>;
  if constexpr (!kProducts) return V::load(b) - V::load(a) + V::load(c);
  return (1.0f + V::load(b)) * 0.5f * ((1.0f + V::load(c)) * 0.5f) / ((1.0f + V::load(a)) * 0.5f + 1e-6f);
}

template <int kWidth, bool kProducts>
std::int64_t reaching_questions(const float* cosines, const std::int32_t* questions, std::int64_t count,
                                const float* thresholds, std::int32_t* reached) {
  constexpr int kTile = 2 * kWidth;
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float* const a = cosines + questions[3 * i] * std::int64_t{kTile};
    const float* const b = cosines + questions[3 * i + 1] * std::int64_t{kTile};
    const float* const c = cosines + questions[3 * i + 2] * std::int64_t{kTile};
    const auto left = analogy_scores<kWidth, kProducts>(a, b, c);
    const auto right = analogy_scores<kWidth, kProducts>(a + kWidth, b + kWidth, c + kWidth);
    const auto above = (left > thresholds[i]) | (right > thresholds[i]);
    int any = 0;
    for (int lane = 0; lane < kWidth; ++lane) any |= above[lane];
    reached[found] = static_cast<std::int32_t>(i);
    found += any != 0;
  }
  return found;
}

template <int kWidth>
std::int64_t reaching(const float* cosines, const std::int32_t* questions, std::int64_t count,
                      bool by_products, const float* thresholds, std::int32_t* reached) {
  return by_products ? reaching_questions<kWidth, true>(cosines, questions, count, thresholds, reached)
                     : reaching_questions<kWidth, false>(cosines, questions, count, thresholds, reached);
}

template <int kWidth>
void combine(const float* cosines, const std::int32_t* question, bool by_products, float* scores) {
  constexpr int kTile = 2 * kWidth;
  for (int lane = 0; lane < kTile; lane += kWidth) {
    const float* const a = cosines + question[0] * std::int64_t{kTile} + lane;
    const float* const b = cosines + question[1] * std::int64_t{kTile} + lane;
    const float* const c = cosines + question[2] * std::int64_t{kTile} + lane;
    Lanes<kWidth>::store(scores + lane, by_products ? analogy_scores<kWidth, true>(a, b, c)
                                                    : analogy_scores<kWidth, false>(a, b, c));
  }
}

template <int kWidth, int kRows>
constexpr NearestKernels make_kernels(const char* name) {
  return {name,       2 * kWidth,    kRows,       &score_tile<kWidth, kRows>, &score_single<kWidth>,
          &dot_codes, &widen_halves, &widen_int8, &reaching<kWidth>,          &combine<kWidth>};
}

}  // namespace
}  // namespace fastnlp
