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
          rows + 2 * job.window + kPointersAtOnce,
          job.gradient + i * job.gradient_each,
          job.gradient + i * job.gradient_each + job.gradient_each / 2,
          job.labels + i * job.labels_each,
          0,
          0};
}

// Where output row `row` is trained.
FASTNLP_INLINE float* found_output(const Word2VecJob& job, std::int64_t row) {
  return find_row(job, job.output_places, job.output, job.hot_outputs, row);
}

FASTNLP_INLINE void fetch_output(const Word2VecJob& job, std::int64_t row) {
  fetch_ahead(found_output(job, row), job.pitch);
}

// Likewise, of one that so many centers are about to meet.
FASTNLP_INLINE float* output_row(const Word2VecJob& job, std::int64_t row, int centers = 1) {
  float* place = found_output(job, row);
  count_uses(
      job, job.hot_outputs, row, centers, [&] { fetch_ahead(job.output + row * job.pitch, job.pitch); },
      [&] { exchange(job.output, job.hot_outputs, row, job.pitch); });
  return place;
}

// The row of kept token c itself, whose uses are counted with those of its input row, if these are.
FASTNLP_INLINE float* own_row(const Word2VecJob& job, std::int64_t c) {
  return job.hot_inputs.rows > 0 ? found_output(job, job.word[c]) : output_row(job, job.word[c]);
}

FASTNLP_INLINE vec* room_for_dots(const Word2VecJob& job) { return reinterpret_cast<vec*>(job.dots); }

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
    m.y[0] = own_row(job, c);
    if (job.set_size == 1) return find_negatives(job, c, m.y + 1);
    const std::int64_t set = set_of(job, c);
    float** found = job.set_rows + (set & (job.set_step - 1)) * job.set_rows_each;
    if (set == c) find_negatives(job, set, found);
    for (int i = 0; i < job.negatives; i += kPointersAtOnce) copy_pointers(m.y + 1 + i, found + i);
  }

 private:
  FASTNLP_INLINE static void find_negatives(const Word2VecJob& job, std::int64_t set, float** found) {
    const std::int32_t* row = drawn_row(job, set);
    for (int i = 0; i < job.negatives; ++i) found[i] = output_row(job, row[i], job.set_size);
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
#if defined(__AVX512F__)
    if (job.hot_outputs.rows == 0) return lay_out_at_once(job, c, m);
#else
    if (!job.output_places && job.hot_outputs.rows == 0) {
      return lay_out(job, c, m, [table = job.output, pitch = job.pitch](std::int64_t row) {
        return table + row * pitch;
      });
    }
#endif
    lay_out(job, c, m, [&job](std::int64_t row) { return output_row(job, row); });
  }

 private:
#if defined(__AVX512F__)
  // lay_out where no row has a copy of the thread's, 8 at a time; writes up to 7 pointers more.
  FASTNLP_INLINE static void lay_out_at_once(const Word2VecJob& job, std::int64_t c, Meeting& m) {
    const std::int64_t begin = job.path_offsets[job.word[c]];
    const int columns = static_cast<int>(job.path_offsets[job.word[c] + 1] - begin);
    const u64 table = reinterpret_cast<u64>(job.output), bytes = sizeof(float) * static_cast<u64>(job.pitch);
    for (int word = 0; word <= columns / 64; ++word) m.labels[word] = 0;
    for (int j = 0; j < columns; j += 8) {
      const auto there = static_cast<__mmask8>(columns - j < 8 ? (1u << (columns - j)) - 1 : 0xFFu);
      const __m512i step =
          _mm512_maskz_cvtepi32_epi64(0xFF, _mm256_maskz_loadu_epi32(there, job.path + begin + j));
      const u64 labels = _mm512_mask_testn_epi64_mask(there, step, _mm512_set1_epi64(1));
      m.labels[j / 64] |= labels << j % 64;
      const lanes8 node = reinterpret_cast<lanes8>(step) >> 1;
      const __m512i rows = job.output_places ? _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), there,
                                                                           reinterpret_cast<__m512i>(node),
                                                                           job.output_places, 8)
                                             : reinterpret_cast<__m512i>(table + node * bytes);
      _mm512_storeu_si512(m.y + j, rows);
    }
    m.columns = columns;
  }
#endif

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
