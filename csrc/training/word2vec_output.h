// What a center is told apart by: K negatives, or the path to it in a tree. A policy has prepare (what is
// drawn up to a center), prefetch, and outputs (rows and labels of a meeting). See word2vec_kernel.h for what
// may be included here.
#pragma once

#include <cstdint>

#include "support/always_inline.h"
#include "training/word2vec_blocks.h"
#include "training/word2vec_draws.h"
#include "training/word2vec_input.h"
#include "training/word2vec_job.h"

namespace fastnlp {
namespace {

FASTNLP_INLINE Meeting room_for_meeting(const Word2VecJob& job, int i) {
  float** rows = job.rows + i * job.rows_each;
  return {rows,
          rows + 2 * job.window + 1,
          job.gradient + i * job.gradient_each,
          job.labels + i * job.labels_each,
          0,
          0};
}

// An output row in the table, and where it is trained: there, or in the thread's copy, whose uses `used`
// counts; without a copy it is a count that stays 0. Found without a branch: which rows have copies cannot be
// foreseen.
struct OutputRow {
  float* shared;
  float* trained;
  std::uint8_t* used;
  std::uint8_t use;
};

FASTNLP_INLINE OutputRow find_output(const Word2VecJob& job, std::int64_t row) {
  const u64 h = static_cast<u64>(row - job.hot_first), hot_rows = static_cast<u64>(job.hot_rows);
  const u64 is_hot = h < hot_rows, mask = -is_hot;
  const u64 shared = reinterpret_cast<u64>(job.output + row * job.pitch);
  const u64 copy = reinterpret_cast<u64>(job.hot) + h * 2 * static_cast<u64>(job.pitch) * sizeof(float);
  return {reinterpret_cast<float*>(shared), reinterpret_cast<float*>((copy & mask) | (shared & ~mask)),
          job.hot_used + ((h & mask) | (hot_rows & ~mask)), static_cast<std::uint8_t>(is_hot)};
}

// Adds to the table what the thread has changed, and takes over what the others have.
FASTNLP_INLINE void exchange(float* shared, float* copy, std::int64_t pitch) {
  float* before = copy + pitch;
  for (std::int64_t d = 0; d < pitch; d += kWidth) {
    const vec now = load(shared + d) + (load(copy + d) - load(before + d));
    store(shared + d, now);
    store(copy + d, now);
    store(before + d, now);
  }
}

FASTNLP_INLINE void fetch_output(const Word2VecJob& job, std::int64_t row) {
  if (job.output_places) return fetch_ahead(job.output_places[row].now, job.pitch);
  if (job.hot_rows == 0) return fetch_ahead(job.output + row * job.pitch, job.pitch);
  const OutputRow at = find_output(job, row);
  fetch_ahead(at.trained, job.pitch);
  if (*at.used >= job.hot_uses) fetch_ahead(at.shared, job.pitch);
}

// Where output row `row` is trained.
FASTNLP_INLINE float* output_row(const Word2VecJob& job, std::int64_t row) {
  if (job.output_places) return own_row(job.output_places[row], job.pitch);
  if (job.hot_rows == 0) return job.output + row * job.pitch;
  const OutputRow at = find_output(job, row);
  if (*at.used >= job.hot_uses) {
    exchange(at.shared, at.trained, job.pitch);
    *at.used = 0;
  }
  *at.used = static_cast<std::uint8_t>(*at.used + at.use);
  return at.trained;
}

// The center's own row, labelled 1, and those of the negatives of its set.
struct NegativeOutput {
  std::int64_t drawn = 0;

  FASTNLP_INLINE static void begin(const Word2VecJob& job, Meeting& m) {
    m.columns = 1 + job.negatives;
    m.labels[0] = 1;
  }
  FASTNLP_INLINE void prepare(Word2VecJob& job, std::int64_t until) {
    if (job.is_drawn || drawn >= job.kept || drawn > until) return;
    const std::int64_t last = drawn + kDrawnRows / 2 < job.kept ? drawn + kDrawnRows / 2 : job.kept;
    draw_negatives(job, drawn, last);
    drawn = last;
  }
  FASTNLP_INLINE static void prefetch(const Word2VecJob& job, std::int64_t c) {
    fetch_output(job, job.word[c]);
    if (set_of(job, c) != c) return;
    const std::int32_t* row = drawn_row(job, c);
    for (int i = 0; i < job.negatives; ++i) fetch_output(job, row[i]);
  }
  FASTNLP_INLINE static void outputs(const Word2VecJob& job, std::int64_t c, Meeting& m) {
    m.y[0] = output_row(job, job.word[c]);
    const std::int32_t* row = drawn_row(job, set_of(job, c));
    for (int i = 0; i < job.negatives; ++i) m.y[1 + i] = output_row(job, row[i]);
  }
};

// The inner nodes on the way from the root to the center's leaf, each labelled 1 where the way goes left.
struct TreeOutput {
  FASTNLP_INLINE static void begin(const Word2VecJob&, Meeting&) {}
  FASTNLP_INLINE static void prepare(Word2VecJob&, std::int64_t) {}
  // Where the path lies is itself fetched 2 * kPathAhead centers before its rows, and the path kPathAhead.
  FASTNLP_INLINE static void prefetch(const Word2VecJob& job, std::int64_t c) {
    constexpr std::int64_t kPathAhead = 4;
    if (c + 2 * kPathAhead < job.kept) {
      __builtin_prefetch(job.path_offsets + job.word[c + 2 * kPathAhead]);
      const std::int32_t* later = job.path + job.path_offsets[job.word[c + kPathAhead]];
      __builtin_prefetch(later);
      __builtin_prefetch(later + 15);
    }
    const std::int64_t begin = job.path_offsets[job.word[c]];
    // From the leaf on, where nodes are rare, to those near the root.
    for (std::int64_t i = job.path_offsets[job.word[c] + 1] - 1; i >= begin; --i) {
      const std::int32_t node = job.path[i] >> 1;
      if (node >= job.warm_node) return;
      fetch_output(job, node);
    }
  }
  FASTNLP_INLINE static void outputs(const Word2VecJob& job, std::int64_t c, Meeting& m) {
    const bool plain = !job.output_places && job.hot_rows == 0;
    plain ? lay_out(job, c, m,
                    [table = job.output, pitch = job.pitch](std::int64_t row) { return table + row * pitch; })
          : lay_out(job, c, m, [&job](std::int64_t row) { return output_row(job, row); });
  }

 private:
  template <class RowOf>
  FASTNLP_INLINE static void lay_out(const Word2VecJob& job, std::int64_t c, Meeting& m, RowOf row_of) {
    const std::int64_t begin = job.path_offsets[job.word[c]];
    const std::int32_t* path = job.path + begin;
    const int columns = static_cast<int>(job.path_offsets[job.word[c] + 1] - begin);
    float** y = m.y;
    std::uint64_t labels = 0;
    for (int j = 0; j < columns; ++j) {
      y[j] = row_of(path[j] >> 1);
      labels |= static_cast<std::uint64_t>(~path[j] & 1) << j % 64;
      if (j % 64 == 63) {
        m.labels[j / 64] = labels;
        labels = 0;
      }
    }
    m.labels[columns / 64] = labels;
    m.columns = columns;
  }
};

}  // namespace
}  // namespace fastnlp
