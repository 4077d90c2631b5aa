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

// The center's own row, labelled 1, and those of the negatives of its set.
struct NegativeOutput {
  std::int64_t drawn = 0;

  FASTNLP_INLINE static void begin(const Word2VecJob& job, Meeting& m) {
    m.columns = 1 + job.negatives;
    fill_labels(m, [](int j) { return j == 0 ? 1.0f : 0.0f; });
  }
  FASTNLP_INLINE void prepare(Word2VecJob& job, std::int64_t until) {
    if (job.is_drawn || drawn >= job.kept || drawn > until) return;
    const std::int64_t last = drawn + kDrawnRows / 2 < job.kept ? drawn + kDrawnRows / 2 : job.kept;
    draw_negatives(job, drawn, last);
    drawn = last;
  }
  FASTNLP_INLINE static void prefetch(const Word2VecJob& job, std::int64_t c) {
    fetch_ahead(job.output + job.word[c] * job.pitch, job.pitch);
    if (set_of(job, c) != c) return;
    const std::int32_t* row = drawn_row(job, c);
    for (int i = 0; i < job.negatives; ++i) fetch_ahead(job.output + row[i] * job.pitch, job.pitch);
  }
  FASTNLP_INLINE static void outputs(const Word2VecJob& job, std::int64_t c, Meeting& m) {
    m.y[0] = job.output + job.word[c] * job.pitch;
    const std::int32_t* row = drawn_row(job, set_of(job, c));
    for (int i = 0; i < job.negatives; ++i) m.y[1 + i] = job.output + row[i] * job.pitch;
  }
};

// The inner nodes on the way from the root to the center's leaf, each labelled 1 where the way goes left.
struct TreeOutput {
  FASTNLP_INLINE static void begin(const Word2VecJob&, Meeting&) {}
  FASTNLP_INLINE static void prepare(Word2VecJob&, std::int64_t) {}
  FASTNLP_INLINE static void prefetch(const Word2VecJob& job, std::int64_t c) {
    const std::int64_t end = job.path_offsets[job.word[c] + 1];
    for (std::int64_t i = job.path_offsets[job.word[c]]; i < end; ++i) {
      const std::int32_t node = job.path[i] >> 1;
      if (node < job.warm_node) fetch_ahead(job.output + node * job.pitch, job.pitch);
    }
  }
  FASTNLP_INLINE static void outputs(const Word2VecJob& job, std::int64_t c, Meeting& m) {
    const std::int64_t begin = job.path_offsets[job.word[c]];
    const std::int32_t* path = job.path + begin;
    m.columns = static_cast<int>(job.path_offsets[job.word[c] + 1] - begin);
    for (int j = 0; j < m.columns; ++j) m.y[j] = job.output + (path[j] >> 1) * job.pitch;
    fill_labels(m, [path](int j) { return static_cast<float>(1 - (path[j] & 1)); });
  }
};

}  // namespace
}  // namespace fastnlp
