// The inner loop of word2vec, written once in vector extensions and compiled once per instruction set
// (word2vec_avx512.cc, word2vec_avx2.cc, word2vec_baseline.cc). Included by those files only.
//
// In skip-gram all contexts of a center meet the output rows of the center (its own and K negatives, or the
// nodes of its path) in one small matrix product (level-3 shape after Ji et al. 2016, arXiv:1604.04661): a
// block of up to 4 context rows and 6 output rows keeps its 24 dot products in registers, one vectorised
// sigmoid serves them all, and one second pass over D updates both sides. In CBOW one row meets them, the
// contexts combined.
//
// Neither here nor in the other word2vec_*.h but word2vec.h stand headers with inline functions: the linker
// could pick their AVX-512 copy for everybody.
#pragma once

#include "training/word2vec_blocks.h"
#include "training/word2vec_draws.h"
#include "training/word2vec_groups.h"
#include "training/word2vec_hidden.h"
#include "training/word2vec_input.h"
#include "training/word2vec_output.h"

namespace fastnlp {
namespace {

// Each context predicts the center.
struct SkipGram {
  Meeting meeting;

  FASTNLP_INLINE void score(const Word2VecJob& job, double* loss) {
    fastnlp::score(meeting, extent_of(job.dim), job.lr, loss);
  }
  FASTNLP_INLINE void apply(const Word2VecJob& job) { fastnlp::apply(meeting, extent_of(job.dim)); }
  FASTNLP_INLINE std::int64_t predictions() const { return meeting.n; }
};

// The contexts together predict the center.
struct Cbow {
  Meeting meeting;
  float* hidden;

  FASTNLP_INLINE void score(const Word2VecJob& job, double* loss) {
    if (meeting.n == 0) return;
    combine({meeting.x, meeting.n, scale_of(job.context_scale.mean_forward, meeting.n)}, job.pitch, hidden);
    score_hidden(hidden, meeting, job.pitch, job.lr, loss, room_for_dots(job));
  }
  FASTNLP_INLINE void apply(const Word2VecJob& job) {
    if (meeting.n == 0) return;
    const Combined contexts = {meeting.x, meeting.n, scale_of(job.context_scale.mean_backward, meeting.n)};
    apply_hidden(hidden, meeting, contexts, job.pitch);
  }
  FASTNLP_INLINE std::int64_t predictions() const { return meeting.n > 0; }
};

// Trains every center of a unit whose tokens stand in job.word, .position, .reach, .first and .last.
//
// The scores of center c + 1 are taken before center c is applied: while the sigmoids of one are on their way
// the dot products of the next keep the multipliers busy. A center thus sees its neighbour's update one step
// late.
template <class Input, class Side, class Output>
inline void train_tokens(Word2VecJob& job) {
  constexpr std::int64_t kLookahead = 4;
  static_assert(kLookahead <= kGroupCenters, "as many tokens are on their way as in a group");
  Passage<Input> contexts(job);
  Output output;
  Side sides[2];
  for (int i = 0; i < 2; ++i) {
    sides[i].meeting = room_for_meeting(job, i);
    if constexpr (requires { sides[i].hidden; }) sides[i].hidden = job.hidden + i * job.pitch;
    output.begin(job, sides[i].meeting);
  }
  for (std::int64_t c = 0; c < job.kept; ++c) {
    const std::int64_t ahead = c + kLookahead;
    output.prepare(job, ahead);
    if (ahead < job.kept) output.prefetch(job, ahead);
    contexts.leave(c - job.window - 1);
    contexts.prefetch(ahead + job.window + 1);
    contexts.enter(c + job.window + 1);

    Side& now = sides[c & 1];
    now.meeting.n = gather_contexts(job, c, now.meeting.x);
    output.outputs(job, c, now.meeting);
    const bool sampled = (job.position[c] & (kLossEvery - 1)) == 0;
    now.score(job, sampled ? &job.loss : nullptr);
    if (c > 0) sides[~c & 1].apply(job);
    if (sampled) job.loss_pairs += now.predictions();
    job.pairs += now.predictions();
  }
  if (job.kept > 0) sides[~job.kept & 1].apply(job);
  contexts.leave(job.kept);
}

// Skip-gram as word2vec.c has it: one context after another, each with negatives of its own.
template <class Input>
inline void train_pairs(Word2VecJob& job) {
  Passage<Input> contexts(job);
  Meeting meeting = room_for_meeting(job, 0);
  NegativeOutput::begin(job, meeting);
  for (std::int64_t c = 0; c < job.kept; ++c) {
    contexts.leave(c - job.window - 1);
    contexts.prefetch(c + job.window + 1);
    contexts.enter(c + job.window + 1);
    const int n = gather_contexts(job, c, meeting.x);
    const bool sampled = (job.position[c] & (kLossEvery - 1)) == 0;
    meeting.y[0] = own_row(job, c);
    u32 d = 0;
    for (int i = 0; i < n; ++i) {
      Meeting pair = meeting;
      pair.x += i;
      pair.n = 1;
      for (int j = 1; j < pair.columns; ++j) pair.y[j] = output_row(job, redraw(job, c, d));
      score(pair, extent_of(job.dim), job.lr, sampled ? &job.loss : nullptr);
      apply(pair, extent_of(job.dim));
    }
    if (sampled) job.loss_pairs += n;
    job.pairs += n;
  }
  contexts.leave(job.kept);
}

template <class Input>
inline void train_from(Word2VecJob& job) {
  const bool cbow = job.architecture == Architecture::kCbow;
  if (job.path) {
    cbow ? train_tokens<Input, Cbow, TreeOutput>(job) : train_tokens<Input, SkipGram, TreeOutput>(job);
  } else if (cbow && job.sharing == Sharing::kGroup) {
    train_combined_groups<Input>(job);
  } else if (cbow) {
    train_tokens<Input, Cbow, NegativeOutput>(job);
  } else if (job.sharing == Sharing::kPair) {
    train_pairs<Input>(job);
  } else if (job.sharing == Sharing::kGroup) {
    train_groups<Input>(job);
  } else {
    train_tokens<Input, SkipGram, NegativeOutput>(job);
  }
}

inline void merge_copies(float* row, std::int64_t pitch, const RowCopy* copies, std::int32_t first,
                         float scale) {
  for (std::int64_t d = 0; d < pitch; d += kWidth) {
    const vec before = load(row + d);
    vec change = {};
    for (std::int32_t i = first; i >= 0; i = copies[i].next) change += load(copies[i].row + d) - before;
    store(row + d, before + scale * change);
  }
}

inline void draw_all(Word2VecJob& job) { draw_negatives(job, 0, job.kept); }

inline void train_kept(Word2VecJob& job) {
  job.parts ? train_from<ComposedInput>(job) : train_from<WordInput>(job);
}

}  // namespace
}  // namespace fastnlp
