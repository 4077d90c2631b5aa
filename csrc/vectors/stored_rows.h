// Tables of rows, whatever their numbers are stored in. Searches ask for a block of rows as float32: where
// they are stored so, they lie where they are; others are widened into a room that stays in the cache.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnlp {

// float32 rows that may lie apart in memory (pitch >= dim).
struct Rows {
  const float* data;
  std::int64_t count;
  std::int64_t dim;
  std::int64_t pitch;  // floats from one row to the next

  const float* row(std::int64_t i) const { return data + i * pitch; }
};

struct StoredRows {
  enum class Storage {
    kFloat32,
    kFloat16,  // IEEE binary16, by its bits
    kInt8,     // whole numbers, times the scale of their row
  };

  Storage storage;
  const void* data;
  const float* scales;  // (count,), of kInt8 alone
  std::int64_t count;
  std::int64_t dim;
  std::int64_t pitch;  // numbers from one row to the next

  StoredRows(const Rows& rows)
      : StoredRows(Storage::kFloat32, rows.data, nullptr, rows.count, rows.dim, rows.pitch) {}
  StoredRows(Storage of, const void* numbers, const float* row_scales, std::int64_t rows, std::int64_t width,
             std::int64_t apart)
      : storage(of), data(numbers), scales(row_scales), count(rows), dim(width), pitch(apart) {}

  // What `block` needs for so many rows, in floats.
  std::size_t room(std::int64_t rows) const {
    return storage == Storage::kFloat32 ? 0 : static_cast<std::size_t>(rows * dim);
  }
  // Rows [first, first + rows): the stored ones, or widened into `into`.
  Rows block(std::int64_t first, std::int64_t rows, float* into) const;
};

}  // namespace fastnlp
