// Where the input vectors of word2vec come from and go to: a row a word, or the rows of a word and its
// n-grams. A policy has prefetch, enter (into the ring) and leave (back to the table, as a difference), which
// each kept token n goes through in this order. See word2vec_kernel.h for what may be included here.
#pragma once

#include <cstdint>

#include "support/always_inline.h"
#include "training/word2vec_blocks.h"
#include "training/word2vec_draws.h"
#include "training/word2vec_job.h"

namespace fastnlp {
namespace {

// For writing: a line that another thread has written would else be asked for twice.
FASTNLP_INLINE void fetch_ahead(const float* row, std::int64_t pitch) {
  for (std::int64_t d = 0; d < pitch; d += 16) __builtin_prefetch(row + d, 1, 2);
}

// Where a row of a table is trained: there, or in the thread's copy. Without a branch: which rows have copies
// cannot be foreseen.
FASTNLP_INLINE float* place_of(float* table, const HotRows& hot, std::int64_t row, std::int64_t pitch) {
  const u64 is_hot = static_cast<u64>(row - hot.first) < static_cast<u64>(hot.rows);
  return reinterpret_cast<float*>(reinterpret_cast<u64>(table + row * pitch) + (hot.way & -is_hot));
}

// Adds to the table what the thread has changed of a row that it has a copy of, and takes over what the
// others have.
[[gnu::noinline]] void exchange(float* table, const HotRows& hot, std::int64_t row, std::int64_t pitch) {
  float* shared = table + row * pitch;
  float* copy = place_of(table, hot, row, pitch);
  float* before = copy + hot.rows * pitch;
  for (std::int64_t d = 0; d < pitch; d += kWidth) {
    const vec now = load(shared + d) + (load(copy + d) - load(before + d));
    store(shared + d, now);
    store(copy + d, now);
    store(before + d, now);
  }
}

// Says of a row that it is about to be used so many times. When they come to hot_uses `due` is called, and
// `settle` before the next ones. Of a row without a copy it is a count that stays 0.
template <class Due, class Settle>
FASTNLP_INLINE void count_uses(const Word2VecJob& job, const HotRows& hot, std::int64_t row, int uses,
                               Due due, Settle settle) {
  if (hot.rows == 0) return;
  const u64 h = static_cast<u64>(row - hot.first), rows = static_cast<u64>(hot.rows);
  std::uint16_t* count = hot.used + (h < rows ? h : rows);
  int used = *count;
  if (used >= job.hot_uses) {
    settle();
    used = 0;
  }
  used += uses * static_cast<int>(h < rows);  // no branch: it could not be foreseen
  *count = static_cast<std::uint16_t>(used);
  if (used >= job.hot_uses) due();
}

// Where a row is trained.
FASTNLP_INLINE float* find_row(const Word2VecJob& job, float* const* places, float* table, const HotRows& hot,
                               std::int64_t row) {
  if (places) return places[row];
  if (hot.rows == 0) return table + row * job.pitch;
  return place_of(table, hot, row, job.pitch);
}

// Where the row of kept token n is trained, from when it is fetched until the window has left it.
FASTNLP_INLINE float* context_row(const Word2VecJob& job, std::int64_t n) {
  return job.contexts[n & job.contexts_mask];
}
FASTNLP_INLINE void set_context_row(const Word2VecJob& job, std::int64_t n, float* row) {
  float** at = job.contexts + (n & job.contexts_mask);
  at[0] = at[job.contexts_mask + 1] = row;  // twice, so that those of a window stand in a row
}

// The place in the ring for a row of its own of kept token n; the value it had on entry lies behind it.
FASTNLP_INLINE float* ring_row(const Word2VecJob& job, std::int64_t n) {
  return job.ring + (n & job.ring_mask) * 2 * job.pitch;
}

// The kept tokens around kept token c that its window holds, both ends in; c itself is among them.
struct Window {
  std::int64_t low, high;
};
FASTNLP_INLINE Window window_of(const Word2VecJob& job, std::int64_t c) {
  return {job.first[c] > c - job.reach[c] ? job.first[c] : c - job.reach[c],
          job.last[c] < c + job.reach[c] ? job.last[c] : c + job.reach[c]};
}

FASTNLP_INLINE void copy_pointers(float** to, float* const* from) {
  typedef u64 Pointers __attribute__((vector_size(8 * kPointersAtOnce), aligned(8), may_alias));
  *reinterpret_cast<Pointers*>(to) = *reinterpret_cast<const Pointers*>(from);
}

// The contexts of kept token c: those before it, then those behind it. How many copies that takes depends on
// the largest window alone, which a processor foresees; what they write behind the last context is to be
// ignored.
FASTNLP_INLINE int gather_contexts(const Word2VecJob& job, std::int64_t c, float** x) {
  const Window window = window_of(job, c);
  float* const* from = job.contexts + (window.low & job.contexts_mask);
  const std::int64_t before = c - window.low;
  for (std::int64_t i = 0; i < job.window; i += kPointersAtOnce) copy_pointers(x + i, from + i);
  for (std::int64_t i = 0; i < job.window; i += kPointersAtOnce) {
    copy_pointers(x + before + i, from + before + 1 + i);
  }
  return static_cast<int>(window.high - window.low);
}

// A word is trained where its row stands. Where the same word is one of the kBlockSpan tokens before it, it
// gets a row of its own, whose change it adds when the window has left it: a block moves its rows from
// registers, and of one that stood in it twice only one change would be left. The row is found once, when it
// is fetched. A word that was so many times a context was a center as often, so both its rows are exchanged.
struct WordInput {
  static constexpr std::int64_t kBlockSpan = 4;

