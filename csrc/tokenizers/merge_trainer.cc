#include "tokenizers/merge_trainer.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fastnlp {
namespace {

constexpr std::uint32_t kStep = 1u << 18;  // places between two looks at the clock
constexpr std::uint32_t kAhead = 8;        // places that are fetched before they are needed
constexpr std::size_t kGrid = 512;         // symbols, up to which pairs are first counted in a table of all
constexpr std::uint64_t kNowhere = ~std::uint64_t{0};
constexpr std::int64_t kFloorShare = 32;
constexpr std::int64_t kLowerFloor = 16;

}  // namespace

MergeTrainer::MergeTrainer(SegmentedWords words, std::vector<std::string> tokens, Ties ties,
                           const MergeLimits& limits)
    : words_(std::move(words)),
      tokens_(std::move(tokens)),
      lengths_(tokens_.size(), 1),
      first_tokens_(tokens_.begin(), tokens_.end()),
      ties_(ties),
      limits_(limits) {
  if (tokens_.size() + static_cast<std::uint64_t>(std::max<std::int64_t>(limits.merges, 0)) > 0x7FFFFFFFu) {
    refuse("vocab_size", "fewer than 2^31 tokens", "more");
  }
  limits_.min_frequency = std::max<std::int64_t>(1, limits_.min_frequency);
  std::int64_t total = 0;
  for (std::uint32_t place = 0; place < words_.size(); ++place) {
    const std::int32_t symbol = words_.symbol(place);
    if (symbol == SegmentedWords::kNone) continue;
    if (symbol < 0 || static_cast<std::size_t>(symbol) >= tokens_.size()) {
      throw std::out_of_range("symbols: expected ids in [0, " + std::to_string(tokens_.size()) + "), got " +
                              std::to_string(symbol));
    }
    total += words_.count(place);
  }
  // By Zipf's law, the merge of rank r has a count near the tokens of the text by r times a few. Rarer pairs
  // will hardly be merged: they are left out, and where that turns out wrong, all pairs are counted again.
  // At least twice is met whatever is worth merging while there are more such pairs than merges.
  const std::int64_t expected = total / std::max<std::int64_t>(1, limits_.merges * kFloorShare);
  floor_ = std::max({limits_.min_frequency, expected, std::int64_t{2}});
  if (limits_.merges <= 0) {
    stage_ = Stage::kDone;
  } else {
    start_count();
  }
}

bool MergeTrainer::run(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (stage_ != Stage::kDone) {
    switch (stage_) {
      case Stage::kCount:
        if (count_pairs(kStep)) start_lists();
        break;
      case Stage::kList:
        if (list_places(kStep)) stage_ = start_merge() ? Stage::kMerge : stage_;
        break;
      case Stage::kMerge:
        if (merge_places(kStep)) {
          end_merge();
          start_merge();
        }
        break;
      case Stage::kDone:
        break;
    }
    if (Clock::now() >= end) break;
  }
  return stage_ == Stage::kDone;
}

// All pairs of the words as they stand, for the first time or when the floor is lowered.

void MergeTrainer::start_count() {
  pairs_.clear();
  table_.clear();
  queue_ = {};
  places_.clear();
  grid_ = {};
  if (merges_.empty() && tokens_.size() <= kGrid) grid_.assign(tokens_.size() * tokens_.size(), Cell{0, 0});
  at_ = 0;
  stage_ = Stage::kCount;
}

std::uint32_t MergeTrainer::number_of(std::int32_t left, std::int32_t right) {
  const auto fresh = static_cast<std::uint32_t>(pairs_.size());
  const std::uint32_t number = table_.insert(pair_key(left, right), fresh);
  if (number == fresh) pairs_.push_back({0, left, right, 0, 0, 0});
  return number;
}

