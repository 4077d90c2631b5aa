// Greedy segmentation: from the left, always the longest token that the rest begins with.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizers/bpe_model.h"

namespace fastnlp {

class LongestMatch {
 public:
  explicit LongestMatch(const BpeModel& model, const std::vector<std::int32_t>& special);

  struct Match {
    std::int32_t id;  // kNoToken where no token fits
    std::size_t length;
  };
  Match at(std::string_view rest) const;

 private:
  struct Edge {
    std::uint64_t key;  // node << 8 | byte, plus 1; 0 for a free slot
    std::uint32_t target;
    std::int32_t id;  // of the token that ends there
  };
  std::size_t slot(std::uint64_t key) const;

  std::vector<Edge> edges_;
};

}  // namespace fastnlp
