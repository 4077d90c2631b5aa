// Records (row, column, value) in any order, as other programs write them, into a matrix by rows. Sorted runs
// go to temporary files when the memory is full, and are added up in the end.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sampling/matrix_file.h"
#include "sampling/row_sums.h"

namespace fastnlp {

class RecordSorter {
 public:
  // `memory` in bytes. The matrix goes to the three existing files of `out`, `header`
  // bytes from their beginnings.
  RecordSorter(std::int64_t vocabulary, std::int64_t memory, MatrixFiles out, std::int64_t header,
               std::string temporary);

  // Values of records of the same place add up, in the order of the records. A bad id or value is refused
  // with its number, counted over all calls.
  void add(std::span<const std::int32_t> rows, std::span<const std::int32_t> columns,
           std::span<const double> values);

  // After the last record: works for about `seconds`, and says whether the matrix is complete.
  bool finish(double seconds);
  std::int64_t entries() const { return writer_ ? writer_->entries() : 0; }

 private:
  struct Record {
    std::int32_t row, column;
    double value;
  };
  void spill();

  std::int64_t vocabulary_;
  MatrixFiles out_files_, run_files_;
  MatrixFile out_, next_run_{nullptr};
  std::string temporary_;
  std::size_t capacity_;
  std::vector<Record> records_;
  std::vector<std::uint32_t> order_;
  std::vector<std::int64_t> counts_;  // (V,) records of each row
  RowSums<double> sums_;
  std::vector<MatrixFile> runs_;
  std::vector<std::int64_t> blocks_;
  std::unique_ptr<MatrixWriter> writer_;
  std::int64_t seen_ = 0;
};

}  // namespace fastnlp
