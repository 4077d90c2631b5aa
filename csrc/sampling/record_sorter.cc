#include "sampling/record_sorter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "support/checks.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kMostInRun = 1 << 22;  // records that are sorted within 0.2 s
constexpr std::int64_t kLeastInRun = 64;
constexpr std::int64_t kBlockRecords = 1 << 18;
constexpr std::int64_t kBytesEach = 16 + 4 + 12;  // the record, its place in the order, its entry in the run

// The first row of each block of about `most` records, and the number of rows.
std::vector<std::int64_t> blocks_of(std::span<const std::int64_t> counts, std::int64_t most) {
  std::vector<std::int64_t> blocks;
  std::int64_t held = 0;
  for (std::size_t row = 0; row < counts.size(); ++row) {
    if (row == 0 || held + counts[row] > most) {
      blocks.push_back(static_cast<std::int64_t>(row));
      held = 0;
    }
    held += counts[row] + 1;
  }
  blocks.push_back(static_cast<std::int64_t>(counts.size()));
  return blocks;
}

}  // namespace

RecordSorter::RecordSorter(std::int64_t vocabulary, std::int64_t memory, MatrixFiles out, std::int64_t header,
                           std::string temporary)
    : vocabulary_(vocabulary),
      out_files_(std::move(out)),
      out_{&out_files_, header, header, header},
      temporary_(std::move(temporary)),
      sums_((vocabulary < 1 || vocabulary > 0x7FFFFFFF)
                ? (refuse("vocabulary", "1 to 2^31 - 1 words", std::to_string(vocabulary)), 0)
                : vocabulary) {
  const std::int64_t fixed = RowSums<double>::bytes(vocabulary) + vocabulary * 24;
  const std::int64_t capacity = (memory - fixed) / kBytesEach;
  if (capacity < kLeastInRun) {
    refuse("memory",
           "at least " + std::to_string(fixed + kLeastInRun * kBytesEach) + " bytes for this vocabulary",
           std::to_string(memory));
  }
  capacity_ = static_cast<std::size_t>(std::min(capacity, kMostInRun));
  records_.reserve(capacity_);
  counts_.resize(static_cast<std::size_t>(vocabulary));
}

void RecordSorter::add(std::span<const std::int32_t> rows, std::span<const std::int32_t> columns,
                       std::span<const double> values) {
  if (rows.size() != columns.size() || rows.size() != values.size()) {
    refuse("values", "one for each of the " + std::to_string(rows.size()) + " rows and columns",
           std::to_string(columns.size()) + " and " + std::to_string(values.size()));
  }
  check_ids("rows", rows, vocabulary_, seen_);
  check_ids("columns", columns, vocabulary_, seen_);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!(values[i] > 0.0) || !std::isfinite(values[i])) {
      refuse("values[" + std::to_string(seen_ + static_cast<std::int64_t>(i)) + "]",
             "a finite number above 0", std::to_string(values[i]));
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (records_.size() == capacity_) spill();
    records_.push_back({rows[i], columns[i], values[i]});
    ++counts_[static_cast<std::size_t>(rows[i])];
  }
  seen_ += static_cast<std::int64_t>(rows.size());
}

// Sorts by counting rows; the columns of a row are sorted by `sums_`.
void RecordSorter::spill() {
  std::vector<std::int64_t> starts(static_cast<std::size_t>(vocabulary_) + 1);
  for (const Record& each : records_) ++starts[static_cast<std::size_t>(each.row) + 1];
  const std::vector<std::int64_t> blocks =
      blocks_of({starts.data() + 1, static_cast<std::size_t>(vocabulary_)}, kBlockRecords);
  for (std::size_t row = 1; row < starts.size(); ++row) starts[row] += starts[row - 1];
  order_.resize(records_.size());
  std::vector<std::int64_t> next = starts;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    order_[static_cast<std::size_t>(next[static_cast<std::size_t>(records_[i].row)]++)] =
        static_cast<std::uint32_t>(i);
  }
  if (runs_.empty()) {
    run_files_ = MatrixFiles::temporary(temporary_);
    next_run_ = {&run_files_};
  }
  runs_.push_back(next_run_);
  MatrixWriter writer(runs_.back(), blocks, 0);
  for (std::size_t block = 0; block + 1 < blocks.size(); ++block) {
    MatrixRows rows;
    for (std::int64_t row = blocks[block]; row < blocks[block + 1]; ++row) {
      for (std::int64_t i = starts[static_cast<std::size_t>(row)];
           i < starts[static_cast<std::size_t>(row) + 1]; ++i) {
        const Record& each = records_[order_[static_cast<std::size_t>(i)]];
        sums_.add(each.column, each.value);
      }
      const std::size_t before = rows.columns.size();
      sums_.drain(rows.columns, rows.values);
      rows.sizes.push_back(static_cast<std::int64_t>(rows.columns.size() - before));
    }
    writer.put(static_cast<std::int64_t>(block), std::move(rows));
  }
  next_run_ = next_run_.next(vocabulary_, writer.entries());
  records_.clear();
}

bool RecordSorter::finish(double seconds) {
  const double deadline = steady_seconds() + seconds;
  if (!writer_) {
    if (!records_.empty()) spill();
    records_ = {};
    order_ = {};
    blocks_ = blocks_of(counts_, std::min<std::int64_t>(kBlockRecords, static_cast<std::int64_t>(capacity_)));
    writer_ = std::make_unique<MatrixWriter>(out_, blocks_, 0);
  }
  while (!writer_->done()) {
    const std::int64_t block = writer_->take(deadline);
    const std::int64_t first = blocks_[static_cast<std::size_t>(block)];
    const std::int64_t count = blocks_[static_cast<std::size_t>(block) + 1] - first;
    RunReader parts(runs_, first, count);
    MatrixRows rows;
    for (std::int64_t row = 0; row < count; ++row) {
      const std::size_t before = rows.columns.size();
      parts.next_row(sums_);
      sums_.drain(rows.columns, rows.values);
      rows.sizes.push_back(static_cast<std::int64_t>(rows.columns.size() - before));
    }
    writer_->put(block, std::move(rows));
    if (steady_seconds() >= deadline) break;
  }
  return writer_->done();
}

}  // namespace fastnlp
