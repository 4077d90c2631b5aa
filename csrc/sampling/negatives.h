// Noise words for negative sampling (Mikolov et al. 2013, equation 4).
#pragma once

#include <cstdint>
#include <span>

#include "sampling/alias.h"
#include "support/buffer.h"

namespace fastnlp {

// k noise words for each context word, flat: those of center i lie at k * context_offsets[i]. None of them is
// among the contexts of its center, nor `excluded[i]` where `excluded` (the centers, say) is given.
//
// Draw d of the center at position p uses words 2d and 2d + 1 of Stream::kNegatives; a refused draw moves on
// to the next d. After 64 refusals in a row, a draw falls on the words that remain, in their exact
// proportions.
//
// std::invalid_argument names the first center whose contexts leave no word of positive weight.
Buffer<std::int32_t> negatives(std::span<const std::int32_t> contexts,
                               std::span<const std::int64_t> context_offsets,
                               std::span<const std::int64_t> positions,
                               std::span<const std::int32_t> excluded, const AliasTable& table,
                               std::int64_t k, std::uint64_t seed, std::uint32_t epoch, int threads);

}  // namespace fastnlp
