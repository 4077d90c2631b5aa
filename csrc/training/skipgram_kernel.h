// The inner loop of skip-gram with negative sampling, written once in vector extensions and compiled once per
// instruction set (skipgram_avx512.cc, skipgram_avx2.cc, skipgram_baseline.cc). Included by those files only.
//
// All contexts of a center meet the center's output row and K negatives in one small matrix product (level-3
// shape after Ji et al. 2016, arXiv:1604.04661): a block of up to 4 context rows and 6 output rows keeps its
// 24 dot products in registers, one vectorised sigmoid serves them all, and one second pass over D updates
// both sides. A context row lives in a thread-local ring while its word is within reach of the window and
// goes back to the table once, as a delta (after FULL-W2V, arXiv:2209.01108).
//
// No standard headers with inline functions here: the linker could pick their AVX-512 copy for everybody.
#pragma once

#include "training/skipgram_job.h"

namespace fastnlp {
namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

#if defined(__AVX512F__)
constexpr int kWidth = 16;     // floats in a vector
constexpr int kBlockRows = 4;  // context rows per block: 4 x 6 accumulators fit 32 registers
#elif defined(__AVX2__)
constexpr int kWidth = 8;
constexpr int kBlockRows = 2;
#else
constexpr int kWidth = 4;
constexpr int kBlockRows = 2;
#endif
constexpr int kBlockColumns = 6;

typedef float vec __attribute__((vector_size(4 * kWidth)));
typedef std::int32_t ivec __attribute__((vector_size(4 * kWidth)));
typedef float loose_vec __attribute__((vector_size(4 * kWidth), aligned(4)));

#define FASTNLP_INLINE [[gnu::always_inline]] inline

FASTNLP_INLINE vec splat(float x) { return x - vec{}; }
FASTNLP_INLINE vec load(const float* p) { return *reinterpret_cast<const vec*>(p); }
FASTNLP_INLINE void store(float* p, vec x) { *reinterpret_cast<vec*>(p) = x; }

// 1 / (1 + exp(-x)), relative error below 3e-7; x beyond 30 saturates, NaN stays NaN.
FASTNLP_INLINE vec sigmoid(vec x) {
  vec z = -x;
  z = z > 30.0f ? splat(30.0f) : z;
  z = z < -30.0f ? splat(-30.0f) : z;
  const vec magic = splat(0x1.8p23f);
  const vec shifted = z * 1.44269504f + magic;  // the integer part sits in the low mantissa bits
  const vec n = shifted - magic;
  const vec r = z - n * 0.693359375f + n * 2.12194440e-4f;
  vec p = splat(1.3888889e-3f);
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const ivec exponent = reinterpret_cast<ivec>(shifted) << 23;
  const vec e = reinterpret_cast<vec>(reinterpret_cast<ivec>(p) + exponent);
  return 1.0f / (1.0f + e);
}

// Half of a's lanes folded onto the other half, beside the same of b: within every group of 2 * Half lanes
// the lower Half holds a's partial sums and the upper Half b's.
#if defined(__clang__)
template <class Int, Int...>
struct LaneList {};  // shaped like std::integer_sequence, for the builtin that fills one

// The lane of a, or of b from kWidth on, that a lane receives first; the second lies Half further up.
template <int Half>
constexpr int fold_source(int lane) {
  const int group = lane / (2 * Half) * (2 * Half);
  const int within = lane % (2 * Half);
  return within < Half ? group + within : kWidth + group + within - Half;
}

template <int Half, int... Lane>
FASTNLP_INLINE vec fold(vec a, vec b, LaneList<int, Lane...>) {
  return __builtin_shufflevector(a, b, fold_source<Half>(Lane)...) +
         __builtin_shufflevector(a, b, (fold_source<Half>(Lane) + Half)...);
}
template <int Half>
FASTNLP_INLINE vec fold(vec a, vec b) {
  return fold<Half>(a, b, __make_integer_seq<LaneList, int, kWidth>{});
}
#else
template <int Half>
FASTNLP_INLINE vec fold(vec a, vec b) {
  ivec low, high;
  for (int lane = 0; lane < kWidth; ++lane) {
    const int group = lane / (2 * Half) * (2 * Half);
    const int within = lane % (2 * Half);
    low[lane] = within < Half ? group + within : kWidth + group + within - Half;
    high[lane] = low[lane] + Half;
  }
  return __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, high);
}
#endif

