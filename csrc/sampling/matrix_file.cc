#include "sampling/matrix_file.h"

#include <chrono>
#include <utility>

namespace fastnlp {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

MatrixFiles MatrixFiles::temporary(const std::string& folder) {
  return {File::temporary(folder), File::temporary(folder), File::temporary(folder)};
}

MatrixRows MatrixFile::read(std::int64_t row, std::int64_t count) const {
  MatrixRows rows;
  std::vector<std::int64_t> ends(static_cast<std::size_t>(count) + 1);
  files->offsets.read(offsets_at + row * 8, ends.data(), (count + 1) * 8);
  const std::int64_t first = ends.front(), entries = ends.back() - first;
  rows.columns.resize(static_cast<std::size_t>(entries));
  rows.values.resize(static_cast<std::size_t>(entries));
  files->columns.read(columns_at + first * 4, rows.columns.data(), entries * 4);
  files->values.read(values_at + first * 8, rows.values.data(), entries * 8);
  for (std::size_t i = 0; i + 1 < ends.size(); ++i) rows.sizes.push_back(ends[i + 1] - ends[i]);
  return rows;
}

RunReader::RunReader(const std::vector<MatrixFile>& runs, std::int64_t first_row, std::int64_t rows) {
  for (const MatrixFile& run : runs) parts_.push_back({run.read(first_row, rows)});
}

MatrixWriter::MatrixWriter(MatrixFile file, const std::vector<std::int64_t>& blocks,
                           std::int64_t most_waiting)
    : file_(file), blocks_(blocks), most_waiting_(most_waiting) {
  const std::int64_t zero = 0;
  file_.files->offsets.write(file_.offsets_at, &zero, 8);
}

std::int64_t MatrixWriter::take(double deadline) {
  std::unique_lock lock(gate_);
  while (next_taken_ + 1 < static_cast<std::int64_t>(blocks_.size())) {
    if (next_taken_ - next_written_ <= most_waiting_) return next_taken_++;
    const double left = deadline - steady_seconds();
    if (left <= 0.0) return -1;
    moved_.wait_for(lock, std::chrono::duration<double>(left));
  }
  return -1;
}

void MatrixWriter::put(std::int64_t block, MatrixRows&& rows) {
  struct Placed {
    std::int64_t block;
    std::int64_t first_entry;
    MatrixRows rows;
  };
  std::vector<Placed> ready;
  {
    const std::lock_guard lock(gate_);
    waiting_.emplace(block, std::move(rows));
    while (!waiting_.empty() && waiting_.begin()->first == next_written_) {
      auto next = waiting_.extract(waiting_.begin());
      const std::int64_t first = entries_;
      entries_ += static_cast<std::int64_t>(next.mapped().columns.size());
      ready.push_back({next_written_++, first, std::move(next.mapped())});
    }
  }
  moved_.notify_all();
  for (const Placed& each : ready) write(each.block, each.first_entry, each.rows);
}

void MatrixWriter::write(std::int64_t block, std::int64_t first_entry, const MatrixRows& rows) {
  std::vector<std::int64_t> ends;
  ends.reserve(rows.sizes.size());
  std::int64_t end = first_entry;
  for (const std::int64_t size : rows.sizes) ends.push_back(end += size);
  const auto count = static_cast<std::int64_t>(rows.columns.size());
  file_.files->offsets.write(file_.offsets_at + (blocks_[static_cast<std::size_t>(block)] + 1) * 8,
                             ends.data(), static_cast<std::int64_t>(ends.size()) * 8);
  file_.files->columns.write(file_.columns_at + first_entry * 4, rows.columns.data(), count * 4);
  file_.files->values.write(file_.values_at + first_entry * 8, rows.values.data(), count * 8);
}

}  // namespace fastnlp
