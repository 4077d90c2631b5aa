#include "sampling/row_sums.h"

#include <algorithm>
#include <bit>

namespace fastnlp {

template <class Sum>
void RowSums<Sum>::sort_touched() {
  if (count_ == 0) return;
  const auto end = touched_.begin() + static_cast<std::ptrdiff_t>(count_);
  const auto highest = static_cast<std::size_t>(*std::max_element(touched_.begin(), end));
  // A bit for each column beats sorting where the columns are not far between.
  if (highest / 64 > 2 * count_) {
    std::sort(touched_.begin(), end);
    return;
  }
  bits_.resize(std::max(bits_.size(), highest / 64 + 1));
  for (std::size_t i = 0; i < count_; ++i) {
    const auto column = static_cast<std::uint32_t>(touched_[i]);
    bits_[column / 64] |= std::uint64_t{1} << (column % 64);
  }
  std::size_t next = 0;
  for (std::size_t word = 0; word <= highest / 64; ++word) {
    for (std::uint64_t left = bits_[word]; left != 0; left &= left - 1) {
      touched_[next++] = static_cast<std::int32_t>(word * 64) + std::countr_zero(left);
    }
    bits_[word] = 0;
  }
}

template <class Sum>
void RowSums<Sum>::drain(std::vector<std::int32_t>& columns, std::vector<std::int64_t>& bits) {
  sort_touched();
  const std::size_t before = columns.size();
  columns.resize(before + count_);
  bits.resize(before + count_);
  for (std::size_t i = 0; i < count_; ++i) {
    Sum& place = sums_[static_cast<std::size_t>(touched_[i])];
    columns[before + i] = touched_[i];
    bits[before + i] = std::bit_cast<std::int64_t>(place);
    place = Sum{0};
  }
  count_ = 0;
}

template class RowSums<std::int64_t>;
template class RowSums<double>;

}  // namespace fastnlp
