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

// Numbers for the ids of one set at a time.
class IdNumbers {
 public:
  explicit IdNumbers(std::int64_t ids) : entries_(static_cast<std::size_t>(ids)) {}
  // The number of `id`, which is `fresh` where it had none.
  std::int32_t& find(std::int32_t id, std::int32_t fresh) {
    Entry& entry = entries_[static_cast<std::size_t>(id)];
    const std::int32_t known =
        -static_cast<std::int32_t>(entry.set == set_);  // not to be foreseen: no branch
    entry.number = (entry.number & known) | (fresh & ~known);
    entry.set = set_;
    return entry.number;
  }
  void clear();

 private:
  struct Entry {
    std::uint32_t set = 0;  // that the number belongs to
    std::int32_t number = 0;
  };
  std::vector<Entry> entries_;
  std::uint32_t set_ = 1;
};

// What each thread numbers ids with: one set of words, and one of other rows, at a time.
struct Numbers {
  IdNumbers words, rows;
};

// The rows of one table that a lane touches, numbered by the order in which it meets them.
class TouchedRows {
 public:
  struct Row {
    std::int32_t id;
    std::int32_t uses;  // centers that meet it
  };

  void clear() { size_ = 0; }
  // `numbers` are those of this set alone since it was cleared.
  std::int32_t number(IdNumbers& numbers, std::int32_t id, std::int32_t uses) {
    if (size_ == rows_.size()) rows_.resize(2 * size_ + 64);
    rows_[size_] = {id, 0};  // which stays where it is the first with this id: found without a branch
    const auto fresh = static_cast<std::int32_t>(size_);
    const std::int32_t found = numbers.find(id, fresh);
    rows_[static_cast<std::size_t>(found)].uses += uses;
    size_ += found == fresh;
    return found;
  }
  // The first `size` rows of another set, of a table that is indexed alike.
  void take(const TouchedRows& other, std::size_t size) {
    rows_.assign(other.rows_.begin(), other.rows_.begin() + static_cast<std::ptrdiff_t>(size));
    size_ = size;
  }
  // When all rows are known: each is trained in the table, as far as this lane knows.
  void place_in(Table table);
  // From here on row `row` is trained in memory that copy_shared fills.
  void share(std::size_t row, float* copy) { places_[row] = copy; }
  void copy_shared(Table table);
  float* const* places() const { return places_.data(); }
  std::span<const Row> rows() const { return {rows_.data(), size_}; }

 private:
  std::vector<Row> rows_;
  std::size_t size_ = 0;
  std::vector<float*> places_;
  std::vector<std::size_t> shared_;
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
  void find(std::span<TouchedRows* const> lanes, int thread, int threads, std::int64_t pitch,
            IdNumbers& numbers, CopyRoom& room);
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
  // The number of an id that one lane has touched so far is that touch, its row and lane; of others it is ~
  // their place in rows_.
  void share(std::span<TouchedRows* const> lanes, std::int32_t id, std::int32_t& number, std::int32_t touch);

  std::vector<Shared> rows_;
  std::vector<RowCopy> copies_;
  std::vector<std::int32_t> touches_;    // of each copy
  std::vector<std::int32_t> looked_up_;  // of the rows of a lane
};

}  // namespace fastnlp
