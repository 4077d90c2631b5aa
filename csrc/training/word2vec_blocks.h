// The arithmetic of word2vec: a small matrix product of input rows and output rows, its sigmoids, and the
// update of both sides. See word2vec_kernel.h for how it is used and what may be included here.
#pragma once

#include <cstdint>

#include "support/always_inline.h"
#include "training/lanes.h"
#include "training/word2vec_job.h"

namespace fastnlp {
namespace {

// Context rows in a block: with 32 registers 4 x 6 sums fit, with 16 half of them.
constexpr int kBlockRows = kWidth == 16 ? 4 : 2;

// The sums of neighbouring lanes of a, beside those of b: lanes Half apart are added where Half is 1 or 2,
// within quarters of 128 bits, and neighbouring quarters from 4 on. So lane_sums takes its steps in the order
// of the cheapest shuffles, and its sums end up in the order of the vectors.
template <int Half>
constexpr int fold_source(int lane) {
  if (Half < 4) {
    const int within = lane % 4;
    const int from = Half == 1 ? within / 2 : within % 2;
    const bool of_b = Half == 1 ? within % 2 : within / 2;
    return lane / 4 * 4 + from + (of_b ? kWidth : 0);
  }
  const int quarter = lane / 4, quarters = kWidth / 4;
  return 2 * quarter % quarters * 4 + lane % 4 + (quarter >= quarters / 2 ? kWidth : 0);
}
template <int Half>
constexpr int kFoldStep = Half < 4 ? 2 : 4;  // from the first lane of a sum to the second

#if defined(__clang__)
template <class Int, Int...>
struct LaneList {};  // shaped like std::integer_sequence, for the builtin that fills one

template <int Half, int... Lane>
FASTNLP_INLINE vec fold(vec a, vec b, LaneList<int, Lane...>) {
  return __builtin_shufflevector(a, b, fold_source<Half>(Lane)...) +
         __builtin_shufflevector(a, b, (fold_source<Half>(Lane) + kFoldStep<Half>)...);
}
template <int Half>
FASTNLP_INLINE vec fold(vec a, vec b) {
  return fold<Half>(a, b, __make_integer_seq<LaneList, int, kWidth>{});
}
#else
template <int Half>
FASTNLP_INLINE vec fold(vec a, vec b) {
  ivec first, second;
  for (int lane = 0; lane < kWidth; ++lane) {
    first[lane] = fold_source<Half>(lane);
    second[lane] = first[lane] + kFoldStep<Half>;
  }
  return __builtin_shuffle(a, b, first) + __builtin_shuffle(a, b, second);
}
#endif

// Lane l of lane_sums<Count>(v) is the sum of the lanes of v[l], for l < Count <= kWidth. Lanes from Count on
// are undefined.
template <int Count, int Vectors = kWidth, int First = 0>
FASTNLP_INLINE vec lane_sums(const vec* v) {
  if constexpr (Vectors == 1) {
    return v[First];
  } else {
    constexpr int kHalf = Vectors / 2;
    const vec a = lane_sums<Count, kHalf, First>(v);
    if constexpr (First + kHalf < Count) {
      return fold<kHalf>(a, lane_sums<Count, kHalf, First + kHalf>(v));
    } else {
      return fold<kHalf>(a, a);
    }
  }
}

// -sum log of the first `count` lanes, NaN where one of them is. Rare, so kept out of the way of the
// registers.
[[gnu::noinline]] double nats(const vec& likelihood, int count) {
  const vec logs = logarithm(likelihood + 1e-37f) + (likelihood - likelihood);
  double sum = 0.0;
  for (int lane = 0; lane < count; ++lane) sum -= static_cast<double>(logs[lane]);
  return sum;
}

// Bit (First + lane) % Columns of `labels` as 1 or 0: the labels of dots that stand row by row.
template <int Columns, int First>
FASTNLP_INLINE vec labels_of(std::uint32_t labels) {
  ivec column;
  for (int lane = 0; lane < kWidth; ++lane) column[lane] = 1 << (First + lane) % Columns;
  const ivec set = (column & (static_cast<std::int32_t>(labels) - ivec{})) != 0;
  return reinterpret_cast<vec>(set & reinterpret_cast<ivec>(splat(1.0f)));
}

// The sums of the dots from First on, kWidth at a time, and their labels.
template <int Dots, int Columns, int First = 0>
FASTNLP_INLINE void store_dots(const vec* dot, std::uint32_t labels, float* sums, float* wanted) {
  constexpr int kCount = Dots - First < kWidth ? Dots - First : kWidth;
  store(sums + First, lane_sums<kCount>(dot + First));
  store(wanted + First, labels_of<Columns, First>(labels));
  if constexpr (First + kWidth < Dots) {
    store_dots<Dots, Columns, First + kWidth>(dot, labels, sums, wanted);
  }
}

// How far the numbers of a row reach: whole vectors, and then half of a wide one where that holds the others.
// The padding behind them is not touched.
struct Extent {
  std::int64_t whole;
  bool half;
};

FASTNLP_INLINE Extent extent_of(std::int64_t dim) {
  const std::int64_t left = dim % kWidth;
  if (kWidth == 16 && left > 0 && left <= kWidth / 2) return {dim - left, true};
  return {(dim + kWidth - 1) / kWidth * kWidth, false};
}

// The products of Rows context rows x Columns output rows, row by row.
template <int Rows, int Columns>
FASTNLP_INLINE void take_dots(float* const* x, float* const* y, Extent extent, vec* dot) {
  if (extent.half) {
    half_vec rows[Rows];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) rows[i] = load_half(x[i] + extent.whole);
#pragma GCC unroll 16
    for (int j = 0; j < Columns; ++j) {
      const half_vec column = load_half(y[j] + extent.whole);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) dot[i * Columns + j] = half_product(rows[i], column);
    }
  } else {
#pragma GCC unroll 24
    for (int i = 0; i < Rows * Columns; ++i) dot[i] = vec{};
  }
  for (std::int64_t d = 0; d < extent.whole; d += kWidth) {
    vec rows[Rows];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) rows[i] = load(x[i] + d);
#pragma GCC unroll 16
    for (int j = 0; j < Columns; ++j) {
      vec column = load(y[j] + d);
      if (Rows > 1) hold(column);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) dot[i * Columns + j] += rows[i] * column;
    }
  }
}

