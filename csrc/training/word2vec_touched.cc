#include "training/word2vec_touched.h"

#include <algorithm>
#include <array>
#include <utility>

namespace fastnlp {
namespace {

constexpr std::size_t kAhead = 8;  // rows that are fetched before they are needed
constexpr int kFirstBits = 9;      // of the size of a table of numbers

void fetch(const float* row, std::int64_t pitch) {
  for (std::int64_t d = 0; d < pitch; d += 16) __builtin_prefetch(row + d, 0, 2);
}

constexpr int kMarkBits = 14;
constexpr std::size_t kMarks = std::size_t{1} << kMarkBits;

std::uint32_t mark_of(std::int32_t id) {
  return static_cast<std::uint32_t>(id) * 0x85EBCA6Bu >> (32 - kMarkBits);
}

// Which of the threads an id falls to.
int thread_of(std::int32_t id, int threads) {
  const std::uint32_t spread = static_cast<std::uint32_t>(id) * 0xC2B2AE35u;
  return static_cast<int>(std::uint64_t{spread} * static_cast<std::uint64_t>(threads) >> 32);
}

}  // namespace

IdNumbers::IdNumbers()
    : ids_(std::size_t{1} << kFirstBits, -1), numbers_(ids_.size()), shift_(32 - kFirstBits) {}

void IdNumbers::clear() {
  if (used_ == 0) return;
  std::fill(ids_.begin(), ids_.end(), -1);
  used_ = 0;
}

void IdNumbers::grow() {
  const std::vector<std::int32_t> ids = std::exchange(ids_, std::vector<std::int32_t>(2 * ids_.size(), -1));
  const std::vector<std::int32_t> numbers = std::exchange(numbers_, std::vector<std::int32_t>(ids_.size()));
  --shift_;
  used_ = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0) find(ids[i], numbers[i]);
  }
}

void TouchedRows::clear() {
  numbers_.clear();
  rows_.clear();
}

void TouchedRows::place_in(Table table) {
  places_.resize(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    places_[i].now = places_[i].own = table.data + rows_[i].id * table.pitch;
  }
}

float* CopyRoom::take(std::int64_t rows, std::int64_t pitch) {
  if (rows * pitch > capacity_) {
    capacity_ = rows * pitch + rows * pitch / 2;
    floats_ = zeroed_floats(capacity_);
  }
  return floats_.get();
}

void SharedRows::find(std::span<TouchedRows* const> lanes, int thread, int threads, std::int64_t pitch,
                      CopyRoom& room) {
  numbers_.clear();
  rows_.clear();
  copies_.clear();
  // Most rows that one lane alone touches are told by a bit, that no other touch has set: others are looked
  // up.
  std::array<std::uint64_t, kMarks / 64> once{}, twice{};
  std::size_t most = 0;
  for (const TouchedRows* lane : lanes) {
    for (const TouchedRows::Row& row : lane->rows()) {
      const std::uint32_t mark = mark_of(row.id);
      const std::uint64_t bit = std::uint64_t{1} << mark % 64;
      twice[mark / 64] |= once[mark / 64] & bit;
      once[mark / 64] |= bit;
    }
    most = std::max(most, lane->rows().size());
  }
  looked_up_.resize(most + 1);
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
    const std::vector<TouchedRows::Row>& touched = lanes[lane]->rows();
    std::size_t count = 0;
    for (std::size_t row = 0; row < touched.size(); ++row) {
      const std::uint32_t mark = mark_of(touched[row].id);
      looked_up_[count] = static_cast<std::int32_t>(row);
      count += (twice[mark / 64] >> mark % 64 & 1) & (thread_of(touched[row].id, threads) == thread);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::int32_t row = looked_up_[i];
      const std::int32_t id = touched[static_cast<std::size_t>(row)].id;
      const std::int32_t touch = row << kLaneBits | static_cast<std::int32_t>(lane);
      std::int32_t& number = numbers_.find(id, touch);
      if (number != touch) share(lanes, id, number, touch);
    }
  }
  float* copy = room.take(static_cast<std::int64_t>(copies_.size()), pitch);
  for (const RowCopy& each : copies_) {
    each.place->own = copy;
    copy += pitch;
  }
}

void SharedRows::share(std::span<TouchedRows* const> lanes, std::int32_t id, std::int32_t& number,
                       std::int32_t touch) {
  const auto copy = [&](std::int32_t of) {
    TouchedRows& lane = *lanes[static_cast<std::size_t>(of & ((1 << kLaneBits) - 1))];
    const auto row = static_cast<std::size_t>(of >> kLaneBits);
    copies_.push_back({lane.places() + row, -1});
    return lane.rows()[row].uses;
  };
  if (number >= 0) {
    const auto first = static_cast<std::int32_t>(copies_.size());
    rows_.push_back({id, first, first, copy(number), 1});
    number = ~static_cast<std::int32_t>(rows_.size() - 1);
  }
  Shared& row = rows_[static_cast<std::size_t>(~number)];
  const auto last = static_cast<std::int32_t>(copies_.size());
  row.uses += copy(touch);
  ++row.lanes;
  copies_[static_cast<std::size_t>(row.last)].next = last;
  row.last = last;
}

void SharedRows::merge(const Word2VecKernels& kernels, Table table, float free_uses) {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (i + kAhead < rows_.size()) {
      const Shared& later = rows_[i + kAhead];
      fetch(table.data + later.id * table.pitch, table.pitch);
      fetch(copies_[static_cast<std::size_t>(later.first)].place->now, table.pitch);
    }
    const Shared& row = rows_[i];
    const float scale =
        std::clamp(free_uses / static_cast<float>(row.uses), 1.0f / static_cast<float>(row.lanes), 1.0f);
    kernels.merge(table.data + row.id * table.pitch, table.pitch, copies_.data(), row.first, scale);
  }
}

}  // namespace fastnlp