// Lane l of lane_sums<Count>(v) is the sum of the lanes of v[l], for l < Count <= kWidth: a tree that folds
// vectors Stride apart. Lanes from Count on are undefined.
template <int Count, int First = 0, int Stride = 1>
FASTNLP_INLINE vec lane_sums(const vec* v) {
  if constexpr (Stride == kWidth) {
    return v[First];
  } else {
    const vec a = lane_sums<Count, First, 2 * Stride>(v);
    if constexpr (First + Stride < Count) {
      return fold<Stride>(a, lane_sums<Count, First + Stride, 2 * Stride>(v));
    } else {
      return fold<Stride>(a, a);
    }
  }
}

// -sum log of the first `count` lanes. Rare, so kept out of the way of the registers.
[[gnu::noinline]] double nats(const vec& likelihood, int count) {
  double sum = 0.0;
  for (int lane = 0; lane < count; ++lane)
    sum -= __builtin_log(static_cast<double>(likelihood[lane]) + 1e-37);
  return sum;
}

// (label - s(dot)) * lr for the dots from First on, kWidth at a time; adds the loss where it is asked for. A
// dot at index i * Columns has label 1 if HasPositive.
template <int Dots, int Columns, bool HasPositive, int First = 0>
FASTNLP_INLINE void to_gradients(const vec* dot, float* gradient, float lr, double* loss) {
  constexpr int kCount = Dots - First < kWidth ? Dots - First : kWidth;
  const vec probability = sigmoid(lane_sums<kCount>(dot + First));
  vec label = {};
  for (int lane = 0; lane < kCount; ++lane) label[lane] = HasPositive && (First + lane) % Columns == 0;
  store(gradient + First, (label - probability) * lr);
  if (loss) *loss += nats(label * probability + (1.0f - label) * (1.0f - probability), kCount);
  if constexpr (First + kWidth < Dots) {
    to_gradients<Dots, Columns, HasPositive, First + kWidth>(dot, gradient, lr, loss);
  }
}

// A block is Rows context rows x Columns output rows. Its gradients take kBlockFloats floats, row by row.
constexpr int kBlockFloats = (kBlockRows * kBlockColumns + kWidth - 1) / kWidth * kWidth;
static_assert(kBlockFloats <= kScoreFloats);

// The gradients of a block, whose first column is the positive one if HasPositive.
template <int Rows, int Columns, bool HasPositive>
inline void score_block(float* const* x, float* const* y, std::int64_t pitch, float lr, double* loss,
                        float* gradient) {
  vec dot[Rows * Columns] = {};
  for (std::int64_t d = 0; d < pitch; d += kWidth) {
    vec rows[Rows];
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) rows[i] = load(x[i] + d);
#pragma GCC unroll 8
    for (int j = 0; j < Columns; ++j) {
      const vec column = load(y[j] + d);
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) dot[i * Columns + j] += rows[i] * column;
    }
  }
  to_gradients<Rows * Columns, Columns, HasPositive>(dot, gradient, lr, loss);
}

// Moves both sides of a block along its gradients, each from the values the other had before. A row that
// stands twice among the outputs gets both updates, because each column is stored before the next is loaded.
template <int Rows, int Columns>
inline void apply_block(float* const* x, float* const* y, std::int64_t pitch, const float* gradient) {
  for (std::int64_t d = 0; d < pitch; d += kWidth) {
    vec before[Rows], after[Rows];
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) before[i] = after[i] = load(x[i] + d);
#pragma GCC unroll 8
    for (int j = 0; j < Columns; ++j) {
      const vec column = load(y[j] + d);
      vec moved = column;
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) {
        const vec g = splat(gradient[i * Columns + j]);
        after[i] += g * column;
        moved += g * before[i];
      }
      store(y[j] + d, moved);
    }
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) store(x[i] + d, after[i]);
  }
}

// What meets at one center: n context rows, 1 + K output rows with the positive one first, and room for the
// gradients of all their blocks.
struct Meeting {
  float** x;
  float** y;
  float* gradient;
  int n;
  int columns;
};

