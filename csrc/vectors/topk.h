// Exact nearest rows by cosine. One pass over the table per group of queries; a padded training table or a
// memory map is searched where it lies, and rows of fewer bytes are widened block by block.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vectors/stored_rows.h"

namespace fastnlp {

// Euclidean length of each row, summed in double; NaN or infinite where the row is.
std::vector<float> row_norms(const StoredRows& rows, int threads);

struct Nearest {
  std::vector<std::int32_t> indices;  // (queries, k), best first; -1 where fewer than k rows were left
  std::vector<float> scores;          // (queries, k); -infinity where the index is -1
};

// The k rows of highest cosine with each query, equal scores in order of index.
//   inverse_norms: rows.count numbers; 0 marks a row whose cosine is 0 with everything (empty, not finite).
//   queries: B x rows.dim finite numbers of any length; a query of zeros scores 0 with every row.
//   exclude: B x (exclude.size() / B) row indices left out of the answer, -1 for none.
//   first_row: the index of the first of `rows`, where they are a block of a larger table.
//   so_far: what was found in the blocks before, with the same k; null for none.
// The sums are in float32, so scores agree with an exact computation to about 1e-6, and which of two rows
// that are closer than that comes first may depend on the instruction set and the number of queries.
Nearest nearest(const StoredRows& rows, std::span<const float> inverse_norms, std::span<const float> queries,
                std::int64_t query_count, std::int64_t k, std::span<const std::int32_t> exclude, int threads,
                std::int64_t first_row = 0, const Nearest* so_far = nullptr);

// What the widest instruction set of this machine is called: "avx512", "avx2" or "baseline".
const char* nearest_instruction_set();

}  // namespace fastnlp
