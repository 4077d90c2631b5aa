// Padded batches for training on dense arrays, and the order in which an epoch visits its rows.
#pragma once

#include <cstdint>
#include <span>

#include "support/buffer.h"

namespace fastnlp {

// Flat data of N centers; those of center i are [offsets[i], offsets[i + 1]).
struct Examples {
  std::span<const std::int32_t> centers;
  std::span<const std::int32_t> contexts;
  std::span<const std::int64_t> context_offsets;
  std::span<const std::int32_t> negatives;
  std::span<const std::int64_t> negative_offsets;  // empty: k negatives for each context
  std::int64_t k = 0;

  std::int64_t size() const { return static_cast<std::int64_t>(centers.size()); }
  std::int64_t negative_offset(std::int64_t i) const {
    return negative_offsets.empty() ? k * context_offsets[i] : negative_offsets[i];
  }
};

// Columns that a batch of these rows needs: the longest contexts + negatives. Throws for a row outside the
// examples and for offsets of these rows that do not fit the arrays they divide; the cost does not depend on
// N.
std::int64_t padded_width(const Examples& examples, std::span<const std::int64_t> rows);

// Fills (B,) centers and (B, width) contexts followed by negatives, their mask and labels; the rest of a row
// is 0. Rows and width have been through padded_width.
template <class Id, class Flag>
void fill_padded(const Examples& examples, std::span<const std::int64_t> rows, std::int64_t width,
                 Id* centers, Id* contexts_negatives, Flag* masks, Flag* labels);

// A uniform permutation of 0..n-1 (Fisher-Yates): step i draws from Stream::kShuffle at position i.
Buffer<std::int64_t> permutation(std::int64_t n, std::uint64_t seed, std::uint32_t epoch);

}  // namespace fastnlp
