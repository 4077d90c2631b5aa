// Walker's alias method (Walker 1977), built in O(V) by Vose's procedure (Vose 1991): a draw costs two random
// words and one look-up, whatever the distribution.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampling/alias_column.h"
#include "support/philox.h"

namespace fastnlp {

class AliasTable {
 public:
  // weights: V numbers, finite, >= 0, not all zero (std::invalid_argument otherwise). An index of weight 0 is
  // never drawn.
  explicit AliasTable(std::span<const double> weights);

  std::int32_t draw(std::uint32_t column_word, std::uint32_t threshold_word) const {
    const std::uint32_t i = below(column_word, static_cast<std::uint32_t>(columns_.size()));
    const AliasColumn column = columns_[i];
    // Which of the two it is cannot be predicted, so it is chosen without a branch: 1.4 times as many draws a
    // second.
    const bool own = (threshold_word < column.threshold) | (column.threshold == 0xFFFFFFFFu);
    const std::int32_t mask = -static_cast<std::int32_t>(own);
    return (static_cast<std::int32_t>(i) & mask) | (column.alias & ~mask);
  }

  std::int64_t size() const { return static_cast<std::int64_t>(columns_.size()); }
  // How many indices have a positive weight.
  std::int64_t support() const { return support_; }
  bool possible(std::int32_t id) const { return possible_[static_cast<std::size_t>(id)]; }

  // The table itself, for kernels and GPUs that draw the same numbers.
  std::span<const AliasColumn> columns() const { return columns_; }
  // (V,) what the table really draws; differs from the weights' proportions by rounding, at most 2^-31 a
  // column.
  std::vector<double> probabilities() const;
  std::vector<std::uint32_t> thresholds() const;
  std::vector<std::int32_t> aliases() const;

 private:
  std::vector<AliasColumn> columns_;
  std::vector<bool> possible_;
  std::int64_t support_ = 0;
};

}  // namespace fastnlp