// Moves both sides of a block along its gradients, each from the values the other had before. A row that
// stands twice among the outputs gets both updates, because each column is stored before the next is loaded.
template <int Rows, int Columns>
inline void apply_block(float* const* x, float* const* y, Extent extent, const float* gradient) {
  if (extent.half) {
    half_vec before[Rows], after[Rows];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) before[i] = after[i] = load_half(x[i] + extent.whole);
#pragma GCC unroll 16
    for (int j = 0; j < Columns; ++j) {
      const half_vec column = load_half(y[j] + extent.whole);
      half_vec moved = column;
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        const half_vec g = splat_half(gradient[i * Columns + j]);
        after[i] += g * column;
        moved += g * before[i];
      }
      store_half(y[j] + extent.whole, moved);
    }
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) store_half(x[i] + extent.whole, after[i]);
  }
  vec g[Rows * Columns];
#pragma GCC unroll 24
  for (int i = 0; i < Rows * Columns; ++i) g[i] = splat(gradient[i]);
  for (std::int64_t d = 0; d < extent.whole; d += kWidth) {
    vec before[Rows], after[Rows];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) before[i] = after[i] = load(x[i] + d);
#pragma GCC unroll 16
    for (int j = 0; j < Columns; ++j) {
      const vec column = load(y[j] + d);
      vec moved = column;
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        after[i] += g[i * Columns + j] * column;
        moved += g[i * Columns + j] * before[i];
      }
      store(y[j] + d, moved);
    }
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) store(x[i] + d, after[i]);
  }
}

// What meets at one center: n input rows and the output rows with their labels, and room for the gradients of
// all their blocks.
struct Meeting {
  float** x;
  float** y;
  float* gradient;        // block after block, each filled up to whole vectors
  float* wanted;          // the labels, likewise
  std::uint64_t* labels;  // bit j is the label of column j; one word more than hold them
  int n;
  int columns;
};

// Up to kWide<Rows> columns make one block. More are divided into as few blocks of up to kFull<Rows> as hold
// them, of sizes that differ by one at most: the dots of a full block are one vector, so it takes one tree of
// shuffles and one sigmoid with no lane idle.
template <int Rows>
constexpr int kWide = kWidth / Rows > 6 ? kWidth / Rows : 6;
template <int Rows>
constexpr int kFull = kWidth / Rows > 2 ? kWidth / Rows : 6;

// The room of so many scores: whole vectors.
constexpr int floats_of(int dots) { return (dots + kWidth - 1) / kWidth * kWidth; }

static_assert(floats_of(kBlockRows * 6) <= kScoreFloats);

// Calls f.template operator()<Width>() with Width == width, one of 1 to Most.
template <int Most, int Width = 1, class F>
FASTNLP_INLINE void with_width(int width, const F& f) {
  if constexpr (Width == Most) {
    f.template operator()<Width>();
  } else if (width == Width) {
    f.template operator()<Width>();
  } else {
    with_width<Most, Width + 1>(width, f);
  }
}

