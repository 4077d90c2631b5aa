#include "sampling/alias.h"

#include <numeric>

#include "support/checks.h"

namespace fastnlp {

AliasTable::AliasTable(std::span<const double> weights) {
  check_weights("weights", weights);
  const std::size_t n = weights.size();
  if (n > 0x7FFFFFFFu) refuse("weights", "fewer than 2^31 entries", std::to_string(n));
  columns_.resize(n);
  possible_.resize(n);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);

  // Scaled weights average 1: columns below 1 ("light") are topped up by those above ("heavy").
  std::vector<double> scaled(n);
  std::vector<std::int32_t> light, heavy;
  std::int32_t heaviest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    scaled[i] = weights[i] / sum * static_cast<double>(n);
    possible_[i] = weights[i] > 0.0;
    support_ += possible_[i];
    if (weights[i] > weights[static_cast<std::size_t>(heaviest)]) heaviest = static_cast<std::int32_t>(i);
    (scaled[i] < 1.0 ? light : heavy).push_back(static_cast<std::int32_t>(i));
  }
  while (!light.empty() && !heavy.empty()) {
    const std::int32_t small = light.back();
    const std::int32_t large = heavy.back();
    light.pop_back();
    columns_[small] = {threshold(scaled[small]), large};
    scaled[large] -= 1.0 - scaled[small];
    if (scaled[large] < 1.0) {
      heavy.pop_back();
      light.push_back(large);
    }
  }
  for (const std::int32_t i : heavy) columns_[i] = {0xFFFFFFFFu, i};
  // Left-over light columns are full but for rounding; one of weight 0 must still never be drawn.
  for (const std::int32_t i : light) {
    const bool real = possible_[static_cast<std::size_t>(i)];
    columns_[i] = {real ? 0xFFFFFFFFu : 0u, real ? i : heaviest};
  }
}

std::vector<double> AliasTable::probabilities() const {
  std::vector<double> out(columns_.size(), 0.0);
  const double share = 1.0 / static_cast<double>(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::uint32_t limit = columns_[i].threshold;
    const double own = limit == 0xFFFFFFFFu ? 1.0 : static_cast<double>(limit) * 0x1.0p-32;
    out[i] += share * own;
    out[static_cast<std::size_t>(columns_[i].alias)] += share * (1.0 - own);
  }
  return out;
}

std::vector<std::uint32_t> AliasTable::thresholds() const {
  std::vector<std::uint32_t> out;
  out.reserve(columns_.size());
  for (const AliasColumn& column : columns_) out.push_back(column.threshold);
  return out;
}

std::vector<std::int32_t> AliasTable::aliases() const {
  std::vector<std::int32_t> out;
  out.reserve(columns_.size());
  for (const AliasColumn& column : columns_) out.push_back(column.alias);
  return out;
}

}  // namespace fastnlp