bool MergeTrainer::count_pairs(std::uint32_t places) {
  const std::uint32_t stop = words_.size() - at_ > places ? at_ + places : words_.size();
  if (on_grid()) {
    for (; at_ < stop; ++at_) {
      const std::int32_t left = words_.symbol(at_);
      if (left < 0) continue;
      const std::int32_t right = words_.symbol(at_ + 1);
      if (right < 0) continue;
      Cell& cell = grid_[static_cast<std::size_t>(left) * tokens_.size() + static_cast<std::size_t>(right)];
      cell.count += words_.count(at_);
      ++cell.places;
    }
  }
  while (at_ < stop) {
    const std::int32_t left = words_.symbol(at_);
    if (left < 0) {
      ++at_;
      continue;
    }
    const std::uint32_t next = at_ + lengths_[static_cast<std::size_t>(left)];
    const std::int32_t right = words_.symbol(next);
    if (right >= 0) {
      Pair& pair = pairs_[number_of(left, right)];
      pair.count += words_.count(at_);
      ++pair.size;
    }
    at_ = next;
  }
  return at_ >= words_.size();
}

void MergeTrainer::start_lists_of_grid() {
  for (std::size_t i = 0; i < grid_.size(); ++i) {
    if (grid_[i].count == 0) continue;
    pairs_.push_back({grid_[i].count, static_cast<std::int32_t>(i / tokens_.size()),
                      static_cast<std::int32_t>(i % tokens_.size()), 0,
                      static_cast<std::uint32_t>(grid_[i].places), 0});
  }
}

void MergeTrainer::start_lists() {
  if (on_grid()) start_lists_of_grid();
  std::uint64_t begin = 0;
  for (Pair& pair : pairs_) {
    const bool too_long =
        limits_.max_length > 0 && std::int64_t{lengths_[static_cast<std::size_t>(pair.left)]} +
                                          lengths_[static_cast<std::size_t>(pair.right)] >
                                      limits_.max_length;
    if (pair.count < floor_ || too_long) {
      pair.count = 0;
      continue;
    }
    pair.begin = begin;
    begin += pair.size;
    if (!on_grid()) pair.size = 0;
  }
  if (on_grid()) {
    for (Cell& cell : grid_) cell.places = kNowhere;
    for (const Pair& pair : pairs_) {
      if (pair.count == 0) continue;
      grid_[static_cast<std::size_t>(pair.left) * tokens_.size() + static_cast<std::size_t>(pair.right)]
          .places = pair.begin;
    }
  }
  places_.resize(begin);
  at_ = 0;
  stage_ = Stage::kList;
}

bool MergeTrainer::list_places(std::uint32_t places) {
  const std::uint32_t stop = words_.size() - at_ > places ? at_ + places : words_.size();
  if (on_grid()) {
    for (; at_ < stop; ++at_) {
      const std::int32_t left = words_.symbol(at_);
      if (left < 0) continue;
      const std::int32_t right = words_.symbol(at_ + 1);
      if (right < 0) continue;
      Cell& cell = grid_[static_cast<std::size_t>(left) * tokens_.size() + static_cast<std::size_t>(right)];
      if (cell.places != kNowhere) places_[cell.places++] = at_;
    }
  }
  while (at_ < stop) {
    const std::int32_t left = words_.symbol(at_);
    if (left < 0) {
      ++at_;
      continue;
    }
    const std::uint32_t next = at_ + lengths_[static_cast<std::size_t>(left)];
    const std::int32_t right = words_.symbol(next);
    if (right >= 0) {
      Pair& pair = pairs_[number_of(left, right)];
      if (pair.count > 0) places_[pair.begin + pair.size++] = at_;
    }
    at_ = next;
  }
  if (at_ < words_.size()) return false;

  // From here on pairs are found in the table, which holds those that are kept.
  std::vector<Pair> kept;
  for (const Pair& pair : pairs_) {
    if (pair.count > 0) kept.push_back(pair);
  }
  pairs_ = std::move(kept);
  grid_ = {};
  table_.clear();
  for (std::uint32_t pair = 0; pair < pairs_.size(); ++pair) {
    table_.insert(pair_key(pairs_[pair].left, pairs_[pair].right), pair);
    offer(pair);
  }
  return true;
}