// Calls f.template operator()<Rows, Columns, HasPositive>(x, y, gradient) for every block of a meeting.
template <int Rows, class F>
FASTNLP_INLINE void over_columns(const Meeting& m, int row, float*& gradient, F f) {
  for (int first = 0; first < m.columns; first += kBlockColumns, gradient += kBlockFloats) {
    float* const* x = m.x + row;
    float* const* y = m.y + first;
    if (first == 0) {
      switch (m.columns) {
        case 1:
          f.template operator()<Rows, 1, true>(x, y, gradient);
          break;
        case 2:
          f.template operator()<Rows, 2, true>(x, y, gradient);
          break;
        case 3:
          f.template operator()<Rows, 3, true>(x, y, gradient);
          break;
        case 4:
          f.template operator()<Rows, 4, true>(x, y, gradient);
          break;
        case 5:
          f.template operator()<Rows, 5, true>(x, y, gradient);
          break;
        default:
          f.template operator()<Rows, 6, true>(x, y, gradient);
          break;
      }
    } else {
      switch (m.columns - first) {
        case 1:
          f.template operator()<Rows, 1, false>(x, y, gradient);
          break;
        case 2:
          f.template operator()<Rows, 2, false>(x, y, gradient);
          break;
        case 3:
          f.template operator()<Rows, 3, false>(x, y, gradient);
          break;
        case 4:
          f.template operator()<Rows, 4, false>(x, y, gradient);
          break;
        case 5:
          f.template operator()<Rows, 5, false>(x, y, gradient);
          break;
        default:
          f.template operator()<Rows, 6, false>(x, y, gradient);
          break;
      }
    }
  }
}

template <class F>
FASTNLP_INLINE void over_blocks(const Meeting& m, F f) {
  float* gradient = m.gradient;
  int row = 0;
  for (; row + kBlockRows <= m.n; row += kBlockRows) over_columns<kBlockRows>(m, row, gradient, f);
  if constexpr (kBlockRows > 2) {
    if (m.n - row == 3) return over_columns<3>(m, row, gradient, f);
    if (m.n - row == 2) return over_columns<2>(m, row, gradient, f);
  }
  if (m.n - row == 1) over_columns<1>(m, row, gradient, f);
}

[[gnu::noinline]] void score(const Meeting& m, std::int64_t pitch, float lr, double* loss) {
  over_blocks(
      m, [=]<int Rows, int Columns, bool HasPositive>(float* const* x, float* const* y, float* gradient) {
        score_block<Rows, Columns, HasPositive>(x, y, pitch, lr, loss, gradient);
      });
}

[[gnu::noinline]] void apply(const Meeting& m, std::int64_t pitch) {
  over_blocks(
      m, [=]<int Rows, int Columns, bool HasPositive>(float* const* x, float* const* y, float* gradient) {
        apply_block<Rows, Columns>(x, y, pitch, gradient);
      });
}

// Philox4x32-10 for 16 counters at once; the same numbers as philox::block. Words stand in 64-bit lanes, so
// that one vector multiplication gives both halves of the product.
typedef u64 lanes8 __attribute__((vector_size(64)));

struct Lanes {
  lanes8 word[4][2];
  u32 at(int w, int lane) const { return static_cast<u32>(word[w][lane / 8][lane % 8]); }
};

FASTNLP_INLINE void philox_lanes(Lanes& c, u64 seed) {
  const lanes8 low = lanes8{} + 0xFFFFFFFFu;
  u64 k0 = seed & 0xFFFFFFFFu, k1 = seed >> 32;
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const lanes8 p0 = c.word[0][half] * u64{0xD2511F53u};
      const lanes8 p1 = c.word[2][half] * u64{0xCD9E8D57u};
      c.word[0][half] = (p1 >> 32) ^ c.word[1][half] ^ k0;
      c.word[1][half] = p1 & low;
      c.word[2][half] = (p0 >> 32) ^ c.word[3][half] ^ k1;
      c.word[3][half] = p0 & low;
    }
    k0 = (k0 + 0x9E3779B9u) & 0xFFFFFFFFu;
    k1 = (k1 + 0xBB67AE85u) & 0xFFFFFFFFu;
  }
}

// The counters of 16 positions: {position low, position high, epoch, stream << 24 | block}.
FASTNLP_INLINE Lanes counters(const lanes8 positions[2], u32 epoch, u32 stream, u32 block) {
  Lanes c;
  for (int half = 0; half < 2; ++half) {
    c.word[0][half] = positions[half] & 0xFFFFFFFFu;
    c.word[1][half] = positions[half] >> 32;
    c.word[2][half] = lanes8{} + epoch;
    c.word[3][half] = lanes8{} + (stream << 24 | (block & 0xFFFFFFu));
  }
  return c;
}

constexpr u32 kTokenStream = 0, kNegativeStream = 1;

FASTNLP_INLINE bool passes(u32 limit, u32 word) { return (word < limit) | (limit == 0xFFFFFFFFu); }
FASTNLP_INLINE int pick(u32 word, u32 n) { return static_cast<int>((u64{word} * n) >> 32); }

