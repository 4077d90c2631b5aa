// What word2vec draws at random, for 16 positions at once: which tokens are kept, their windows, their
// negatives. The numbers are those of support/philox.h. See word2vec_kernel.h for what may be included here.
#pragma once

#include <cstdint>

#include "support/always_inline.h"
#include "training/word2vec_job.h"

namespace fastnlp {
namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// Philox4x32-10 for 16 counters at once; the same numbers as philox::block. Words stand in 64-bit lanes, so
// that one vector multiplication gives both halves of the product.
typedef u64 lanes8 __attribute__((vector_size(64)));

struct Lanes {
  lanes8 word[4][2];
  u32 at(int w, int lane) const { return static_cast<u32>(word[w][lane / 8][lane % 8]); }
};

FASTNLP_INLINE void philox_lanes(Lanes& c, u64 seed) {
  const lanes8 low = lanes8{} + 0xFFFFFFFFu;
  u64 k0 = seed & 0xFFFFFFFFu, k1 = seed >> 32;
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const lanes8 p0 = c.word[0][half] * u64{0xD2511F53u};
      const lanes8 p1 = c.word[2][half] * u64{0xCD9E8D57u};
      c.word[0][half] = (p1 >> 32) ^ c.word[1][half] ^ k0;
      c.word[1][half] = p1 & low;
      c.word[2][half] = (p0 >> 32) ^ c.word[3][half] ^ k1;
      c.word[3][half] = p0 & low;
    }
    k0 = (k0 + 0x9E3779B9u) & 0xFFFFFFFFu;
    k1 = (k1 + 0xBB67AE85u) & 0xFFFFFFFFu;
  }
}

// The counters of 16 positions: {position low, position high, epoch, stream << 24 | block}.
FASTNLP_INLINE Lanes counters(const lanes8 positions[2], u32 epoch, u32 stream, u32 block) {
  Lanes c;
  for (int half = 0; half < 2; ++half) {
    c.word[0][half] = positions[half] & 0xFFFFFFFFu;
    c.word[1][half] = positions[half] >> 32;
    c.word[2][half] = lanes8{} + epoch;
    c.word[3][half] = lanes8{} + (stream << 24 | (block & 0xFFFFFFu));
  }
  return c;
}

constexpr u32 kTokenStream = 0, kNegativeStream = 1;

FASTNLP_INLINE bool passes(u32 limit, u32 word) { return (word < limit) | (limit == 0xFFFFFFFFu); }
FASTNLP_INLINE int pick(u32 word, u32 n) { return static_cast<int>((u64{word} * n) >> 32); }

// Appends the tokens of corpus positions [begin, end) that survive subsampling, with their windows.
inline void keep_tokens(Word2VecJob& job, std::int64_t begin, std::int64_t end) {
  const lanes8 step = {0, 1, 2, 3, 4, 5, 6, 7};
  for (std::int64_t start = begin; start < end; start += 16) {
    const lanes8 positions[2] = {step + static_cast<u64>(start), step + static_cast<u64>(start) + 8u};
    Lanes random = counters(positions, job.epoch, kTokenStream, 0);
    philox_lanes(random, job.seed);
    const int count = end - start < 16 ? static_cast<int>(end - start) : 16;
    for (int l = 0; l < count; ++l) {
      const std::int32_t id = job.ids[start + l];
      const std::int64_t n = job.kept;
      job.word[n] = id;
      job.position[n] = start + l;
      job.reach[n] = job.shrink ? 1 + pick(random.at(1, l), static_cast<u32>(job.window)) : job.window;
      job.kept += passes(job.keep[id], random.at(0, l));
    }
  }
}

FASTNLP_INLINE std::int32_t noise_word(const Word2VecJob& job, u64 column, u32 word) {
  const AliasColumn& at = job.noise[column];
  const std::int32_t mask = -static_cast<std::int32_t>(passes(at.threshold, word));
  return (static_cast<std::int32_t>(column) & mask) | (at.alias & ~mask);
}

// Negatives are drawn for sets of centers: a center alone, a group of neighbours, or some that stand set_step
// apart. A set is named by its first center, whose position keys the draws.
FASTNLP_INLINE std::int64_t set_of(const Word2VecJob& job, std::int64_t c) {
  return c & ~(static_cast<std::int64_t>(job.set_size - 1) * job.set_step);
}

