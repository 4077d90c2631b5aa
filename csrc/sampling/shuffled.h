// A random order of 0..n-1 that is never written down: each place is asked for by itself.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

#include "support/philox.h"

namespace fastnlp {

// A Feistel network of six rounds (Luby and Rackoff 1988) with Philox as its round function permutes the
// numbers of a power of two below 2n; what leaves [0, n) goes through again until it is back (Black and
// Rogaway 2002), which takes fewer than two turns in the mean. Round r at a half h is word 0 of
// Stream::kOrder at position number << 32 | h, block r.
class Shuffled {
 public:
  // n in [1, 2^62]. Orders of one epoch have different numbers.
  Shuffled(std::int64_t n, std::uint64_t seed, std::uint32_t epoch, std::uint32_t number)
      : n_(static_cast<std::uint64_t>(n)),
        seed_(seed),
        number_(number),
        epoch_(epoch),
        bits_(std::max(8u, static_cast<unsigned>(std::bit_width(n_ - 1)))) {}

  // What stands at place i of [0, n).
  std::int64_t operator[](std::int64_t i) const {
    auto x = static_cast<std::uint64_t>(i);
    do x = turned(x);
    while (x >= n_);
    return static_cast<std::int64_t>(x);
  }

 private:
  std::uint64_t turned(std::uint64_t x) const {
    unsigned low = bits_ - bits_ / 2, high = bits_ / 2;
    for (std::uint32_t round = 0; round < 6; ++round, std::swap(low, high)) {
      const std::uint64_t right = x & ((std::uint64_t{1} << low) - 1), left = x >> low;
      const std::uint64_t drawn =
          philox::block(seed_, Stream::kOrder, epoch_, std::uint64_t{number_} << 32 | right, round)[0];
      x = right << high | ((left ^ drawn) & ((std::uint64_t{1} << high) - 1));
    }
    return x;
  }

  std::uint64_t n_, seed_;
  std::uint32_t number_, epoch_;
  unsigned bits_;
};

}  // namespace fastnlp
