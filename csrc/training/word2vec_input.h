// Where the input vectors of word2vec come from and go to: a row a word, or the rows of a word and its
// n-grams. A policy has prefetch, enter (into the ring) and leave (back to the table, as a difference) for
// kept token n. See word2vec_kernel.h for what may be included here.
#pragma once

#include <cstdint>

#include "support/always_inline.h"
#include "training/word2vec_blocks.h"
#include "training/word2vec_job.h"

namespace fastnlp {
namespace {

FASTNLP_INLINE void fetch_ahead(const float* row, std::int64_t pitch) {
  for (std::int64_t d = 0; d < pitch; d += 16) __builtin_prefetch(row + d, 0, 2);
}

[[gnu::noinline]] void copy_from_table(RowPlace& place, std::int64_t pitch) {
  for (std::int64_t d = 0; d < pitch; d += kWidth) store(place.own + d, load(place.now + d));
  place.now = place.own;
}

// A row that a lane is about to train.
FASTNLP_INLINE float* own_row(RowPlace& place, std::int64_t pitch) {
  if (place.now != place.own) copy_from_table(place, pitch);
  return place.own;
}

// Where input row `row` stands.
FASTNLP_INLINE float* input_row(const Word2VecJob& job, std::int64_t row) {
  return job.input_places ? job.input_places[row].now : job.input + row * job.pitch;
}

// The row of kept token n in the ring; the value it had on entry lies behind it.
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

// The contexts of kept token c, from the ring.
FASTNLP_INLINE int gather_contexts(const Word2VecJob& job, std::int64_t c, float** x) {
  const Window window = window_of(job, c);
  int n = 0;
  for (std::int64_t i = window.low; i <= window.high; ++i) {
    x[n] = ring_row(job, i);
    n += i != c;
  }
  return n;
}

struct WordInput {
  FASTNLP_INLINE static void prefetch(const Word2VecJob& job, std::int64_t n) {
    fetch_ahead(input_row(job, job.word[n]), job.pitch);
  }
  FASTNLP_INLINE static void enter(Word2VecJob& job, std::int64_t n) {
    const float* from = input_row(job, job.word[n]);
    float* row = ring_row(job, n);
    for (std::int64_t d = 0; d < job.pitch; d += kWidth) {
      const vec value = load(from + d);
      store(row + d, value);
      store(row + job.pitch + d, value);
    }
  }
  FASTNLP_INLINE static void leave(Word2VecJob& job, std::int64_t n) {
    float* from = input_row(job, job.word[n]);
    float* to = from;
    if (job.input_places) to = job.input_places[job.word[n]].now = job.input_places[job.word[n]].own;
    const float* row = ring_row(job, n);
    for (std::int64_t d = 0; d < job.pitch; d += kWidth) {
      store(to + d, load(from + d) + (load(row + d) - load(row + job.pitch + d)));
    }
  }
};

// Calls f.template operator()<N>(d) for runs of up to 8 vectors that cover a row: as many as registers hold.
template <class F>
FASTNLP_INLINE void over_runs(std::int64_t pitch, F f) {
  std::int64_t d = 0;
  for (; d + 8 * kWidth <= pitch; d += 8 * kWidth) f.template operator()<8>(d);
  switch ((pitch - d) / kWidth) {
    case 7:
      return f.template operator()<7>(d);
    case 6:
      return f.template operator()<6>(d);
    case 5:
      return f.template operator()<5>(d);
    case 4:
      return f.template operator()<4>(d);
    case 3:
      return f.template operator()<3>(d);
    case 2:
      return f.template operator()<2>(d);
    case 1:
      return f.template operator()<1>(d);
    default:
      return;
  }
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
    over_runs(job.pitch, [&]<int N>(std::int64_t d) {
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
    if (job.input_places) {
      for (std::int64_t i = begin; i < end; ++i) own_row(job.input_places[job.parts[i]], job.pitch);
    }
    const float* row = ring_row(job, n);
    over_runs(job.pitch, [&]<int N>(std::int64_t d) {
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