FASTNLP_INLINE bool in_set(const Word2VecJob& job, std::int64_t set, std::int32_t word) {
  const std::int64_t span = static_cast<std::int64_t>(job.set_size) * job.set_step;
  const std::int64_t end = set + span < job.kept ? set + span : job.kept;
  bool found = false;
  for (std::int64_t c = set; c < end; c += job.set_step) found |= job.word[c] == word;
  return found;
}

// Draws number d, d + 1, ... of a set's stream until one is no center of it. Where its centers hold nearly
// all the weight, the next word that can be drawn stands in after 64 tries: never an endless loop.
inline std::int32_t redraw(const Word2VecJob& job, std::int64_t set, u32& d) {
  for (int tries = 0; tries < 64; ++tries) {
    const lanes8 positions[2] = {lanes8{} + static_cast<u64>(job.position[set]), {}};
    Lanes random = counters(positions, job.epoch, kNegativeStream, d / 2);
    philox_lanes(random, job.seed);
    const int odd = d & 1;
    ++d;
    const u64 column = u64{random.at(2 * odd, 0)} * job.noise_size >> 32;
    const std::int32_t drawn = noise_word(job, column, random.at(2 * odd + 1, 0));
    if (!in_set(job, set, drawn)) return drawn;
  }
  std::int32_t next = job.word[set];
  for (u32 i = 0; i < job.noise_size; ++i) {
    next = next + 1 < static_cast<std::int32_t>(job.noise_size) ? next + 1 : 0;
    if (!in_set(job, set, next) && job.noise[next].threshold != 0) return next;
  }
  return job.noise[job.word[set]].alias;
}

FASTNLP_INLINE std::int32_t* drawn_row(const Word2VecJob& job, std::int64_t set) {
  return job.drawn + (set & (kDrawnRows - 1)) * job.negatives;
}

// The K shared negatives of the sets that begin in [first, last), into their rows of the ring job.drawn. Both
// ends are multiples of what a set spans or the end of the unit.
inline void draw_negatives(Word2VecJob& job, std::int64_t first, std::int64_t last) {
  const int k = job.negatives;
  std::int64_t c = first;
  while (c < last) {
    std::int64_t set[16];
    lanes8 positions[2] = {};
    int count = 0;
    for (; c < last && count < 16; ++c) {
      if (set_of(job, c) != c) continue;
      positions[count / 8][count % 8] = static_cast<u64>(job.position[c]);
      set[count++] = c;
    }
    // The alias table is larger than what the caches keep of it between two calls: all columns of up to
    // kAtOnce draws are fetched before the first is read.
    constexpr int kAtOnce = 8;
    for (int first_draw = 0; first_draw < k; first_draw += kAtOnce) {
      const int draws = k - first_draw < kAtOnce ? k - first_draw : kAtOnce;
      lanes8 column[kAtOnce][2], word[kAtOnce][2];
      for (int d = 0; d < draws; d += 2) {
        Lanes random =
            counters(positions, job.epoch, kNegativeStream, static_cast<u32>((first_draw + d) / 2));
        philox_lanes(random, job.seed);
        for (int each = 0; each < 2; ++each) {
          for (int half = 0; half < 2; ++half) {
            column[d + each][half] = random.word[2 * each][half] * job.noise_size >> 32;
            word[d + each][half] = random.word[2 * each + 1][half];
          }
          for (int l = 0; l < count; ++l) {
            __builtin_prefetch(job.noise + column[d + each][l / 8][l % 8]);
          }
        }
      }
      for (int l = 0; l < count; ++l) {
        std::int32_t* row = drawn_row(job, set[l]) + first_draw;
        for (int d = 0; d < draws; ++d) {
          row[d] = noise_word(job, column[d][l / 8][l % 8], static_cast<u32>(word[d][l / 8][l % 8]));
        }
      }
    }
    for (int l = 0; l < count; ++l) {
      std::int32_t* row = drawn_row(job, set[l]);
      bool hit = false;
      for (int i = 0; i < k; ++i) hit |= in_set(job, set[l], row[i]);
      if (!hit) continue;
      // The draw is dropped, the later ones move up, and the stream goes on behind them.
      int good = 0;
      for (int i = 0; i < k; ++i) {
        row[good] = row[i];
        good += !in_set(job, set[l], row[i]);
      }
      u32 d = static_cast<u32>(k);
      for (; good < k; ++good) row[good] = redraw(job, set[l], d);
    }
  }
}

}  // namespace
}  // namespace fastnlp
