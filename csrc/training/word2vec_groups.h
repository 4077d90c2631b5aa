// Skip-gram and CBOW with negatives that a group of neighbouring centers shares. See word2vec_kernel.h for
// how it is used and what may be included here.
//
// The windows of neighbours overlap. A context row that stands in w windows of the group is scored once
// against each negative and moves with w times the gradient: at window 5 less than half of those dot products
// are left. It is scored against all centers of the group, and those in whose windows it is not count
// nothing: 4 x 4 dot products in registers cost less than the 2 or 3 that are needed one by one.
#pragma once

#include <cstdint>

#include "support/always_inline.h"
#include "training/word2vec_blocks.h"
#include "training/word2vec_draws.h"
#include "training/word2vec_hidden.h"
#include "training/word2vec_input.h"
#include "training/word2vec_output.h"

namespace fastnlp {
namespace {

// (1 - s(dot)) * lr where the context and the center meet, row by row; 0 where they do not.
template <int Dots, int First = 0>
FASTNLP_INLINE void to_attraction(const vec* dot, const float* meets, float* gradient, float lr) {
  constexpr int kCount = Dots - First < kWidth ? Dots - First : kWidth;
  const vec probability = sigmoid(lane_sums<kCount>(dot + First));
  store(gradient + First, (lr - probability * lr) * load_loose(meets + First));
  if constexpr (First + kWidth < Dots) {
    to_attraction<Dots, First + kWidth>(dot, meets, gradient, lr);
  }
}

// -s(dot) * lr * the weight of the row.
template <int Dots, int Columns, int First = 0>
FASTNLP_INLINE void to_repulsion(const vec* dot, const float* weight, float* gradient, float lr) {
  constexpr int kCount = Dots - First < kWidth ? Dots - First : kWidth;
  const vec probability = sigmoid(lane_sums<kCount>(dot + First));
  ivec row;
  for (int lane = 0; lane < kWidth; ++lane) row[lane] = (First + lane) / Columns;
  vec times = splat(weight[0]);
#pragma GCC unroll 4
  for (int i = 1; i < Dots / Columns; ++i) times = row >= i ? splat(weight[i]) : times;
  store(gradient + First, probability * times * -lr);
  if constexpr (First + kWidth < Dots) {
    to_repulsion<Dots, Columns, First + kWidth>(dot, weight, gradient, lr);
  }
}

// Up to kBlockRows context rows with the centers and the negatives of their group.
struct GroupBlock {
  float* const* x;
  int rows;
  const float* meets;   // (rows, kGroupCenters) 1 where a row stands in the window of a center
  const float* weight;  // in how many it stands
  float* const* y;      // the centers, then the negatives
  int negatives;
  float* gradient;  // of the centers, and kScoreFloats further of the negatives
};

[[gnu::noinline]] void score(const GroupBlock& b, Extent extent, float lr) {
  with_width<kBlockRows>(b.rows, [&]<int Rows>() {
    vec dot[Rows * kGroupCenters];
    take_dots<Rows, kGroupCenters>(b.x, b.y, extent, dot);
    to_attraction<Rows * kGroupCenters>(dot, b.meets, b.gradient, lr);
    over_columns<Rows>(b.negatives, b.gradient + kScoreFloats, [&]<int Columns>(int first, float* gradient) {
      vec far[Rows * Columns];
      take_dots<Rows, Columns>(b.x, b.y + kGroupCenters + first, extent, far);
      to_repulsion<Rows * Columns, Columns>(far, b.weight, gradient, lr);
    });
  });
}

[[gnu::noinline]] void apply(const GroupBlock& b, Extent extent) {
  with_width<kBlockRows>(b.rows, [&]<int Rows>() {
    apply_block<Rows, kGroupCenters>(b.x, b.y, extent, b.gradient);
    over_columns<Rows>(b.negatives, b.gradient + kScoreFloats, [&]<int Columns>(int first, float* gradient) {
      apply_block<Rows, Columns>(b.x, b.y + kGroupCenters + first, extent, gradient);
    });
  });
}

// The context rows of centers [begin, end) with what meets what, and their output rows.
struct Group {
  float** x;
  float* meets;
  float* weight;
  int rows;
  float** y;

