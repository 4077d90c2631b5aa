#include "vectors/stored_rows.h"

#include "vectors/topk_candidates.h"

namespace fastnlp {

Rows StoredRows::block(std::int64_t first, std::int64_t rows, float* into) const {
  if (storage == Storage::kFloat32)
    return {static_cast<const float*>(data) + first * pitch, rows, dim, pitch};
  const NearestKernels& kernels = nearest_kernels();
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = (first + r) * pitch;
    if (storage == Storage::kFloat16) {
      kernels.widen_halves(static_cast<const std::uint16_t*>(data) + at, dim, into + r * dim);
    } else {
      kernels.widen_int8(static_cast<const std::int8_t*>(data) + at, dim, scales[first + r], into + r * dim);
    }
  }
  return {into, rows, dim, dim};
}

}  // namespace fastnlp
