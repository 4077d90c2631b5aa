#include "training/glove_units.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "support/checks.h"
#include "support/philox.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kReadEntries = 1 << 18;  // of the matrix, at a time
constexpr std::int64_t kReadRows = 4096;
constexpr std::int64_t kCachedFloats = 1 << 21;  // of the table, that units of a block share
constexpr float kSmallestCount = 1e-30f;         // normal numbers, whose logarithm the kernel takes
constexpr float kLargestCount = 1e30f;

}  // namespace

GloveUnits::GloveUnits(MatrixFiles matrix, std::int64_t header, std::int64_t vocabulary, bool symmetric,
                       std::int64_t pitch, std::uint64_t seed, std::int64_t memory,
                       const std::string& temporary)
    : files_(std::move(matrix)),
      matrix_{&files_, header, header, header},
      vocabulary_(vocabulary),
      symmetric_(symmetric),
      seed_(seed),
      memory_(memory),
      block_columns_(std::max<std::int64_t>(64, kCachedFloats / (4 * pitch))),
      // 65,536 entries at D=100: about 10 ms.
      unit_entries_(std::clamp<std::int64_t>((std::int64_t{112} << 16) / pitch, 1024, 1 << 16)),
      block_entries_(static_cast<std::size_t>((vocabulary + block_columns_ - 1) / block_columns_)),
      file_(File::temporary(temporary)) {
  if (vocabulary < 1 || vocabulary > 0x7FFFFFFF) {
    refuse("vocabulary", "1 to 2^31 - 1 words", std::to_string(vocabulary));
  }
  const std::int64_t rows = (files_.offsets.size() - header) / 8 - 1;
  if (rows != vocabulary) {
    refuse("cooccurrences", "a row for each of the " + std::to_string(vocabulary) + " words",
           std::to_string(rows) + " rows");
  }
}

// Calls visit(row, columns, counts, size) for the rows that come next, about a millisecond of them.
template <class Visit>
void GloveUnits::next_rows(const Visit& visit) {
  const std::int64_t most = std::min(kReadRows, vocabulary_ - row_);
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(most) + 1);
  files_.offsets.read(matrix_.offsets_at + row_ * 8, offsets.data(), (most + 1) * 8);
  if (row_ == 0 && offsets[0] != 0) refuse("row_offsets[0]", "0", std::to_string(offsets[0]));
  std::int64_t rows = 0;
  while (rows < most) {
    const std::int64_t size =
        offsets[static_cast<std::size_t>(rows) + 1] - offsets[static_cast<std::size_t>(rows)];
    if (size < 0 || size > vocabulary_) {
      refuse("row_offsets[" + std::to_string(row_ + rows + 1) + "]",
             "at most " + std::to_string(vocabulary_) + " entries in a row", std::to_string(size));
    }
    ++rows;
    if (offsets[static_cast<std::size_t>(rows)] - offsets[0] >= kReadEntries) break;
  }
  const MatrixRows read = matrix_.read(row_, rows);
  const std::int32_t* columns = read.columns.data();
  const std::int64_t* bits = read.values.data();
  std::vector<double> counts;
  for (const std::int64_t size : read.sizes) {
    counts.resize(static_cast<std::size_t>(size));
    // Not memcpy: the vectors of a row without entries may have no memory, and it takes no null pointer.
    std::transform(bits, bits + size, counts.begin(),
                   [](std::int64_t b) { return std::bit_cast<double>(b); });
    visit(row_++, columns, counts.data(), size);
    columns += size;
    bits += size;
  }
}

namespace {

// Calls visit(block, first, size) for the runs of a row.
template <class Visit>
void for_each_run(const std::int32_t* columns, std::int64_t size, std::int64_t block_columns,
                  const Visit& visit) {
  for (std::int64_t first = 0; first < size;) {
    const std::int64_t block = columns[first] / block_columns;
    std::int64_t end = std::min(size, first + kRunEntries);
    if (columns[end - 1] >= (block + 1) * block_columns) {
      end = std::lower_bound(columns + first, columns + end, (block + 1) * block_columns) - columns;
    }
    visit(block, first, end - first);
    first = end;
  }
}

}  // namespace