bool MergeTrainer::stands(const Pair& pair, std::uint32_t place) const {
  return words_.symbol(place) == pair.left &&
         words_.symbol(place + lengths_[static_cast<std::size_t>(pair.left)]) == pair.right;
}

std::uint64_t MergeTrainer::order_of(std::uint32_t number) {
  Pair& pair = pairs_[number];
  if (ties_ == Ties::kSmallestIds) return pair_key(pair.left, pair.right);
  while (!stands(pair, places_[pair.begin + pair.gone])) ++pair.gone;
  return places_[pair.begin + pair.gone];
}

void MergeTrainer::offer(std::uint32_t pair) { queue_.push({pairs_[pair].count, order_of(pair), pair}); }

// Chooses the next pair. False when the floor has to be lowered first, or all is done.
bool MergeTrainer::start_merge() {
  while (static_cast<std::int64_t>(merges_.size()) < limits_.merges && !queue_.empty()) {
    const Candidate best = queue_.top();
    queue_.pop();
    const Pair& pair = pairs_[best.pair];
    if (pair.count < floor_) continue;
    if (pair.count != best.count || order_of(best.pair) != best.order) {
      offer(best.pair);
      continue;
    }
    std::string token =
        tokens_[static_cast<std::size_t>(pair.left)] + tokens_[static_cast<std::size_t>(pair.right)];
    if (first_tokens_.contains(token)) continue;
    merging_ = best.pair;
    next_ = 0;
    merged_ = static_cast<std::int32_t>(tokens_.size());
    merges_.push_back({pair.left, pair.right, merged_, pair.count});
    tokens_.push_back(std::move(token));
    lengths_.push_back(lengths_[static_cast<std::size_t>(pair.left)] +
                       lengths_[static_cast<std::size_t>(pair.right)]);
    left_.grow(tokens_.size());
    right_.grow(tokens_.size());
    stage_ = Stage::kMerge;
    return true;
  }
  if (static_cast<std::int64_t>(merges_.size()) == limits_.merges || floor_ == limits_.min_frequency) {
    stage_ = Stage::kDone;
  } else {
    floor_ = std::max(limits_.min_frequency, floor_ / kLowerFloor);
    start_count();
  }
  return false;
}

void MergeTrainer::Side::grow(std::size_t symbols_in_all) {
  sums.resize(symbols_in_all);
  number.resize(symbols_in_all);
}

void MergeTrainer::Side::add(std::int32_t symbol, std::uint32_t begin, std::int64_t count) {
  const auto s = static_cast<std::size_t>(symbol);
  if (number[s]++ == 0) symbols.push_back(symbol);
  sums[s] += count;
  neighbour.push_back(symbol);
  place.push_back(begin);
}

bool MergeTrainer::merge_places(std::uint32_t places) {
  const Pair pair = pairs_[merging_];
  const std::uint32_t* const list = places_.data() + pair.begin;
  const std::uint32_t left_length = lengths_[static_cast<std::size_t>(pair.left)];
  const std::uint32_t right_length = lengths_[static_cast<std::size_t>(pair.right)];
  const std::uint32_t stop = pair.size - next_ > places ? next_ + places : pair.size;
  for (; next_ < stop; ++next_) {
    if (next_ + kAhead < pair.size) words_.prefetch(list[next_ + kAhead]);
    const std::uint32_t place = list[next_];
    if (!stands(pair, place)) continue;
    const std::int64_t count = words_.count(place);
    words_.join(place, place + left_length, right_length, merged_);
    const std::int32_t before = words_.symbol(place - 1);
    const std::uint32_t behind = place + left_length + right_length;
    if (before == merged_) {
      doubled_sum_ += count;
      doubled_.push_back(place - lengths_[static_cast<std::size_t>(before)]);
      right_.neighbour.pop_back();  // what the merge before took for (merged, left)
      right_.place.pop_back();
    } else if (before >= 0) {
      left_.add(before, place - lengths_[static_cast<std::size_t>(before)], count);
    }
    if (words_.symbol(behind) >= 0) right_.add(words_.symbol(behind), place, count);
  }
  return next_ == pair.size;
}

