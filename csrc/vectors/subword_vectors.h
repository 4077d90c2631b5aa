// Vectors of words from the rows of the words and of their n-grams: of unseen words too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "text/ngrams.h"
#include "text/packed_words.h"

namespace fastnlp {

// Rows of float32 at any address: a table of the program, or a stretch of a mapped file.
struct FloatRows {
  const std::byte* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t pitch = 0;  // bytes
};

struct SubwordTable {
  FloatRows words;                           // (V, D)
  FloatRows ngrams;                          // (U, D)
  std::span<const std::int32_t> row_bucket;  // (U,) rising; empty where row = bucket
  std::int64_t buckets = 0;
  NgramRule rule;
  bool mean = true;
};

// Row i of `out` (N, dim) becomes the mean, or the sum, of the rows of word i: its own row where rows[i] is
// not negative, and one for each n-gram. A bucket without a row counts as a row of zeros; a word without any
// row gets zeros. Added in the order of fastText, so that the bits are those of its own sums.
void compose_vectors(const SubwordTable& table, PackedWords words, std::span<const std::int64_t> rows,
                     std::int64_t dim, float* out, int threads);

}  // namespace fastnlp
