// Rows that are stored in fewer bytes than float32 takes, and made float32 where they are used.
#pragma once

#include <cstdint>
#include <span>

namespace fastnlp {

// IEEE binary16, every value exactly. As many in as out.
void decode_half(std::span<const std::uint16_t> values, std::span<float> out, int threads);

// Whole numbers times the scale of their row: (rows, dim) values, (rows) scales.
void decode_int8(std::span<const std::int8_t> values, std::span<const float> scales, std::span<float> out,
                 int threads);

// The other way round: scale = max |x| / 127 and the nearest whole numbers, ties to even; a row of zeros has
// scale 0. Refuses a number that is not finite; rows are counted from first_row on.
void encode_int8(std::span<const float> rows, std::int64_t dim, std::int64_t first_row,
                 std::span<std::int8_t> values, std::span<float> scales);

}  // namespace fastnlp
