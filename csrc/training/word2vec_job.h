// What one thread hands to the inner loop of word2vec: plain data, because the loop is compiled once per
// instruction set and must not share inline code with the rest of the program.
#pragma once

#include <cstdint>

#include "sampling/alias_column.h"

namespace fastnlp {

constexpr std::int64_t kDrawnRows = 512;  // centers whose negatives are held at a time; a power of two
constexpr int kGroupCenters = 4;          // neighbouring centers that share negatives; a power of two
constexpr int kCombinedCenters = 2;       // likewise of CBOW, whose centers make one prediction each
constexpr int kDistantCenters = 8;        // centers far from each other that share negatives; a power of two
constexpr std::int64_t kLossEvery = 64;   // the loss is measured on positions that are a multiple of it
constexpr int kPointersAtOnce = 8;        // to context rows, copied together; up to 7 too many
constexpr std::int64_t kScoreFloats =
    32;  // room for the scores of one block of rows, in every instruction set

enum class Architecture : std::uint8_t { kSkipGram, kCbow };

// Context rows of a group, at most.
constexpr std::int64_t group_rows(int window) { return 2 * std::int64_t{window} + kGroupCenters; }

// Kept tokens from the last one that a window has not left to the first one that is not fetched yet, at most.
constexpr std::int64_t tokens_on_their_way(int window) { return group_rows(window) + kGroupCenters; }

// Who shares a set of K negatives: nobody, the contexts of a center, those of a group of neighbouring
// centers, or those of centers whose windows do not overlap.
enum class Sharing : std::uint8_t { kPair, kCenter, kGroup, kDistant };

// Centers that share a set.
constexpr int centers_of_set(Architecture architecture, Sharing sharing) {
  if (sharing == Sharing::kDistant) return kDistantCenters;
  if (sharing != Sharing::kGroup) return 1;
  return architecture == Architecture::kCbow ? kCombinedCenters : kGroupCenters;
}

// Kept tokens from one center of a set to the next, a power of two: more than two windows, as far as the
// negatives of so many sets are held, and few enough that their rows are still in the cache.
constexpr int step_of_set(Sharing sharing, int window) {
  if (sharing != Sharing::kDistant) return 1;
  int step = 16;
  while (step <= 2 * window && step < kDrawnRows / 2 / kDistantCenters) step *= 2;
  return step;
}

// CBOW: what the contexts are worth to the hidden vector, and the error of the hidden vector to each of them.
struct ContextScale {
  bool mean_forward;
  bool mean_backward;
};

// A thread's copies of rows first.. of a table, which all threads meet all the time: it trains its copy and
// exchanges it with the table on every hot_uses-th use. `rows` is 0 where a thread is alone.
struct HotRows {
  std::uint64_t way;    // from a row of the table to its copy, in bytes; the value that the copy had at the
                        // last exchange stands `rows` rows behind it
  std::uint16_t* used;  // (rows + 1,) uses since the last exchange; the last stays 0. No bytes: to a compiler
                        // they could be a part of anything
  std::int64_t first;
  std::int64_t rows;
};

struct Word2VecJob {
  // The corpus and the tables it is drawn with.
  const std::int32_t* ids;    // (T,)
  const std::uint32_t* keep;  // (V,) thresholds of the subsampling rule
  const AliasColumn* noise;   // (V,) unigram^0.75 as a rule
  std::uint32_t noise_size;   // V
  float* input;               // (V, pitch), or (R, pitch) where words have parts; 64-byte aligned
  float* output;              // (V, pitch)
  float* const*
      input_places;  // where input row i is trained, if rows are numbered by a lane; null: in the table
  float* const* output_places;  // likewise
  std::int64_t dim;             // D, floats
  std::int64_t pitch;           // of a row with its padding, a multiple of 16
  std::uint64_t seed;
  std::uint32_t epoch;
  int window;
  int negatives;
  bool shrink;  // windows drawn from 1..window instead of always window
  Architecture architecture;
  Sharing sharing;
  int set_size;  // centers that share negatives
  int set_step;  // kept tokens from one of them to the next
  ContextScale context_scale;
  float lr;

  // Hierarchical softmax: the path of word w from the root to its leaf, as 2 * node + code. Null for negative
  // sampling.
  const std::int32_t* path;
  const std::int64_t* path_offsets;  // (V + 1,)
  std::int32_t warm_node;            // nodes from here on are near the root and always in the cache

  // Subwords: the input vector of word w is the sum or the mean of the rows parts[part_offsets[w]] up to
  // parts[part_offsets[w + 1] - 1]. Null where a word has one row, its own.
  const std::int32_t* parts;
  const std::int64_t* part_offsets;  // (V + 1,)
  bool mean;

  // Kept tokens of the unit: id, corpus position, window, and the kept range of their sentence, both ends in.
  std::int32_t* word;
  std::int64_t* position;
  std::int32_t* reach;
  std::int64_t* first;
  std::int64_t* last;
  std::int64_t kept;

  HotRows hot_inputs;
  HotRows hot_outputs;
  int hot_uses;

  // Scratch.
  bool is_drawn;        // `drawn` holds the negatives of all kept tokens
  std::int32_t* drawn;  // (kDrawnRows, negatives)
  float** set_rows;  // (set_step, set_rows_each) of distant centers, where the negatives of a set are trained
  std::int64_t set_rows_each;
  float** contexts;  // (2 * (contexts_mask + 1) + kPointersAtOnce,) where the row of kept token n is trained,
                     // at n & contexts_mask and once more contexts_mask + 1 behind it
  std::int64_t contexts_mask;
  float* ring;  // (ring_mask + 1, 2, pitch) a context row of its own and the value it had on entry
  std::int64_t ring_mask;
  float**
      rows;  // (2, rows_each) pointers: contexts, then outputs; of a center or, from the first on, of a group
  std::int64_t rows_each;
  float* gradient;  // (2, gradient_each) of a center or a group, then the labels of a center; 64-byte aligned
  std::int64_t gradient_each;
  std::uint64_t* labels;  // (2, labels_each) a bit for each column
  std::int64_t labels_each;
  float* hidden;  // (2, pitch) the hidden vectors of CBOW
  float* error;   // (2, pitch) their errors
  float* dots;    // 16 vectors of any instruction set
  float* meets;   // (group_rows(window), kGroupCenters), then (group_rows(window),), then kScoreFloats: of a
                  // group

  // Results.
  std::int64_t pairs;
  std::int64_t loss_pairs;
  double loss;
};

// A copy of a row that was trained apart, one of a chain of the same row.
struct RowCopy {
  const float* row;
  std::int32_t next;  // in the array of copies, or -1
};

// The parts of the inner loop for one instruction set.
struct Word2VecKernels {
  void (*keep)(Word2VecJob&, std::int64_t begin, std::int64_t end);
  void (*draw)(Word2VecJob&);  // all negatives of up to kDrawnRows kept tokens
  void (*train)(Word2VecJob&);
  // row += scale * (the sum of copy - row over the chain that begins with copies[first]).
  void (*merge)(float* row, std::int64_t pitch, const RowCopy* copies, std::int32_t first, float scale);
  const char* name;
};

Word2VecKernels word2vec_kernels_baseline();
Word2VecKernels word2vec_kernels_avx2();
Word2VecKernels word2vec_kernels_avx512();

}  // namespace fastnlp
