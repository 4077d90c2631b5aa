// The inner loop of GloVe (Pennington et al. 2014, eq. 8) with AdaGrad (Duchi et al. 2011) as Stanford's
// program does it: a step divides by the root of the squares before it, gradients are bounded, the biases
// move at rate 1 and without bound. Compiled once per instruction set; see lanes.h for what may be included.
#pragma once

#include <cstdint>

#include "support/always_inline.h"
#include "training/glove_job.h"
#include "training/lanes.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kAhead = 3;  // entries between the one that is trained and the one that is fetched

FASTNLP_INLINE void fetch_word(const float* word, std::int64_t pitch) {
  for (std::int64_t d = 0; d < 4 * pitch; d += 16) __builtin_prefetch(word + d);
}

FASTNLP_INLINE float product(const float* u, const float* v, std::int64_t pitch) {
  vec dot = {};
  for (std::int64_t d = 0; d < pitch; d += kWidth) dot += load(u + d) * load(v + d);
  return sum(dot);
}

// One step of a word's parameters and of its context's, each from the values the other had before.
FASTNLP_INLINE void move(float* word, float* context, std::int64_t pitch, vec word_gradient,
                         vec context_gradient, vec bound) {
  const vec u = load(word), v = load(context);
  const vec squares_u = load(word + pitch), squares_v = load(context + pitch);
  const vec step_u = within(word_gradient * v, bound), step_v = within(context_gradient * u, bound);
  store(word, u - step_u * inverse_root(squares_u));
  store(context, v - step_v * inverse_root(squares_v));
  store(word + pitch, squares_u + step_u * step_u);
  store(context + pitch, squares_v + step_v * step_v);
}

FASTNLP_INLINE void move_all(const GloveJob& job, float* word, float* context, float gradient) {
  const vec scaled = splat(gradient * job.lr), bound = splat(job.clip);
  std::int64_t d = 0;
  for (; d + kWidth <= job.dim; d += kWidth) move(word + d, context + d, job.pitch, scaled, scaled, bound);
  for (; d < job.pitch; d += kWidth) {
    move(word + d, context + d, job.pitch, gradient * load_loose(job.word_lr + d),
         gradient * load_loose(job.context_lr + d), load_loose(job.bounds + d));
  }
}

// Goes through the entries of a unit in the order of training.
struct Cursor {
  std::int64_t run = 0, at = 0;
  bool valid(const GloveJob& job) const { return run < job.run_count; }
  void advance(const GloveJob& job) {
    if (++at == job.runs[run].size) {
      at = 0;
      ++run;
    }
  }
};

void train_unit(GloveJob& job) {
  const std::int64_t pitch = job.pitch;
  const auto word_at = [&](std::int32_t id) { return job.table + id * 4 * pitch; };
  alignas(64) float log_x[kRunEntries + kWidth];
  alignas(64) float weight[kRunEntries + kWidth];
  Cursor ahead;
  for (std::int64_t i = 0; i < kAhead && ahead.valid(job); ++i) {
    fetch_word(word_at(job.columns[job.runs[ahead.run].first + ahead.at]), pitch);
    ahead.advance(job);
  }
  for (std::int64_t r = 0; r < job.run_count; ++r) {
    const GloveRun& run = job.runs[r];
    for (std::int64_t i = 0; i < run.size; i += kWidth) {
      const vec log_count = logarithm(load_loose(job.counts + run.first + i));
      vec exponent = job.alpha * (log_count - job.log_x_max);
      exponent = exponent > 0.0f ? splat(0.0f) : exponent;
      exponent = exponent < -80.0f ? splat(-80.0f) : exponent;
      store(log_x + i, log_count);
      store(weight + i, exponential(exponent));
    }
    if (r + 1 < job.run_count) fetch_word(word_at(job.runs[r + 1].row), pitch);
    float* const u = word_at(run.row);
    float* const v = u + 2 * pitch;
    for (std::int64_t i = 0; i < run.size; ++i) {
      if (ahead.valid(job)) {
        fetch_word(word_at(job.columns[job.runs[ahead.run].first + ahead.at]), pitch);
        ahead.advance(job);
      }
      const std::int32_t column = job.columns[run.first + i];
      float* const other_u = word_at(column);
      float* const other_v = other_u + 2 * pitch;
      const float error = product(u, other_v, pitch) - log_x[i];
      job.loss += static_cast<double>(0.5f * weight[i] * error * error);
      ++job.records;
      if (!job.symmetric || column == run.row) {
        move_all(job, u, other_v, weight[i] * error);
        continue;
      }
      // X[j, i] = X[i, j] has other parameters: two independent steps keep the multipliers busy.
      const float other_error = product(other_u, v, pitch) - log_x[i];
      job.loss += static_cast<double>(0.5f * weight[i] * other_error * other_error);
      ++job.records;
      move_all(job, u, other_v, weight[i] * error);
      move_all(job, other_u, v, weight[i] * other_error);
    }
  }
}

}  // namespace
}  // namespace fastnlp