  FASTNLP_INLINE explicit Group(const Word2VecJob& job)
      : x(job.rows),
        meets(job.meets),
        weight(job.meets + kGroupCenters * group_rows(job.window)),
        rows(0),
        y(job.rows + group_rows(job.window)) {}

  FASTNLP_INLINE void gather(Word2VecJob& job, std::int64_t begin, std::int64_t end) {
    Window window[kGroupCenters];
    Window all = window_of(job, begin);
    for (std::int64_t c = begin; c < end; ++c) {
      const Window& own = window[c - begin] = window_of(job, c);
      if (own.low < all.low) all.low = own.low;
      if (own.high > all.high) all.high = own.high;
      job.pairs += own.high - own.low;
    }
    rows = static_cast<int>(all.high - all.low + 1);
    for (int i = 0; i < rows; ++i) x[i] = context_row(job, all.low + i);
    for (int i = 0; i < rows; ++i) weight[i] = 0.0f;
    for (int i = 0; i < rows * kGroupCenters; ++i) meets[i] = 0.0f;
    for (std::int64_t c = begin; c < end; ++c) {
      const Window& own = window[c - begin];
      for (std::int64_t i = own.low; i <= own.high; ++i) {
        const float met = i == c ? 0.0f : 1.0f;
        meets[(i - all.low) * kGroupCenters + (c - begin)] = met;
        weight[i - all.low] += met;
      }
    }
    for (std::int64_t k = 0; k < kGroupCenters; ++k) {
      y[k] = k < end - begin ? own_row(job, begin + k) : y[0];  // no row meets the last ones
    }
    const std::int32_t* drawn = drawn_row(job, begin);
    for (int j = 0; j < job.negatives; ++j) y[kGroupCenters + j] = output_row(job, drawn[j]);
  }
};

// Adds the loss of a center, whose row is `own`, before its group is scored.
inline void add_loss(Word2VecJob& job, Meeting alone, float* own, float* const* negatives) {
  NegativeOutput::begin(job, alone);
  alone.y[0] = own;
  for (int j = 0; j < job.negatives; ++j) alone.y[1 + j] = negatives[j];
  score(alone, extent_of(job.dim), job.lr, &job.loss);
  job.loss_pairs += alone.n;
}

// The scores of a block are taken before the block in front of it is applied, as in train_tokens.
template <class Input>
inline void train_groups(Word2VecJob& job) {
  Passage<Input> contexts(job);
  NegativeOutput output;
  Group group(job);
  const Extent extent = extent_of(job.dim);
  for (std::int64_t begin = 0, end; begin < job.kept; begin = end) {
    end = begin + kGroupCenters < job.kept ? begin + kGroupCenters : job.kept;
    const std::int64_t ahead = end + kGroupCenters < job.kept ? end + kGroupCenters : job.kept;
    output.prepare(job, ahead);
    for (std::int64_t c = end; c < ahead; ++c) output.prefetch(job, c);
    contexts.leave(begin - job.window);
    contexts.prefetch(ahead + job.window);
    contexts.enter(end + job.window);

    group.gather(job, begin, end);
    for (std::int64_t c = begin; c < end; ++c) {
      if ((job.position[c] & (kLossEvery - 1)) != 0) continue;
      Meeting alone = room_for_meeting(job, 1);
      alone.n = gather_contexts(job, c, alone.x);
      add_loss(job, alone, group.y[c - begin], group.y + kGroupCenters);
    }
    GroupBlock blocks[2];
    int turn = 0;
    for (int row = 0; row < group.rows; row += kBlockRows, turn ^= 1) {
      blocks[turn] = {group.x + row,
                      group.rows - row < kBlockRows ? group.rows - row : kBlockRows,
                      group.meets + row * kGroupCenters,
                      group.weight + row,
                      group.y,
                      job.negatives,
                      job.gradient + turn * job.gradient_each};
      score(blocks[turn], extent, job.lr);
      if (row > 0) apply(blocks[turn ^ 1], extent);
    }
    apply(blocks[turn ^ 1], extent);
  }
  contexts.leave(job.kept);
}

// CBOW's hidden vectors of a group, their contexts and their output rows: of each its own, then the
// negatives.
struct CombinedGroup {
  Meeting meeting;
  float* hidden[kCombinedCenters];
  Combined contexts[kCombinedCenters];

