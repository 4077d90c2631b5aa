// Embedding tables: rows of `pitch` floats, 64-byte aligned, of which the first D are the embedding and the
// rest are zero and stay zero.
#pragma once

#include <cstdint>

namespace fastnlp {

struct Table {
  float* data;
  std::int64_t rows;
  std::int64_t pitch;
};

// Fills the first `dim` columns with numbers uniform in [-bound, bound) from the stream of `seed` keyed by
// the row, and the rest with zeros. The same table for any number of threads.
void fill_uniform(Table table, std::int64_t dim, float bound, std::uint64_t seed, int threads);

}  // namespace fastnlp
