// A sparse matrix by rows in three files: where each row begins, the columns, the values. Blocks of rows are
// made by several threads in any order and stand in the files in theirs.
#pragma once

#include <bit>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "sampling/row_sums.h"
#include "support/file.h"

namespace fastnlp {

// Rows that follow each other: how many entries each has, and the entries. A value is 8 bytes: a sum, or the
// bits of a double.
struct MatrixRows {
  std::vector<std::int64_t> sizes;
  std::vector<std::int32_t> columns;
  std::vector<std::int64_t> values;
};

struct MatrixFiles {
  File offsets;  // (rows + 1,) int64
  File columns;  // (entries,) int32, rising within a row
  File values;   // (entries,) 8 bytes each

  static MatrixFiles temporary(const std::string& folder);
};

// Where one matrix stands in files that may hold several, in bytes.
struct MatrixFile {
  MatrixFiles* files;
  std::int64_t offsets_at = 0, columns_at = 0, values_at = 0;

  MatrixRows read(std::int64_t row, std::int64_t count) const;
  // The place behind this matrix.
  MatrixFile next(std::int64_t rows, std::int64_t entries) const {
    return {files, offsets_at + 8 * (rows + 1), columns_at + 4 * entries, values_at + 8 * entries};
  }
};

class MatrixWriter {
 public:
  // `blocks`: the first row of each block, and the number of rows.
  MatrixWriter(MatrixFile file, const std::vector<std::int64_t>& blocks, std::int64_t most_waiting);

  // The next block that nobody works on, or -1 where none is left or too many wait for an earlier one until
  // the deadline (seconds of the steady clock) has passed.
  std::int64_t take(double deadline);
  void put(std::int64_t block, MatrixRows&& rows);

  std::int64_t written() const { return next_written_; }  // blocks
  std::int64_t entries() const { return entries_; }
  bool done() const { return next_written_ == static_cast<std::int64_t>(blocks_.size()) - 1; }

 private:
  void write(std::int64_t block, std::int64_t first_entry, const MatrixRows& rows);

  MatrixFile file_;
  const std::vector<std::int64_t>& blocks_;
  const std::int64_t most_waiting_;
  std::mutex gate_;
  std::condition_variable moved_;
  std::map<std::int64_t, MatrixRows> waiting_;
  std::int64_t next_taken_ = 0;
  std::int64_t next_written_ = 0;
  std::int64_t entries_ = 0;
};

// The same rows of several matrices, to be added up row by row.
class RunReader {
 public:
  RunReader(const std::vector<MatrixFile>& runs, std::int64_t first_row, std::int64_t rows);
  template <class Sum>
  void next_row(RowSums<Sum>& sums) {
    for (Part& part : parts_) {
      const auto end = part.at + static_cast<std::size_t>(part.rows.sizes[row_]);
      for (; part.at < end; ++part.at) {
        sums.add(part.rows.columns[part.at], std::bit_cast<Sum>(part.rows.values[part.at]));
      }
    }
    ++row_;
  }

 private:
  struct Part {
    MatrixRows rows;
    std::size_t at = 0;
  };
  std::vector<Part> parts_;
  std::size_t row_ = 0;
};

// Seconds since some fixed moment.
double steady_seconds();

}  // namespace fastnlp
