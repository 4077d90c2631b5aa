// Centers and the contexts around them (Mikolov et al. 2013; the shrinking window is word2vec.c's).
#pragma once

#include <cstdint>
#include <span>

#include "support/buffer.h"

namespace fastnlp {

struct WindowOptions {
  std::int32_t window = 5;  // words on each side at most
  bool shrink = true;       // each center draws its own width, uniform in 1..window
  bool keep_lone = false;   // a sentence of one word gives a center without contexts; else nothing
};

struct Windows {
  Buffer<std::int32_t> centers;          // (N,)
  Buffer<std::int32_t> contexts;         // in sentence order, the center left out
  Buffer<std::int64_t> context_offsets;  // (N + 1,)
  Buffer<std::int64_t> positions;        // (N,) what later draws of each center are keyed by
};

// positions: where each token stood before subsampling, or empty for 0, 1, 2, ... The width of the center at
// position p is 1 + below(word, window) with Stream::kToken, block 0, word 1 of p.
Windows windows(std::span<const std::int32_t> ids, std::span<const std::int64_t> sentence_offsets,
                std::span<const std::int64_t> positions, const WindowOptions& options, std::uint64_t seed,
                std::uint32_t epoch, int threads);

}  // namespace fastnlp
