// What a word may be in a phrase, and the connector words between two words as one number.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace fastnlp {

// The role of each word: 0 for a word that may begin or end a phrase, kNoPhrase for one that ends whatever
// stands before it, and the number 1, 2, ... of a connector word.
using Role = std::uint16_t;
inline constexpr Role kNoPhrase = 0xFFFF;

// The connector words of a gap, the number of each in as few bits as all of them need. A gap holds as many as
// fit 64 bits: 16 of up to 15 connector words, 8 of up to 255. A longer run belongs to no phrase.
class GapCode {
 public:
  explicit GapCode(int connectors)
      : bits_(static_cast<int>(std::bit_width(static_cast<unsigned>(connectors)))),
        longest_(connectors == 0 ? 0 : 64 / bits_) {}

  int longest() const { return longest_; }
  std::uint64_t extend(std::uint64_t gap, Role connector) const { return gap << bits_ | connector; }
  int length(std::uint64_t gap) const {
    return bits_ == 0 ? 0 : static_cast<int>((std::bit_width(gap) + bits_ - 1) / bits_);
  }
  // The connector at place i of a gap of `length`.
  Role at(std::uint64_t gap, int length, int i) const {
    return static_cast<Role>(gap >> (bits_ * (length - 1 - i)) & ((std::uint64_t{1} << bits_) - 1));
  }

 private:
  int bits_;
  int longest_;
};

// The roles of `vocabulary` words: `connectors` numbered in their order, -1 for one that is no word here;
// `apart` without a part in phrases.
std::vector<Role> phrase_roles(std::int64_t vocabulary, std::span<const std::int32_t> connectors,
                               std::span<const std::int32_t> apart);

inline std::uint64_t pair_of(std::int32_t first, std::int32_t second) {
  return std::uint64_t{static_cast<std::uint32_t>(first)} << 32 | static_cast<std::uint32_t>(second);
}

inline std::uint64_t mix(std::uint64_t pair, std::uint64_t gap, std::uint64_t salt) {
  const auto product =
      static_cast<unsigned __int128>(pair ^ salt) * ((gap ^ std::rotl(salt, 32)) * 2 + 0x9E3779B97F4A7C15u);
  return (static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64)) *
         0xD6E8FEB86659FD93u;
}

}  // namespace fastnlp
