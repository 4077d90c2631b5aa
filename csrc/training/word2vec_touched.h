// Which rows of a table the lanes of a round touch, and which of them several lanes touch.
//
// A row that one lane alone touches is trained where it stands, in the table: nobody else reads or writes it
// in that round. Of the others each lane trains a copy, and what all copies have learned is added to the
// table when the round ends.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "training/word2vec_worker.h"

namespace fastnlp {

constexpr int kLaneBits = 3;  // of the number of a lane

// Numbers for the few ids that are met at a time: a hash table that stays in the first-level cache.
class IdNumbers {
 public:
  IdNumbers();
  // The number of `id`, which is `fresh` where it had none.
  std::int32_t& find(std::int32_t id, std::int32_t fresh) {
    if (4 * used_ > ids_.size()) grow();
    std::size_t i = place(id);
    while (ids_[i] != id && ids_[i] >= 0) i = (i + 1) & (ids_.size() - 1);
    if (ids_[i] < 0) {
      ids_[i] = id;
      numbers_[i] = fresh;
      ++used_;
    }
    return numbers_[i];
  }
  void clear();

 private:
  std::size_t place(std::int32_t id) const { return static_cast<std::uint32_t>(id) * 0x9E3779B1u >> shift_; }
  void grow();

  std::vector<std::int32_t> ids_;  // -1: free; a power of two, a quarter of them used at most
  std::vector<std::int32_t> numbers_;
  std::size_t used_ = 0;
  int shift_;
};

// The rows of one table that a lane touches, numbered by the order in which it meets them.
class TouchedRows {
 public:
  struct Row {
    std::int32_t id;
    std::int32_t uses;  // centers that meet it
  };

  void clear();
  std::int32_t number(std::int32_t id, std::int32_t uses) {
    const auto fresh = static_cast<std::int32_t>(rows_.size());
    const std::int32_t found = numbers_.find(id, fresh);
    if (found == fresh) rows_.push_back({id, 0});
    rows_[static_cast<std::size_t>(found)].uses += uses;
    return found;
  }
  // The first `size` rows of another set, of a table that is indexed alike.
  void take(const TouchedRows& other, std::size_t size) {
    rows_.assign(other.rows_.begin(), other.rows_.begin() + static_cast<std::ptrdiff_t>(size));
  }
  // When all rows are known: each is trained in the table, as far as this lane knows.
  void place_in(Table table);
  RowPlace* places() { return places_.data(); }
  const std::vector<Row>& rows() const { return rows_; }

 private:
  IdNumbers numbers_;
  std::vector<Row> rows_;
  std::vector<RowPlace> places_;
};

// Room for copies of rows.
class CopyRoom {
 public:
  // The first of `rows` rows; what stood there is gone.
  float* take(std::int64_t rows, std::int64_t pitch);

 private:
  Floats floats_;
  std::int64_t capacity_ = 0;  // floats
};

// The rows of one table that several lanes of a round touch, of the ids that fall to one thread.
class SharedRows {
 public:
  // Finds them, and gives the lanes places for their copies.
  void find(std::span<TouchedRows* const> lanes, int thread, int threads, std::int64_t pitch, CopyRoom& room);
  // Adds what the copies have learned to the table, in the order of the lanes. The sum is scaled down where
  // centers have met the copies more than `free_uses` times, at most to the mean.
  void merge(const Word2VecKernels& kernels, Table table, float free_uses);

 private:
  struct Shared {
    std::int32_t id;
    std::int32_t first, last;  // of its copies
    std::int32_t uses;
    std::int32_t lanes;
  };
  void share(std::span<TouchedRows* const> lanes, std::int32_t id, std::int32_t& number, std::int32_t touch);

  // The number of an id that one lane has touched so far is that touch, its row and lane; of others it is ~
  // their place in rows_.
  IdNumbers numbers_;
  std::vector<Shared> rows_;
  std::vector<RowCopy> copies_;
  std::vector<std::int32_t> looked_up_;  // of the rows of a lane
};

}  // namespace fastnlp