void GloveUnits::check(std::int64_t row, const std::int32_t* columns, const double* counts,
                       std::int64_t size) {
  const auto refuse_entry = [&](std::int64_t i, const char* what, const char* expected,
                                const std::string& got) {
    refuse(std::string(what) + " of row " + std::to_string(row) + "[" + std::to_string(i) + "]", expected,
           got);
  };
  const std::int64_t limit = symmetric_ ? row + 1 : vocabulary_;
  std::int64_t least = 0;
  for (std::int64_t i = 0; i < size; ++i) {
    if (columns[i] < least || columns[i] >= limit) {
      refuse_entry(i, "columns", "rising ids of words, in a symmetric matrix up to the row",
                   std::to_string(columns[i]));
    }
    least = columns[i] + 1;
    if (!(counts[i] > 0.0) || !std::isfinite(counts[i])) {
      refuse_entry(i, "counts", "a finite number above 0", std::to_string(counts[i]));
    }
  }
  records_ += symmetric_ ? 2 * size - (size > 0 && columns[size - 1] == row) : size;
  for_each_run(columns, size, block_columns_, [&](std::int64_t block, std::int64_t, std::int64_t entries) {
    block_entries_[static_cast<std::size_t>(block)] += entries;
  });
}

// The unit that the next run goes to.
std::int64_t GloveUnits::unit_of(std::int64_t block) {
  const std::int64_t first = first_unit_[static_cast<std::size_t>(block)];
  const std::int64_t units = first_unit_[static_cast<std::size_t>(block) + 1] - first;
  const auto run = static_cast<std::uint64_t>(run_++);
  if (units == 1) return first;
  const Block words = philox::block(seed_, Stream::kRuns, 0, run, 0);
  return first + below(words[0], static_cast<std::uint32_t>(units));
}

void GloveUnits::place(std::int64_t row, const std::int32_t* columns, const double* counts, std::int64_t size,
                       std::int64_t unit) {
  if (unit < first_placed_ || unit >= end_placed_) return;
  const Place& whole = units_[static_cast<std::size_t>(unit)];
  Place& filled = filled_[static_cast<std::size_t>(unit - first_placed_)];
  char* const base = buffer_.data() + (whole.at - units_[static_cast<std::size_t>(first_placed_)].at);
  const std::int32_t head[2] = {static_cast<std::int32_t>(row), static_cast<std::int32_t>(size)};
  std::memcpy(base + 8 * filled.runs, head, 8);
  std::memcpy(base + 8 * whole.runs + 4 * filled.entries, columns, static_cast<std::size_t>(size) * 4);
  char* const to = base + 8 * whole.runs + 4 * whole.entries + 4 * filled.entries;
  float single[kRunEntries];
  for (std::int64_t i = 0; i < size; ++i) {
    single[i] = std::clamp(static_cast<float>(std::min(counts[i], 1e30)), kSmallestCount, kLargestCount);
  }
  std::memcpy(to, single, static_cast<std::size_t>(size) * 4);
  ++filled.runs;
  filled.entries += size;
}

// The next units that fit the memory, one at least.
void GloveUnits::begin_pass() {
  row_ = run_ = 0;
  first_placed_ = end_placed_;
  std::int64_t bytes = 0;
  while (end_placed_ < units()) {
    const std::int64_t more = units_[static_cast<std::size_t>(end_placed_)].bytes();
    if (bytes > 0 && bytes + more > memory_) break;
    bytes += more;
    ++end_placed_;
  }
  buffer_.resize(static_cast<std::size_t>(bytes));
  filled_.assign(static_cast<std::size_t>(end_placed_ - first_placed_), {});
}

