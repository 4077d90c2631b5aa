// Exact nearest rows for one query at a quarter of the memory traffic. A sketch holds each row, scaled to
// length 1, as whole numbers of 8 bits and how far off that is. One pass over the sketch brackets every
// cosine; only rows whose bracket reaches the k-th best lower end are then compared in full. The answer, to
// the last bit, is that of `nearest` for a few queries. Rows of int8 are their own codes and off by nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vectors/topk.h"

namespace fastnlp {

// Codes a row: dim, rounded up.
std::int64_t sketch_width(std::int64_t dim);

struct Sketch {
  std::vector<std::int8_t> codes;  // (rows, sketch_width(dim)), zeros behind the row; none for int8 rows
  std::vector<float> scales;       // (rows,): row / its length is about scale * code
  std::vector<float> errors;       // (rows,): at least the length of the difference
};

//   inverse_norms: rows.count numbers; a row of 0 becomes zeros without an error.
Sketch sketch_rows(const StoredRows& rows, std::span<const float> inverse_norms, int threads);

struct SketchView {
  std::span<const std::int8_t> codes;
  std::span<const float> scales;
  std::span<const float> errors;
};

// As `nearest`, for a query or a few: each reads the whole sketch.
Nearest nearest_by_sketch(const StoredRows& rows, std::span<const float> inverse_norms,
                          const SketchView& sketch, std::span<const float> queries, std::int64_t query_count,
                          std::int64_t k, std::span<const std::int32_t> exclude, int threads);

}  // namespace fastnlp