// Appends the tokens of corpus positions [begin, end) that survive subsampling, with their windows.
inline void keep_tokens(SkipGramJob& job, std::int64_t begin, std::int64_t end) {
  const lanes8 step = {0, 1, 2, 3, 4, 5, 6, 7};
  for (std::int64_t start = begin; start < end; start += 16) {
    const lanes8 positions[2] = {step + static_cast<u64>(start), step + static_cast<u64>(start) + 8u};
    Lanes random = counters(positions, job.epoch, kTokenStream, 0);
    philox_lanes(random, job.seed);
    const int count = end - start < 16 ? static_cast<int>(end - start) : 16;
    for (int l = 0; l < count; ++l) {
      const std::int32_t id = job.ids[start + l];
      const std::int64_t n = job.kept;
      job.word[n] = id;
      job.position[n] = start + l;
      job.reach[n] = job.shrink ? 1 + pick(random.at(1, l), static_cast<u32>(job.window)) : job.window;
      job.kept += passes(job.keep[id], random.at(0, l));
    }
  }
}

FASTNLP_INLINE std::int32_t noise_word(const SkipGramJob& job, u32 column_word, u32 threshold_word) {
  const std::int32_t own = pick(column_word, job.noise_size);
  const std::int32_t mask = -static_cast<std::int32_t>(passes(job.noise[own].threshold, threshold_word));
  return (own & mask) | (job.noise[own].alias & ~mask);
}

// Draws number d, d + 1, ... of a center's stream until one is not the center. Where the center holds nearly
// all the weight, the next word that can be drawn stands in after 64 tries: never an endless loop.
inline std::int32_t redraw(const SkipGramJob& job, std::int64_t position, std::int32_t center, u32& d) {
  for (int tries = 0; tries < 64; ++tries) {
    const lanes8 positions[2] = {lanes8{} + static_cast<u64>(position), {}};
    Lanes random = counters(positions, job.epoch, kNegativeStream, d / 2);
    philox_lanes(random, job.seed);
    const int odd = d & 1;
    ++d;
    const std::int32_t drawn = noise_word(job, random.at(2 * odd, 0), random.at(2 * odd + 1, 0));
    if (drawn != center) return drawn;
  }
  std::int32_t next = center;
  for (u32 i = 0; i < job.noise_size; ++i) {
    next = next + 1 < static_cast<std::int32_t>(job.noise_size) ? next + 1 : 0;
    if (next != center && job.noise[next].threshold != 0) return next;
  }
  return job.noise[center].alias;
}

FASTNLP_INLINE std::int32_t* drawn_row(const SkipGramJob& job, std::int64_t center) {
  return job.drawn + (center & (kDrawnRows - 1)) * job.negatives;
}

// The K shared negatives of kept tokens [first, last), into their rows of the ring job.drawn.
inline void draw_negatives(SkipGramJob& job, std::int64_t first, std::int64_t last) {
  const int k = job.negatives;
  for (std::int64_t start = first; start < last; start += 16) {
    const int count = last - start < 16 ? static_cast<int>(last - start) : 16;
    lanes8 positions[2] = {};
    for (int l = 0; l < count; ++l) positions[l / 8][l % 8] = static_cast<u64>(job.position[start + l]);
    for (int d = 0; d < k; d += 2) {
      Lanes random = counters(positions, job.epoch, kNegativeStream, static_cast<u32>(d / 2));
      philox_lanes(random, job.seed);
      for (int l = 0; l < count; ++l) {
        std::int32_t* row = drawn_row(job, start + l);
        row[d] = noise_word(job, random.at(0, l), random.at(1, l));
        if (d + 1 < k) row[d + 1] = noise_word(job, random.at(2, l), random.at(3, l));
      }
    }
    for (int l = 0; l < count; ++l) {
      const std::int32_t center = job.word[start + l];
      std::int32_t* row = drawn_row(job, start + l);
      bool hit = false;
      for (int i = 0; i < k; ++i) hit |= row[i] == center;
      if (!hit) continue;
      // The draw is dropped, the later ones move up, and the stream goes on behind them.
      int good = 0;
      for (int i = 0; i < k; ++i) {
        row[good] = row[i];
        good += row[i] != center;
      }
      u32 d = static_cast<u32>(k);
      for (; good < k; ++good) row[good] = redraw(job, job.position[start + l], center, d);
    }
  }
}

FASTNLP_INLINE void fetch_ahead(const float* row, std::int64_t pitch) {
  for (std::int64_t d = 0; d < pitch; d += 16) __builtin_prefetch(row + d, 0, 2);
}