  // Those of centers [begin, end) that have contexts; adds the losses of some.
  FASTNLP_INLINE void gather(Word2VecJob& job, std::int64_t begin, std::int64_t end) {
    meeting = room_for_meeting(job, 0);
    meeting.x = hidden;
    bool sampled[kCombinedCenters];
    for (std::int64_t c = begin; c < end; ++c) {
      const int k = meeting.n;
      float** x = room_for_meeting(job, k).x;
      const int n = gather_contexts(job, c, x);
      if (n == 0) continue;
      hidden[k] = job.hidden + k * job.pitch;
      combine({x, n, scale_of(job.context_scale.mean_forward, n)}, job.pitch, hidden[k]);
      contexts[k] = {x, n, scale_of(job.context_scale.mean_backward, n)};
      meeting.y[k] = own_row(job, c);
      sampled[k] = (job.position[c] & (kLossEvery - 1)) == 0;
      ++meeting.n;
    }
    if (meeting.n == 0) return;
    float** negatives = meeting.y + meeting.n;
    const std::int32_t* drawn = drawn_row(job, begin);
    for (int j = 0; j < job.negatives; ++j) negatives[j] = output_row(job, drawn[j]);
    meeting.columns = meeting.n + job.negatives;
    meeting.labels[0] = (1u << meeting.n) - 1;
    job.pairs += meeting.n;
    for (int k = 0; k < meeting.n; ++k) {
      if (!sampled[k]) continue;
      Meeting alone = room_for_meeting(job, 1);
      alone.x = hidden + k;
      alone.n = 1;
      add_loss(job, alone, meeting.y[k], negatives);
    }
  }

  // A hidden vector does not meet the other's center.
  FASTNLP_INLINE void score(const Word2VecJob& job) {
    static_assert(kCombinedCenters == 2);
    if (meeting.n == 1) score_hidden(hidden[0], meeting, job.pitch, job.lr, nullptr, room_for_dots(job));
    if (meeting.n != 2) return;
    fastnlp::score(meeting, {job.pitch, false}, job.lr, nullptr);
    const int blocks = blocks_of<2>(meeting.columns);
    meeting.gradient[1] = meeting.gradient[(meeting.columns + blocks - 1) / blocks] = 0.0f;
  }

  FASTNLP_INLINE void apply(const Word2VecJob& job) {
    if (meeting.n == 1) apply_hidden(hidden[0], meeting, contexts[0], job.pitch);
    if (meeting.n == 2) apply_hidden_pair(meeting, contexts, job.pitch, job.error);
  }
};

// While the sigmoids of a group are on their way, the rows that the next one needs enter the ring.
template <class Input>
inline void train_combined_groups(Word2VecJob& job) {
  constexpr std::int64_t kLookahead = 4;
  static_assert(kLookahead <= kGroupCenters, "as many tokens are on their way as in a group");
  Passage<Input> contexts(job);
  NegativeOutput output;
  CombinedGroup group;
  contexts.prefetch(kCombinedCenters + job.window);
  contexts.enter(kCombinedCenters + job.window);
  for (std::int64_t begin = 0, end; begin < job.kept; begin = end) {
    end = begin + kCombinedCenters < job.kept ? begin + kCombinedCenters : job.kept;
    const std::int64_t ahead = begin + kLookahead + kCombinedCenters;
    output.prepare(job, ahead);
    for (std::int64_t c = begin + kLookahead; c < ahead && c < job.kept; ++c) output.prefetch(job, c);
    contexts.prefetch(ahead + job.window);
    group.gather(job, begin, end);
    group.score(job);
    contexts.enter(end + kCombinedCenters + job.window);
    group.apply(job);
    contexts.leave(end - job.window);
  }
  contexts.leave(job.kept);
}

}  // namespace
}  // namespace fastnlp
