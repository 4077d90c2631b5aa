// The order in which GloVe trains a co-occurrence matrix: shuffled, and kind to the caches.
//
// The entries of a row are cut into runs of neighbouring columns, all in one block of columns. A run stays
// whole, so the parameters of its row are read once; a unit holds runs of one block, so those of its columns
// stay in the cache. Which of the block's units a run goes to is drawn at random, once; the order of the
// units, and of the runs in each, is drawn anew for each epoch. Units lie one after another in a temporary
// file, so that an epoch reads it once, in pieces of half a megabyte.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sampling/matrix_file.h"
#include "training/glove_job.h"

namespace fastnlp {

// One unit, read back and in the order of an epoch.
struct GloveUnit {
  std::vector<char> bytes;
  std::vector<GloveRun> runs;
  const std::int32_t* columns = nullptr;
  const float* counts = nullptr;
};

class GloveUnits {
 public:
  // `memory` in bytes for the shuffle; `pitch` of the table, for how much a cache holds.
  GloveUnits(MatrixFiles matrix, std::int64_t header, std::int64_t vocabulary, bool symmetric,
             std::int64_t pitch, std::uint64_t seed, std::int64_t memory, const std::string& temporary);

  // Shuffles for about `seconds`. Gives how much is done, 1 at the end. A matrix that is not one is refused
  // with the place.
  double prepare(double seconds);

  std::int64_t units() const { return static_cast<std::int64_t>(units_.size()); }
  std::int64_t records() const { return records_; }  // pairs (i, j) that an epoch trains
  // The unit with its runs in the order of the epoch. Safe on several threads, with a `unit` each.
  void read(std::int64_t index, std::uint32_t epoch, GloveUnit& unit) const;

 private:
  enum class Phase { kCheck, kSize, kPlace, kDone };
  struct Place {
    std::int64_t at = 0;  // in the file, in bytes
    std::int64_t runs = 0, entries = 0;
    std::int64_t bytes() const { return 8 * (runs + entries); }
  };

  template <class Visit>
  void next_rows(const Visit& visit);
  void check(std::int64_t row, const std::int32_t* columns, const double* counts, std::int64_t size);
  std::int64_t unit_of(std::int64_t block);
  void begin_pass();
  void place(std::int64_t row, const std::int32_t* columns, const double* counts, std::int64_t size,
             std::int64_t unit);

  MatrixFiles files_;
  MatrixFile matrix_;
  std::int64_t vocabulary_;
  bool symmetric_;
  std::uint64_t seed_;
  std::int64_t memory_;
  std::int64_t block_columns_, unit_entries_;

  Phase phase_ = Phase::kCheck;
  std::int64_t row_ = 0;                     // the next of this pass
  std::int64_t run_ = 0;                     // its first run, counted over the matrix
  std::vector<std::int64_t> block_entries_;  // of each block of columns
  std::vector<std::int64_t> first_unit_;     // of each block, and the number of units
  std::vector<Place> units_;
  std::int64_t first_placed_ = 0, end_placed_ = 0;  // the units that this pass places
  std::vector<Place> filled_;                       // how much of each unit of this pass is there
  std::vector<char> buffer_;
  File file_;
  std::int64_t records_ = 0;
};

}  // namespace fastnlp
