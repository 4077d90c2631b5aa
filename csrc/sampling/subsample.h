// Subsampling of frequent words (Mikolov et al. 2013, section 2.3).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "support/buffer.h"

namespace fastnlp {

enum class SubsampleRule {
  kBook,      // keep with min(sqrt(t / f), 1): the paper's and the book's rule
  kWord2vec,  // keep with min((sqrt(f / t) + 1) * t / f, 1): word2vec.c's and gensim's
};

// Probability of keeping each word; f = count / sum of counts. t = 0 keeps everything; a word that was never
// counted is kept.
std::vector<double> keep_probabilities(std::span<const std::int64_t> counts, double t, SubsampleRule rule);

struct Subsample {
  Buffer<std::int32_t> ids;
  Buffer<std::int64_t> sentence_offsets;  // as many sentences as before; some may be empty
  Buffer<std::int64_t> positions;         // where each kept token stood in the input
};

// Token at position p is kept if Stream::kToken, block 0, word 0 of p says so: the same for any number of
// threads.
Subsample subsample(std::span<const std::int32_t> ids, std::span<const std::int64_t> sentence_offsets,
                    std::span<const double> keep, std::uint64_t seed, std::uint32_t epoch, int threads);

}  // namespace fastnlp