// Calls f.template operator()<N>(d) for runs of N vectors that cover a row, as many as Most each.
template <int Most, class F>
FASTNLP_INLINE void over_runs(std::int64_t pitch, F f) {
  std::int64_t d = 0;
  for (; d + Most * kWidth <= pitch; d += Most * kWidth) f.template operator()<Most>(d);
  const int left = static_cast<int>((pitch - d) / kWidth);
  if (left > 0) with_width<Most>(left, [=]<int N>() { f.template operator()<N>(d); });
}

// Into how many blocks so many columns are divided.
template <int Rows>
FASTNLP_INLINE int blocks_of(int columns) {
  const int most = columns <= kWide<Rows> ? kWide<Rows> : kFull<Rows>;
  return (columns + most - 1) / most;
}

// Calls f.template operator()<Columns>(first, gradient) for every block of `columns` columns with Rows rows;
// returns where the gradients of the next block stand.
template <int Rows, class F>
FASTNLP_INLINE float* over_columns(int columns, float* gradient, const F& f) {
  int left = blocks_of<Rows>(columns);
  for (int first = 0, width; first < columns; first += width, --left, gradient += floats_of(Rows * width)) {
    width = left == 1 ? columns - first : (columns - first + left - 1) / left;
    with_width<kWide<Rows>>(width, [&]<int Columns>() { f.template operator()<Columns>(first, gradient); });
  }
  return gradient;
}

// Calls f.template operator()<Rows, Columns>(row, first, gradient) for every block of a meeting.
template <class F>
FASTNLP_INLINE float* over_blocks(const Meeting& m, const F& f) {
  const auto rows = [&, columns = m.columns]<int Rows>(int row, float* gradient) {
    return over_columns<Rows>(columns, gradient, [&]<int Columns>(int first, float* block) {
      f.template operator()<Rows, Columns>(row, first, block);
    });
  };
  float* gradient = m.gradient;
  int row = 0;
  for (; row + kBlockRows <= m.n; row += kBlockRows) {
    gradient = rows.template operator()<kBlockRows>(row, gradient);
  }
  if constexpr (kBlockRows > 2) {
    if (m.n - row == 3) return rows.template operator()<3>(row, gradient);
    if (m.n - row == 2) return rows.template operator()<2>(row, gradient);
  }
  if (m.n - row == 1) return rows.template operator()<1>(row, gradient);
  return gradient;
}

// The labels of the columns from `first` on, in the low bits.
FASTNLP_INLINE std::uint32_t labels_from(const std::uint64_t* labels, int first) {
  labels += first / 64;
  return static_cast<std::uint32_t>(labels[0] >> first % 64 | labels[1] << 1 << (63 - first % 64));
}

// The loss of all dots of a meeting, in nats.
[[gnu::noinline]] double loss_of(const Meeting& m) {
  double loss = 0.0;
  over_blocks(m, [&]<int Rows, int Columns>(int, int, const float* sums) {
    const float* labels = m.wanted + (sums - m.gradient);
    for (int i = 0; i < Rows * Columns; i += kWidth) {
      const vec probability = sigmoid(load(sums + i)), wanted = load(labels + i);
      loss += nats(wanted * probability + (1.0f - wanted) * (1.0f - probability),
                   Rows * Columns - i < kWidth ? Rows * Columns - i : kWidth);
    }
  });
  return loss;
}

// All sums are taken before the first sigmoid: in between, its long chain of steps that wait for each other
// would keep the dot products of the next block out of the processor's queues.
[[gnu::noinline]] void score(const Meeting& m, Extent extent, float lr, double* loss) {
  float* const end = over_blocks(m, [&]<int Rows, int Columns>(int row, int first, float* sums) {
    vec dot[Rows * Columns];
    take_dots<Rows, Columns>(m.x + row, m.y + first, extent, dot);
    store_dots<Rows * Columns, Columns>(dot, labels_from(m.labels, first), sums,
                                        m.wanted + (sums - m.gradient));
  });
  if (loss) *loss += loss_of(m);
  const float* wanted = m.wanted;
  for (float* sums = m.gradient; sums < end; sums += kWidth, wanted += kWidth) {
    store(sums, (load(wanted) - sigmoid(load(sums))) * lr);
  }
}

[[gnu::noinline]] void apply(const Meeting& m, Extent extent) {
  over_blocks(m, [&]<int Rows, int Columns>(int row, int first, const float* gradient) {
    apply_block<Rows, Columns>(m.x + row, m.y + first, extent, gradient);
  });
}

}  // namespace
}  // namespace fastnlp