  FASTNLP_INLINE static void prefetch(const Word2VecJob& job, std::int64_t n) {
    float* row = find_row(job, job.input_places, job.input, job.hot_inputs, job.word[n]);
    set_context_row(job, n, row);
    fetch_ahead(row, job.pitch);
  }
  FASTNLP_INLINE static void enter(Word2VecJob& job, std::int64_t n) {
    const std::int32_t word = job.word[n];
    float* from = context_row(job, n);
    count_uses(
        job, job.hot_inputs, word, 1,
        [&] {
          fetch_ahead(job.input + word * job.pitch, job.pitch);
          if (!job.path) fetch_ahead(job.output + word * job.pitch, job.pitch);
        },
        [&] {
          exchange(job.input, job.hot_inputs, word, job.pitch);
          if (!job.path) exchange(job.output, job.hot_outputs, word, job.pitch);
        });
    bool again = false;
    for (std::int64_t k = 1; k <= kBlockSpan && k <= n; ++k) again |= job.word[n - k] == word;
    if (again) enter_again(job, n, from);
  }
  FASTNLP_INLINE static void leave(Word2VecJob& job, std::int64_t n) {
    if (context_row(job, n) == ring_row(job, n)) leave_again(job, n);
  }

 private:
  [[gnu::noinline]] static void enter_again(Word2VecJob& job, std::int64_t n, const float* from) {
    float* row = ring_row(job, n);
    set_context_row(job, n, row);
    for (std::int64_t d = 0; d < job.pitch; d += kWidth) {
      const vec value = load(from + d);
      store(row + d, value);
      store(row + job.pitch + d, value);
    }
  }
  [[gnu::noinline]] static void leave_again(Word2VecJob& job, std::int64_t n) {
    float* to = find_row(job, job.input_places, job.input, job.hot_inputs, job.word[n]);
    const float* row = ring_row(job, n);
    for (std::int64_t d = 0; d < job.pitch; d += kWidth) {
      store(to + d, load(to + d) + (load(row + d) - load(row + job.pitch + d)));
    }
  }
};

// Where input row `row` stands.
FASTNLP_INLINE float* input_row(const Word2VecJob& job, std::int64_t row) {
  return job.input_places ? job.input_places[row] : job.input + row * job.pitch;
}

// A word is composed once, when the window reaches it, for all the pairs it is in; what it has learned goes
// to each of its rows once, when the window has left it. Each row gets the whole of it, as in fastText.
struct ComposedInput {
  FASTNLP_INLINE static void prefetch(const Word2VecJob& job, std::int64_t n) {
    const std::int64_t end = job.part_offsets[job.word[n] + 1];
    for (std::int64_t i = job.part_offsets[job.word[n]]; i < end; ++i) {
      fetch_ahead(input_row(job, job.parts[i]), job.pitch);
    }
  }
  FASTNLP_INLINE static void enter(Word2VecJob& job, std::int64_t n) {
    const std::int64_t begin = job.part_offsets[job.word[n]], end = job.part_offsets[job.word[n] + 1];
    const float scale = job.mean && end > begin ? 1.0f / static_cast<float>(end - begin) : 1.0f;
    float* row = ring_row(job, n);
    set_context_row(job, n, row);
    over_runs<8>(job.pitch, [&]<int N>(std::int64_t d) {
      vec sum[N] = {};
      for (std::int64_t i = begin; i < end; ++i) {
        const float* from = input_row(job, job.parts[i]) + d;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[v] += load(from + v * kWidth);
      }
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        store(row + d + v * kWidth, sum[v] * scale);
        store(row + job.pitch + d + v * kWidth, sum[v] * scale);
      }
    });
  }
  FASTNLP_INLINE static void leave(Word2VecJob& job, std::int64_t n) {
    const std::int64_t begin = job.part_offsets[job.word[n]], end = job.part_offsets[job.word[n] + 1];
    const float* row = ring_row(job, n);
    over_runs<8>(job.pitch, [&]<int N>(std::int64_t d) {
      vec change[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        change[v] = load(row + d + v * kWidth) - load(row + job.pitch + d + v * kWidth);
      }
      for (std::int64_t i = begin; i < end; ++i) {
        float* to = input_row(job, job.parts[i]) + d;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) store(to + v * kWidth, load(to + v * kWidth) + change[v]);
      }
    });
  }
};

// How far the kept tokens of a unit are on their way through a policy.
template <class Input>
class Passage {
 public:
  FASTNLP_INLINE explicit Passage(Word2VecJob& job) : job_(job) {}

  FASTNLP_INLINE void prefetch(std::int64_t until) {
    for (; fetched_ < job_.kept && fetched_ < until; ++fetched_) Input::prefetch(job_, fetched_);
  }
  FASTNLP_INLINE void enter(std::int64_t until) {
    for (; entered_ < job_.kept && entered_ < until; ++entered_) Input::enter(job_, entered_);
  }
  FASTNLP_INLINE void leave(std::int64_t until) {
    for (; left_ < entered_ && left_ < until; ++left_) Input::leave(job_, left_);
  }

 private:
  Word2VecJob& job_;
  std::int64_t fetched_ = 0, entered_ = 0, left_ = 0;
};

}  // namespace
}  // namespace fastnlp