FASTNLP_INLINE void fetch_context(SkipGramJob& job, std::int64_t n) {
  const float* from = job.input + job.word[n] * job.pitch;
  float* row = job.ring + (n & job.ring_mask) * 2 * job.pitch;
  for (std::int64_t d = 0; d < job.pitch; d += kWidth) {
    const vec value = load(from + d);
    store(row + d, value);
    store(row + job.pitch + d, value);
  }
}

FASTNLP_INLINE void return_context(SkipGramJob& job, std::int64_t n) {
  float* to = job.input + job.word[n] * job.pitch;
  const float* row = job.ring + (n & job.ring_mask) * 2 * job.pitch;
  for (std::int64_t d = 0; d < job.pitch; d += kWidth) {
    store(to + d, load(to + d) + (load(row + d) - load(row + job.pitch + d)));
  }
}

// The contexts of kept token c, from the ring.
FASTNLP_INLINE int gather_contexts(const SkipGramJob& job, std::int64_t c, float** x) {
  const std::int64_t low = job.first[c] > c - job.reach[c] ? job.first[c] : c - job.reach[c];
  const std::int64_t high = job.last[c] < c + job.reach[c] ? job.last[c] : c + job.reach[c];
  int n = 0;
  for (std::int64_t i = low; i <= high; ++i) {
    x[n] = job.ring + (i & job.ring_mask) * 2 * job.pitch;
    n += i != c;
  }
  return n;
}

// Trains every center of a unit whose tokens stand in job.word, .position, .reach, .first and .last.
//
// The scores of center c + 1 are taken before center c is applied: while the sigmoids of one are on their way
// the dot products of the next keep the multipliers busy. A center thus sees its neighbour's update one step
// late.
inline void train_kept(SkipGramJob& job) {
  const std::int64_t pitch = job.pitch;
  const int k = job.negatives;
  const int lookahead = 4;
  std::int64_t entered = 0, left = 0, drawn = 0;
  Meeting meeting[2];
  for (int i = 0; i < 2; ++i) {
    meeting[i] = {job.rows + i * job.rows_each, job.rows + i * job.rows_each + 2 * job.window + 1,
                  job.gradient + i * job.gradient_each, 0, 1 + k};
  }
  for (std::int64_t c = 0; c < job.kept; ++c) {
    if (job.shared && drawn < job.kept && drawn <= c + lookahead) {
      const std::int64_t until = drawn + kDrawnRows / 2 < job.kept ? drawn + kDrawnRows / 2 : job.kept;
      draw_negatives(job, drawn, until);
      drawn = until;
    }
    const std::int64_t ahead = c + lookahead;
    if (ahead < job.kept) {
      fetch_ahead(job.output + job.word[ahead] * pitch, pitch);
      if (job.shared) {
        const std::int32_t* row = drawn_row(job, ahead);
        for (int i = 0; i < k; ++i) fetch_ahead(job.output + row[i] * pitch, pitch);
      }
      if (ahead + job.window < job.kept) fetch_ahead(job.input + job.word[ahead + job.window] * pitch, pitch);
    }
    for (; left < c - job.window - 1; ++left) return_context(job, left);
    for (; entered < job.kept && entered <= c + job.window; ++entered) fetch_context(job, entered);

    Meeting& now = meeting[c & 1];
    Meeting& previous = meeting[~c & 1];
    now.n = gather_contexts(job, c, now.x);
    const bool sampled = (job.position[c] & (kLossEvery - 1)) == 0;
    double* loss = sampled ? &job.loss : nullptr;
    now.y[0] = job.output + job.word[c] * pitch;
    if (job.shared) {
      const std::int32_t* row = drawn_row(job, c);
      for (int i = 0; i < k; ++i) now.y[1 + i] = job.output + row[i] * pitch;
      score(now, pitch, job.lr, loss);
      if (c > 0) apply(previous, pitch);
    } else {
      u32 d = 0;
      for (int i = 0; i < now.n; ++i) {
        Meeting pair = {now.x + i, now.y, now.gradient, 1, 1 + k};
        for (int j = 0; j < k; ++j) {
          pair.y[1 + j] = job.output + redraw(job, job.position[c], job.word[c], d) * pitch;
        }
        score(pair, pitch, job.lr, loss);
        apply(pair, pitch);
      }
    }
    if (sampled) job.loss_pairs += now.n;
    job.pairs += now.n;
  }
  if (job.shared && job.kept > 0) apply(meeting[~job.kept & 1], pitch);
  for (; left < entered; ++left) return_context(job, left);
}

}  // namespace
}  // namespace fastnlp
