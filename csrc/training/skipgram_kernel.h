// The inner loop of skip-gram with negative sampling, written once in vector extensions and compiled once per
// instruction set (skipgram_avx512.cc, skipgram_avx2.cc, skipgram_baseline.cc). Included by those files only.
//
// All contexts of a center meet the center's output row and K negatives in one small matrix product (level-3
// shape after Ji et al. 2016, arXiv:1604.04661): a block of up to 4 context rows and 6 output rows keeps its
// 24 dot products in registers, one vectorised sigmoid serves them all, and one second pass over D updates
// both sides. A context row lives in a thread-local ring while its word is within reach of the window and
// goes back to the table once, as a delta (after FULL-W2V, Randall et al., ICS 2021).
//
// Neither here nor in skipgram_blocks.h and skipgram_draws.h stand headers with inline functions: the linker
// could pick their AVX-512 copy for everybody.
#pragma once

#include "training/skipgram_blocks.h"
#include "training/skipgram_draws.h"
#include "training/skipgram_input.h"

namespace fastnlp {
namespace {

// The contexts of kept token c, from the ring.
FASTNLP_INLINE int gather_contexts(const SkipGramJob& job, std::int64_t c, float** x) {
  const std::int64_t low = job.first[c] > c - job.reach[c] ? job.first[c] : c - job.reach[c];
  const std::int64_t high = job.last[c] < c + job.reach[c] ? job.last[c] : c + job.reach[c];
  int n = 0;
  for (std::int64_t i = low; i <= high; ++i) {
    x[n] = ring_row(job, i);
    n += i != c;
  }
  return n;
}

// Trains every center of a unit whose tokens stand in job.word, .position, .reach, .first and .last.
//
// The scores of center c + 1 are taken before center c is applied: while the sigmoids of one are on their way
// the dot products of the next keep the multipliers busy. A center thus sees its neighbour's update one step
// late.
template <class Input>
inline void train_tokens(SkipGramJob& job) {
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
      if (ahead + job.window < job.kept) Input::prefetch(job, ahead + job.window);
    }
    for (; left < c - job.window - 1; ++left) Input::leave(job, left);
    for (; entered < job.kept && entered <= c + job.window; ++entered) Input::enter(job, entered);

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
  for (; left < entered; ++left) Input::leave(job, left);
}

inline void train_kept(SkipGramJob& job) {
  if (job.parts) {
    train_tokens<ComposedInput>(job);
  } else {
    train_tokens<WordInput>(job);
  }
}

}  // namespace
}  // namespace fastnlp
