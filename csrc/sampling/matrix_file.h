// A sparse matrix by rows in three files: where each row begins, the columns, the values. Blocks of rows are
// made by several threads in any order and stand in the files in theirs.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "support/file.h"

namespace fastnlp {

// Rows that follow each other: how many entries each has, and the entries. A value is 8 bytes: a sum, or the
// bits of a double.
struct MatrixRows {
  std::vector<std::int64_t> sizes;
  std::vector<std::int32_t> columns;
  std::vector<std::int64_t> values;
};

struct MatrixFile {
  File offsets;             // (rows + 1,) int64
  File columns;             // (entries,) int32, rising within a row
  File values;              // (entries,) 8 bytes each
  std::int64_t header = 0;  // bytes before the first record of each file

  static MatrixFile temporary(const std::string& folder);
  MatrixRows read(std::int64_t row, std::int64_t count) const;
};

class MatrixWriter {
 public:
  // `blocks`: the first row of each block, and the number of rows. A writer of no file holds no rows.
  MatrixWriter(MatrixFile& file, const std::vector<std::int64_t>& blocks, std::int64_t most_waiting);

  // The next block that nobody works on, or -1 where none is left or too many wait for an earlier one until
  // the deadline (seconds of the steady clock) has passed.
  std::int64_t take(double deadline);
  void put(std::int64_t block, MatrixRows&& rows);

  std::int64_t written() const { return next_written_; }  // blocks
  std::int64_t entries() const { return entries_; }
  bool done() const { return next_written_ == static_cast<std::int64_t>(blocks_.size()) - 1; }

 private:
  void write(std::int64_t block, std::int64_t first_entry, const MatrixRows& rows);

  MatrixFile& file_;
  const std::vector<std::int64_t>& blocks_;
  const std::int64_t most_waiting_;
  std::mutex gate_;
  std::condition_variable moved_;
  std::map<std::int64_t, MatrixRows> waiting_;
  std::int64_t next_taken_ = 0;
  std::int64_t next_written_ = 0;
  std::int64_t entries_ = 0;
};

// Seconds since some fixed moment.
double steady_seconds();

}  // namespace fastnlp
