// Where the input vectors of word2vec come from and go to: a row a word, or the rows of a word and its
// n-grams. A policy has prefetch, enter (into the ring) and leave (back to the table, as a difference) for
// kept token n. See word2vec_kernel.h for what may be included here.
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

// A row in its table, and where it is trained: there, or in the thread's copy, whose uses `used` counts;
// without a copy it is a count that stays 0. Found without a branch: which rows have copies cannot be
// foreseen.
struct FoundRow {
  float* shared;
  float* trained;
  std::uint8_t* used;
  std::uint8_t use;
};

FASTNLP_INLINE FoundRow find_row(float* table, const HotRows& hot, std::int64_t row, std::int64_t pitch) {
  const u64 h = static_cast<u64>(row - hot.first), rows = static_cast<u64>(hot.rows);
  const u64 is_hot = h < rows;
  float* shared = table + row * pitch;
  const u64 trained = reinterpret_cast<u64>(shared) + (hot.way & -is_hot);
  return {shared, reinterpret_cast<float*>(trained), hot.used + (h < rows ? h : rows),
          static_cast<std::uint8_t>(is_hot)};
}

// Adds to the table what the thread has changed, and takes over what the others have.
[[gnu::noinline]] void exchange(const FoundRow& at, const HotRows& hot, std::int64_t pitch) {
  float* copy = at.trained;
  float* before = copy + hot.rows * pitch;
  for (std::int64_t d = 0; d < pitch; d += kWidth) {
    const vec now = load(at.shared + d) + (load(copy + d) - load(before + d));
    store(at.shared + d, now);
    store(copy + d, now);
    store(before + d, now);
  }
}

FASTNLP_INLINE void fetch_row(const Word2VecJob& job, float* const* places, float* table, const HotRows& hot,
                              std::int64_t row) {
  if (places) return fetch_ahead(places[row], job.pitch);
  if (hot.rows == 0) return fetch_ahead(table + row * job.pitch, job.pitch);
  fetch_ahead(find_row(table, hot, row, job.pitch).trained, job.pitch);
}

// Where a row that is about to be used so many times is trained.
FASTNLP_INLINE float* trained_row(const Word2VecJob& job, float* const* places, float* table,
                                  const HotRows& hot, std::int64_t row, int uses = 1) {
  if (places) return places[row];
  if (hot.rows == 0) return table + row * job.pitch;
  const FoundRow at = find_row(table, hot, row, job.pitch);
  int used = *at.used;
  if (used >= job.hot_uses) {
    exchange(at, hot, job.pitch);
    used = 0;
  }
  used += at.use * uses;
  *at.used = static_cast<std::uint8_t>(used);
  if (used >= job.hot_uses) fetch_ahead(at.shared, job.pitch);  // for the exchange
  return at.trained;
}

// Where the row of kept token n is trained while the window holds it.
FASTNLP_INLINE float* context_row(const Word2VecJob& job, std::int64_t n) {
  return job.contexts[n & job.ring_mask];
}
FASTNLP_INLINE void set_context_row(const Word2VecJob& job, std::int64_t n, float* row) {
  float** at = job.contexts + (n & job.ring_mask);
  at[0] = at[job.ring_mask + 1] = row;  // twice, so that those of a window stand in a row
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
  float* const* from = job.contexts + (window.low & job.ring_mask);
  const std::int64_t before = c - window.low;
  for (std::int64_t i = 0; i < job.window; i += kPointersAtOnce) copy_pointers(x + i, from + i);
  for (std::int64_t i = 0; i < job.window; i += kPointersAtOnce) {
    copy_pointers(x + before + i, from + before + 1 + i);
  }
  return static_cast<int>(window.high - window.low);
}

// A word is trained where its row stands. Where the same word is one of the kBlockSpan tokens before it, it
// gets a row of its own, whose change it adds when the window has left it: a block moves its rows from
// registers, and of one that stood in it twice only one change would be left.
struct WordInput {
  static constexpr std::int64_t kBlockSpan = 4;

  FASTNLP_INLINE static void prefetch(const Word2VecJob& job, std::int64_t n) {
    fetch_row(job, job.input_places, job.input, job.hot_inputs, job.word[n]);
  }
  FASTNLP_INLINE static void enter(Word2VecJob& job, std::int64_t n) {
    const std::int32_t word = job.word[n];
    float* from = trained_row(job, job.input_places, job.input, job.hot_inputs, word);
    bool again = false;
    for (std::int64_t k = 1; k <= kBlockSpan && k <= n; ++k) again |= job.word[n - k] == word;
    set_context_row(job, n, from);
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
    float* to = trained_row(job, job.input_places, job.input, job.hot_inputs, job.word[n]);
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

}  // namespace
}  // namespace fastnlp
