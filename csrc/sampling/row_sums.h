// The sums of one row of a co-occurrence matrix while they grow: a dense array, and the list of the columns
// that were touched, so that a row costs what it holds and not what it could hold.
#pragma once

#include <cstdint>
#include <vector>

namespace fastnlp {

template <class Sum>  // std::int64_t or double
class RowSums {
 public:
  explicit RowSums(std::int64_t columns)
      : sums_(static_cast<std::size_t>(columns)), touched_(static_cast<std::size_t>(columns) + 1) {}

  // `sum` is positive: a column whose sum is zero counts as untouched.
  void add(std::int32_t column, Sum sum) {
    Sum& place = sums_[static_cast<std::size_t>(column)];
    touched_[count_] = column;
    count_ += place == Sum{0};
    place += sum;
  }

  // Appends the columns in rising order with the bits of their sums, and starts the next row.
  void drain(std::vector<std::int32_t>& columns, std::vector<std::int64_t>& bits);

  static std::int64_t bytes(std::int64_t columns) { return columns * 12 + columns / 8 + 16; }

 private:
  void sort_touched();

  std::vector<Sum> sums_;
  std::vector<std::int32_t> touched_;
  std::vector<std::uint64_t> bits_;
  std::size_t count_ = 0;
};

}  // namespace fastnlp
