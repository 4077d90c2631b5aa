// How often words stand near each other: the matrix X of GloVe (Pennington et al. 2014), counted out of core.
//
// The matrix is made row by row. A chunk of the corpus is first indexed by word, as an inverted list of
// positions; then the row of a word is the sum over its positions, in an array of its own, and is complete
// before the next begins. So there is nothing to sort but the columns of a row, and threads share nothing but
// the list of blocks of rows. Where the index of the whole corpus does not fit the memory, each chunk gives a
// matrix in temporary files, and a last pass adds them up, row by row again.
//
// Sums are whole numbers: weights of 1 / distance are counted in units of one over the least common multiple
// of all distances, or of a power of two where that would overflow. Whole numbers add up to the same in any
// order, so neither chunks nor threads show in the result; it becomes a double in the end, in one rounding.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sampling/matrix_file.h"
#include "sampling/row_sums.h"
#include "sampling/sentence_bounds.h"

namespace fastnlp {

struct CooccurrenceOptions {
  int window = 15;
  // Contexts on both sides, of which the entries with column <= row are kept: the matrix is symmetric. Else
  // row i has the words that follow word i.
  bool symmetric = true;
  bool by_distance = true;                      // 1 / distance instead of 1
  std::int64_t memory = std::int64_t{1} << 30;  // bytes, besides the corpus
  int threads = 1;
};

// What one occurrence at each distance counts, in units of 1 / scale.
struct DistanceWeights {
  std::vector<std::int64_t> at;  // (window + 1,), at[0] unused
  double scale;
  // `most`: of occurrences of one word, so that no sum can overflow.
  static DistanceWeights make(int window, bool by_distance, std::int64_t most);
};

class CooccurrenceCounter {
 public:
  // Keeps views of ids (T,) and bounds, the offsets of the stretches that windows stay in; the caller keeps
  // them alive. Words in `left_out` take up a place in the text and are counted with nothing. The matrix goes
  // to the three existing files of `out`.
  CooccurrenceCounter(std::span<const std::int32_t> ids, std::span<const std::int64_t> bounds,
                      std::int64_t vocabulary, std::span<const std::int32_t> left_out,
                      CooccurrenceOptions options, MatrixFiles out, std::int64_t header,
                      std::string temporary);
  ~CooccurrenceCounter();

  // Works for about `seconds`, at least a little. Gives how much is done, 1 at the end. After an exception
  // only destruction is left.
  double step(double seconds);
  std::int64_t entries() const { return entries_; }  // of the matrix, at the end
  std::int64_t chunks() const { return chunks_; }    // that the corpus was cut into

 private:
  enum class Phase { kSurvey, kIndex, kRows, kMerge, kDone };
  struct Piece;   // a stretch of the corpus that one thread indexes
  struct Worker;  // one thread's sums and where it stands

  void plan();
  void begin_chunk();
  void begin_placing();
  void begin_writing(MatrixFile file, Phase phase);
  void finish_chunk();

  void survey(Piece& piece, double deadline);
  void place(Piece& piece, double deadline);
  void count_rows(Worker& worker, double deadline);
  void merge_rows(Worker& worker, double deadline);
  void drain_row(Worker& worker);
  template <bool Symmetric>
  void add_occurrences(RowSums<std::int64_t>& sums, std::int32_t row, std::int64_t begin,
                       std::int64_t end) const;

  std::span<const std::int32_t> ids_;
  std::span<const std::int64_t> bounds_;
  std::int64_t vocabulary_;
  std::vector<std::uint8_t> left_out_;  // (V,) or nothing
  CooccurrenceOptions options_;
  MatrixFiles out_files_, run_files_;
  MatrixFile out_;
  std::string temporary_;

  Phase phase_ = Phase::kSurvey;
  bool failed_ = false;
  std::vector<Piece> pieces_;
  std::vector<Worker> workers_;
  DistanceWeights weights_;
  std::vector<std::int64_t> blocks_;  // the first row of each block, and V
  std::int64_t chunk_size_ = 0, chunks_ = 0, chunk_ = 0;
  std::int64_t begin_ = 0, end_ = 0;      // the chunk, in tokens
  std::int64_t first_ = 0;                // the first token that `sentences_` knows
  std::vector<std::int64_t> row_starts_;  // (V + 1,) into positions_
  std::vector<std::uint32_t> positions_;  // of each word's occurrences, in tokens from begin_
  SentenceBounds sentences_;
  std::vector<MatrixFile> runs_;
  std::unique_ptr<MatrixWriter> writer_;
  std::int64_t entries_ = 0;
};

}  // namespace fastnlp
