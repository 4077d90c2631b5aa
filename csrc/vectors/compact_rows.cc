#include "vectors/compact_rows.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "support/checks.h"
#include "support/parallel.h"
#include "vectors/topk_candidates.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kBlock = 1 << 16;  // numbers

void check_sizes(std::size_t values, std::size_t out) {
  if (values != out) refuse("out", std::to_string(values) + " numbers", std::to_string(out));
}

}  // namespace

void decode_half(std::span<const std::uint16_t> values, std::span<float> out, int threads) {
  check_sizes(values.size(), out.size());
  for_each_block(static_cast<std::int64_t>(values.size()), kBlock, threads,
                 [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                   nearest_kernels().widen_halves(values.data() + begin, end - begin, out.data() + begin);
                 });
}

void decode_int8(std::span<const std::int8_t> values, std::span<const float> scales, std::span<float> out,
                 int threads) {
  check_sizes(values.size(), out.size());
  if (scales.empty() && values.empty()) return;
  if (scales.empty() || values.size() % scales.size() != 0) {
    refuse("scales", "one a row", std::to_string(scales.size()));
  }
  const auto rows = static_cast<std::int64_t>(scales.size());
  const std::int64_t dim = static_cast<std::int64_t>(values.size()) / rows;
  const std::int64_t block = std::max<std::int64_t>(1, kBlock / std::max<std::int64_t>(1, dim));
  for_each_block(rows, block, threads, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      nearest_kernels().widen_int8(values.data() + row * dim, dim, scales[static_cast<std::size_t>(row)],
                                   out.data() + row * dim);
    }
  });
}

void encode_int8(std::span<const float> rows, std::int64_t dim, std::int64_t first_row,
                 std::span<std::int8_t> values, std::span<float> scales) {
  check_sizes(rows.size(), values.size());
  if (dim < 1 || rows.size() != scales.size() * static_cast<std::size_t>(dim)) {
    refuse("scales", "one a row", std::to_string(scales.size()));
  }
  for (std::size_t row = 0; row < scales.size(); ++row) {
    const float* const from = rows.data() + row * static_cast<std::size_t>(dim);
    std::int8_t* const to = values.data() + row * static_cast<std::size_t>(dim);
    float largest = 0.0f, check = 0.0f;
    for (std::int64_t d = 0; d < dim; ++d) {
      largest = std::max(largest, std::fabs(from[d]));
      check += from[d] * 0.0f;  // NaN once a number is NaN or infinite
    }
    if (check != 0.0f) {
      refuse("row " + std::to_string(first_row + static_cast<std::int64_t>(row)), "finite numbers",
             "NaN or infinity");
    }
    // A scale that is subnormal would have no inverse; such a row rounds to zeros.
    float scale = largest / 127.0f;
    if (!std::isfinite(scale * 127.0f)) scale = std::nextafter(scale, 0.0f);
    const float inverse = scale >= 0x1p-126f ? 1.0f / scale : 0.0f;
    scales[row] = inverse == 0.0f ? 0.0f : scale;
    for (std::int64_t d = 0; d < dim; ++d) {
      to[d] = static_cast<std::int8_t>(std::clamp(std::nearbyint(from[d] * inverse), -127.0f, 127.0f));
    }
  }
}

}  // namespace fastnlp
