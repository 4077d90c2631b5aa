// The table of kernels that one instruction set offers to the nearest-row search.
#pragma once

#include <cstdint>

namespace fastnlp {

constexpr std::int64_t kCodeStep = 32;  // rows of codes are padded with zeros to a multiple of it

struct NearestKernels {
  const char* name;
  int tile_queries;  // queries that one call of `tile` scores together
  int tile_rows;     // rows that share one line of `peaks`

  // scores[r][q] = cosine of row r and query q, for `count` rows and tile_queries unit queries interleaved as
  // packed[d][q]; peaks[g][q] = the highest score of group g. Whole groups of tile_rows come first, then each
  // left-over row is a group of its own.
  void (*tile)(const float* rows, std::int64_t pitch, std::int64_t count, const float* packed,
               std::int64_t dim, const float* inverse_norms, float* scores, float* peaks);
  // scores[r] = cosine of row r and one unit query.
  void (*single)(const float* rows, std::int64_t pitch, std::int64_t count, const float* query,
                 std::int64_t dim, const float* inverse_norms, float* scores);
  // dots[r] = the whole-number dot product of `width` codes of row r, kCodeStep of them or a multiple, with
  // the query's; rows begin `pitch` codes apart. Nothing overflows as long as the product of the two lengths
  // is below 2^31.
  void (*codes)(const std::int8_t* codes, std::int64_t pitch, std::int64_t width, std::int64_t count,
                const std::int16_t* query, std::int32_t* dots);
  // IEEE binary16 to float32, every value exactly.
  void (*widen_halves)(const std::uint16_t* halves, std::int64_t count, float* out);
  // Whole numbers times a scale.
  void (*widen_int8)(const std::int8_t* numbers, std::int64_t count, float scale, float* out);

  // Analogies: cosines[word][q] for tile_queries rows, and questions of three words (a, b, c) each. Writes
  // which questions have a row whose score is above their threshold, and returns how many; by sums the score
  // of a row is b - a + c, by products (1 + b)(1 + c) / 4 / ((1 + a) / 2 + 1e-6).
  std::int64_t (*reaching)(const float* cosines, const std::int32_t* questions, std::int64_t count,
                           bool by_products, const float* thresholds, std::int32_t* reached);
  // The scores of the tile_queries rows for one question.
  void (*combine)(const float* cosines, const std::int32_t* question, bool by_products, float* scores);
};

extern const NearestKernels kNearestBaseline;
#if defined(__x86_64__)
extern const NearestKernels kNearestAvx2;
extern const NearestKernels kNearestAvx512;
#endif

}  // namespace fastnlp