double GloveUnits::prepare(double seconds) {
  const double deadline = steady_seconds() + seconds;
  while (phase_ != Phase::kDone) {
    switch (phase_) {
      case Phase::kCheck:
        next_rows([&](auto row, auto columns, auto counts, auto size) { check(row, columns, counts, size); });
        break;
      case Phase::kSize:
        next_rows([&](auto, auto columns, auto, auto size) {
          for_each_run(columns, size, block_columns_, [&](auto block, auto, auto entries) {
            Place& unit = units_[static_cast<std::size_t>(unit_of(block))];
            ++unit.runs;
            unit.entries += entries;
          });
        });
        break;
      case Phase::kPlace:
        next_rows([&](auto row, auto columns, auto counts, auto size) {
          for_each_run(columns, size, block_columns_, [&](auto block, auto first, auto entries) {
            place(row, columns + first, counts + first, entries, unit_of(block));
          });
        });
        break;
      case Phase::kDone:
        break;
    }
    if (row_ == vocabulary_) {
      if (phase_ == Phase::kCheck) {
        first_unit_.push_back(0);
        for (const std::int64_t entries : block_entries_) {
          first_unit_.push_back(first_unit_.back() + (entries + unit_entries_ - 1) / unit_entries_);
        }
        units_.resize(static_cast<std::size_t>(first_unit_.back()));
        row_ = run_ = 0;
        phase_ = Phase::kSize;
      } else {
        if (phase_ == Phase::kSize) {
          std::int64_t at = 0;
          for (Place& unit : units_) at = (unit.at = at) + unit.bytes();
        } else {
          file_.write(units_[static_cast<std::size_t>(first_placed_)].at, buffer_.data(),
                      static_cast<std::int64_t>(buffer_.size()));
        }
        begin_pass();
        phase_ = first_placed_ < end_placed_ ? Phase::kPlace : Phase::kDone;
      }
    }
    if (steady_seconds() >= deadline) break;
  }
  if (phase_ == Phase::kDone) {
    buffer_ = {};
    return 1.0;
  }
  const double part = static_cast<double>(row_) / static_cast<double>(vocabulary_);
  if (phase_ == Phase::kCheck) return 0.2 * part;
  if (phase_ == Phase::kSize) return 0.2 + 0.2 * part;
  const auto placed =
      static_cast<double>(first_placed_) + part * static_cast<double>(end_placed_ - first_placed_);
  return std::min(0.9999, 0.4 + 0.6 * placed / static_cast<double>(std::max<std::int64_t>(1, units())));
}

void GloveUnits::read(std::int64_t index, std::uint32_t epoch, GloveUnit& unit) const {
  const Place& place = units_[static_cast<std::size_t>(index)];
  unit.bytes.resize(static_cast<std::size_t>(place.bytes()) + 64);  // the kernel reads whole vectors
  file_.read(place.at, unit.bytes.data(), place.bytes());
  unit.runs.resize(static_cast<std::size_t>(place.runs));
  std::int64_t first = 0;
  for (std::int64_t r = 0; r < place.runs; ++r) {
    std::int32_t head[2];
    std::memcpy(head, unit.bytes.data() + 8 * r, 8);
    unit.runs[static_cast<std::size_t>(r)] = {head[0], head[1], first};
    first += head[1];
  }
  unit.columns = reinterpret_cast<const std::int32_t*>(unit.bytes.data() + 8 * place.runs);
  unit.counts = reinterpret_cast<const float*>(unit.bytes.data() + 8 * place.runs + 4 * place.entries);
  PhiloxStream random(seed_, Stream::kRuns, epoch,
                      static_cast<std::uint64_t>(index) | std::uint64_t{1} << 63);
  for (std::size_t left = unit.runs.size(); left > 1; --left) {
    std::swap(unit.runs[left - 1], unit.runs[below(random.next(), static_cast<std::uint32_t>(left))]);
  }
}

}  // namespace fastnlp
