#include "training/word2vec_touched.h"

#include <algorithm>
#include <array>

namespace fastnlp {
namespace {

constexpr std::size_t kAhead = 8;  // rows that are fetched before they are needed

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

// The lane and the row of a touch.
std::size_t lane_of(std::int32_t touch) { return static_cast<std::size_t>(touch & ((1 << kLaneBits) - 1)); }
std::size_t row_of(std::int32_t touch) { return static_cast<std::size_t>(touch >> kLaneBits); }

}  // namespace

void IdNumbers::clear() {
  if (++set_ != 0) return;
  std::fill(entries_.begin(), entries_.end(), Entry{});
  set_ = 1;
}

void TouchedRows::place_in(Table table) {
  places_.resize(size_);
  for (std::size_t i = 0; i < size_; ++i) places_[i] = table.data + rows_[i].id * table.pitch;
}

void TouchedRows::copy_shared(Table table) {
  const auto home = [&](std::size_t row) { return table.data + rows_[row].id * table.pitch; };
  shared_.resize(size_ + 1);
  std::size_t count = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    shared_[count] = i;
    count += places_[i] != home(i);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kAhead < count) fetch(home(shared_[i + kAhead]), table.pitch);
    std::copy_n(home(shared_[i]), table.pitch, places_[shared_[i]]);
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
                      IdNumbers& numbers, CopyRoom& room) {
  numbers.clear();
  rows_.clear();
  copies_.clear();
  touches_.clear();
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
    const std::span<const TouchedRows::Row> touched = lanes[lane]->rows();
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
      std::int32_t& number = numbers.find(id, touch);
      if (number != touch) share(lanes, id, number, touch);
    }
  }
  float* copy = room.take(static_cast<std::int64_t>(copies_.size()), pitch);
  for (std::size_t i = 0; i < copies_.size(); ++i, copy += pitch) {
    copies_[i].row = copy;
    lanes[lane_of(touches_[i])]->share(row_of(touches_[i]), copy);
  }
}

void SharedRows::share(std::span<TouchedRows* const> lanes, std::int32_t id, std::int32_t& number,
                       std::int32_t touch) {
  const auto copy = [&](std::int32_t of) {
    copies_.push_back({nullptr, -1});
    touches_.push_back(of);
    return lanes[lane_of(of)]->rows()[row_of(of)].uses;
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
      fetch(copies_[static_cast<std::size_t>(later.first)].row, table.pitch);
    }
    const Shared& row = rows_[i];
    const float scale =
        std::clamp(free_uses / static_cast<float>(row.uses), 1.0f / static_cast<float>(row.lanes), 1.0f);
    kernels.merge(table.data + row.id * table.pitch, table.pitch, copies_.data(), row.first, scale);
  }
}

}  // namespace fastnlp
