// The arithmetic of CBOW: the hidden vector of a center, combined of its contexts, and the output rows that
// it meets. See word2vec_kernel.h for how it is used and what may be included here.
//
// A run of vectors of the hidden vector stays in registers while whole rows pass by, however many there are.
// So what code runs depends on D alone, which a processor foresees. Blocks of so many rows, as in skip-gram,
// would depend on the length of a path and on the width of a window, which it does not.
#pragma once

#include <cstdint>

#include "support/always_inline.h"
#include "training/lanes.h"
#include "training/word2vec_blocks.h"
#include "training/word2vec_job.h"

namespace fastnlp {
namespace {

constexpr int kRun = kWidth == 16 ? 8 : 4;  // vectors; twice as many fill half of the registers

FASTNLP_INLINE float scale_of(bool mean, int n) { return mean ? 1.0f / static_cast<float>(n) : 1.0f; }

// Contexts of a hidden vector, and what they are worth to it or it to them.
struct Combined {
  float* const* x;
  int n;
  float scale;
};

// row + d in one register: compilers would rather hold d, d + kWidth, ... in one each.
FASTNLP_INLINE float* from_run(float* row, std::int64_t d) {
  row += d;
  asm("" : "+r"(row));
  return row;
}

template <int N>
FASTNLP_INLINE void load_run(const float* row, vec* run) {
#pragma GCC unroll 8
  for (int v = 0; v < N; ++v) {
    run[v] = load(row + v * kWidth);
    hold(run[v]);
  }
}

// hidden = the scaled sum of the contexts.
[[gnu::noinline]] void combine(const Combined& contexts, std::int64_t pitch, float* hidden) {
  over_runs<kRun>(pitch, [=]<int N>(std::int64_t d) {
    vec sum[N] = {};
    for (int i = 0; i < contexts.n; ++i) {
      const float* x = from_run(contexts.x[i], d);
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) sum[v] += load(x + v * kWidth);
    }
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) store(hidden + d + v * kWidth, sum[v] * contexts.scale);
  });
}

template <int N>
FASTNLP_INLINE void move_run(const Combined& contexts, std::int64_t d, vec* error) {
#pragma GCC unroll 8
  for (int v = 0; v < N; ++v) error[v] *= contexts.scale;
  for (int i = 0; i < contexts.n; ++i) {
    float* x = from_run(contexts.x[i], d);
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) store(x + v * kWidth, load(x + v * kWidth) + error[v]);
  }
}

// The gradients of the columns that a hidden vector meets, one after another. `dots` is room for kWidth
// vectors.
[[gnu::noinline]] void score_hidden(const float* hidden, const Meeting& m, std::int64_t pitch, float lr,
                                    double* loss, vec* dots) {
  for (int first = 0; first < m.columns; first += kWidth) {
    const int count = m.columns - first < kWidth ? m.columns - first : kWidth;
    over_runs<kRun>(pitch, [=]<int N>(std::int64_t d) {
      vec h[N];
      load_run<N>(hidden + d, h);
      for (int j = 0; j < count; ++j) {
        const float* y = from_run(m.y[first + j], d);
        vec dot = d == 0 ? vec{} : dots[j];
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) dot += h[v] * load(y + v * kWidth);
        dots[j] = dot;
      }
    });
    const vec probability = sigmoid(lane_sums<kWidth>(dots));
    const vec wanted = labels_of<kWidth, 0>(labels_from(m.labels, first));
    store(m.gradient + first, (wanted - probability) * lr);
    if (loss) *loss += nats(wanted * probability + (1.0f - wanted) * (1.0f - probability), count);
  }
}

// Moves the columns along their gradients, and the contexts along the error of their hidden vector.
[[gnu::noinline]] void apply_hidden(const float* hidden, const Meeting& m, const Combined& contexts,
                                    std::int64_t pitch) {
  over_runs<kRun>(pitch, [&]<int N>(std::int64_t d) {
    vec h[N], error[N] = {};
    load_run<N>(hidden + d, h);
    for (int j = 0; j < m.columns; ++j) {
      float* y = from_run(m.y[j], d);
      const vec g = splat(m.gradient[j]);
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        const vec column = load(y + v * kWidth);
        error[v] += g * column;
        store(y + v * kWidth, column + g * h[v]);
      }
    }
    move_run<N>(contexts, d, error);
  });
}

// The same for two hidden vectors that meet the same columns, scored as the rows of a meeting. `error` is
// room for their errors.
[[gnu::noinline]] void apply_hidden_pair(const Meeting& m, const Combined* contexts, std::int64_t pitch,
                                         float* error) {
  over_columns<2>(m.columns, m.gradient, [=]<int Columns>(int first, const float* gradient) {
    float* y[Columns];
    vec g[2 * Columns];
#pragma GCC unroll 16
    for (int j = 0; j < Columns; ++j) y[j] = m.y[first + j];
#pragma GCC unroll 16
    for (int j = 0; j < 2 * Columns; ++j) g[j] = splat(gradient[j]);
    for (std::int64_t d = 0; d < pitch; d += kWidth) {
      const vec left = load(m.x[0] + d), right = load(m.x[1] + d);
      vec left_error = first == 0 ? vec{} : load(error + d);
      vec right_error = first == 0 ? vec{} : load(error + pitch + d);
#pragma GCC unroll 16
      for (int j = 0; j < Columns; ++j) {
        const vec column = load(y[j] + d);
        left_error += g[j] * column;
        right_error += g[Columns + j] * column;
        store(y[j] + d, column + g[j] * left + g[Columns + j] * right);
      }
      store(error + d, left_error);
      store(error + pitch + d, right_error);
    }
  });
  over_runs<kRun>(pitch, [=]<int N>(std::int64_t d) {
    for (int i = 0; i < 2; ++i) {
      vec run[N];
      load_run<N>(error + i * pitch + d, run);
      move_run<N>(contexts[i], d, run);
    }
  });
}

}  // namespace
}  // namespace fastnlp
