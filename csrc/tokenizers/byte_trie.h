// Strings of bytes by their beginnings: which is the longest that a text begins with?
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace fastnlp {

class ByteTrie {
 public:
  // For strings of so many bytes together.
  explicit ByteTrie(std::size_t bytes);

  void add(std::string_view text, std::int32_t id);

  struct Match {
    std::int32_t id;  // -1 where no string fits
    std::size_t length;
  };
  Match longest(std::string_view text) const;

 private:
  struct Edge {
    std::uint64_t key;  // node << 8 | byte, plus 1; 0 for a free slot
    std::uint32_t target;
    std::int32_t id;  // of the string that ends there, or -1
  };
  std::size_t slot(std::uint64_t key) const;

  std::vector<Edge> edges_;
  std::uint32_t nodes_ = 1;
};

}  // namespace fastnlp