// The counts of a merge's neighbours: what (x, left) and (right, y) lose, (x, merged) and (merged, y) have.
void MergeTrainer::end_merge() {
  const Pair pair = pairs_[merging_];
  const std::size_t first = pairs_.size();
  pairs_[merging_].count = 0;
  add_pairs(left_, true, pair.left);
  add_pairs(right_, false, pair.right);
  if (doubled_sum_ > 0) {
    const std::uint64_t begin = places_.size();
    put(merged_, merged_, doubled_sum_, static_cast<std::uint32_t>(doubled_.size()));
    if (places_.size() > begin) {
      std::copy(doubled_.begin(), doubled_.end(), places_.begin() + static_cast<std::ptrdiff_t>(begin));
    }
    doubled_sum_ = 0;
    doubled_.clear();
  }
  for (std::size_t fresh = first; fresh < pairs_.size(); ++fresh) {
    if (pairs_[fresh].count >= floor_) offer(static_cast<std::uint32_t>(fresh));
  }
}

void MergeTrainer::put(std::int32_t left, std::int32_t right, std::int64_t count, std::uint32_t places) {
  const bool too_long = limits_.max_length > 0 && std::int64_t{lengths_[static_cast<std::size_t>(left)]} +
                                                          lengths_[static_cast<std::size_t>(right)] >
                                                      limits_.max_length;
  if (count < floor_ || too_long) return;
  const auto number = static_cast<std::uint32_t>(pairs_.size());
  pairs_.push_back({count, left, right, places_.size(), places, 0});
  table_.insert(pair_key(left, right), number);
  places_.resize(places_.size() + places);
}

void MergeTrainer::add_pairs(Side& side, bool is_left, std::int32_t old_partner) {
  const std::size_t first = pairs_.size();
  for (const std::int32_t symbol : side.symbols) {
    const auto s = static_cast<std::size_t>(symbol);
    const PairKey old = is_left ? pair_key(symbol, old_partner) : pair_key(old_partner, symbol);
    const std::uint32_t number = table_.find(old);
    if (number != PairTable::kMissing) pairs_[number].count -= side.sums[s];
    const std::size_t before = pairs_.size();
    // Of (merged, left) those are gone whose second half was merged too.
    const bool doubled = !is_left && symbol == pairs_[merging_].left;
    put(is_left ? symbol : merged_, is_left ? merged_ : symbol, side.sums[s] - (doubled ? doubled_sum_ : 0),
        side.number[s] - (doubled ? static_cast<std::uint32_t>(doubled_.size()) : 0));
    side.sums[s] = 0;
    side.number[s] = pairs_.size() > before ? static_cast<std::uint32_t>(before - first) + 1 : 0;
  }
  if (pairs_.size() > first) {
    std::vector<std::uint32_t> filled(pairs_.size() - first, 0);
    for (std::size_t i = 0; i < side.place.size(); ++i) {
      const std::uint32_t list = side.number[static_cast<std::size_t>(side.neighbour[i])];
      if (list == 0) continue;
      places_[pairs_[first + list - 1].begin + filled[list - 1]++] = side.place[i];
    }
  }
  for (const std::int32_t symbol : side.symbols) side.number[static_cast<std::size_t>(symbol)] = 0;
  side.symbols.clear();
  side.neighbour.clear();
  side.place.clear();
}

}  // namespace fastnlp
