#include "tokenizers/replace_trainer.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fastnlp {
namespace {

constexpr std::uint32_t kStep = 1u << 16;  // places that are counted between two looks at the clock

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The bytes of the first and of the last character, as a number.
std::int32_t first_character(const std::string& string) {
  std::uint32_t bytes = static_cast<unsigned char>(string[0]);
  for (std::size_t i = 1; i < string.size() && continues(string[i]); ++i) {
    bytes = bytes << 8 | static_cast<unsigned char>(string[i]);
  }
  return static_cast<std::int32_t>(bytes);
}

std::int32_t last_character(const std::string& string) {
  std::size_t at = string.size() - 1;
  while (at > 0 && continues(string[at])) --at;
  return first_character(string.substr(at));
}

}  // namespace

ReplaceTrainer::ReplaceTrainer(SegmentedWords words, std::vector<std::string> tokens,
                               const MergeLimits& limits)
    : words_(std::move(words)), limits_(limits), strings_(std::move(tokens)), lengths_(strings_.size(), 1) {
  limits_.min_frequency = std::max<std::int64_t>(1, limits_.min_frequency);
  for (std::size_t i = 0; i < strings_.size(); ++i)
    numbers_.emplace(strings_[i], static_cast<std::int32_t>(i));
  if (limits_.merges <= 0) done_ = true;
}

bool ReplaceTrainer::run(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (!done_) {
    if (at_ < words_.size()) {
      const std::uint32_t stop = words_.size() - at_ > kStep ? at_ + kStep : words_.size();
      for (; at_ < stop; ++at_) {
        const std::int32_t left = words_.symbol(at_);
        if (left < 0 || words_.symbol(at_ + 1) < 0) continue;
        add(left, words_.symbol(at_ + 1), at_, words_.count(at_));
      }
      if (at_ == words_.size()) offer_touched();
    } else {
      done_ = !merge_next();
    }
    if (Clock::now() >= end) break;
  }
  return done_;
}

std::int32_t ReplaceTrainer::intern(std::string string) {
  const auto fresh = static_cast<std::int32_t>(strings_.size());
  const auto [entry, is_new] = numbers_.try_emplace(std::move(string), fresh);
  if (is_new) strings_.push_back(entry->first);
  return entry->second;
}

std::uint32_t ReplaceTrainer::number_of(std::int32_t left, std::int32_t right) {
  const auto fresh = static_cast<std::uint32_t>(pairs_.size());
  const std::uint32_t number = table_.insert(pair_key(left, right), fresh);
  if (number == fresh) {
    Pair pair;
    pair.left = left;
    pair.right = right;
    pairs_.push_back(std::move(pair));
    by_characters_[pair_key(last_character(strings_[static_cast<std::size_t>(left)]),
                            first_character(strings_[static_cast<std::size_t>(right)]))]
        .push_back(number);
  }
  return number;
}

void ReplaceTrainer::add(std::int32_t left, std::int32_t right, std::uint32_t place, std::int64_t count) {
  const std::uint32_t number = number_of(left, right);
  Pair& pair = pairs_[number];
  if (pair.count == 0) {
    pair.places.clear();
    pair.gone = 0;
    pair.sorted = true;
    pair.earliest = place;
  }
  pair.count += count;
  pair.earliest = std::min(pair.earliest, place);
  if (!pair.places.empty() && place < pair.places.back()) pair.sorted = false;
  pair.places.push_back(place);
  if (!pair.touched) {
    pair.touched = true;
    touched_.push_back(number);
  }
}

void ReplaceTrainer::remove(std::int32_t left, std::int32_t right, std::int64_t count) {
  pairs_[table_.find(pair_key(left, right))].count -= count;
}

bool ReplaceTrainer::stands(const Pair& pair, std::uint32_t place) const {
  return words_.symbol(place) == pair.left &&
         words_.symbol(place + lengths_[static_cast<std::size_t>(pair.left)]) == pair.right;
}

// Of a pair that stands somewhere.
std::uint32_t ReplaceTrainer::first_place(Pair& pair) {
  if (!pair.sorted) {
    std::erase_if(pair.places, [&](std::uint32_t place) { return !stands(pair, place); });
    std::sort(pair.places.begin(), pair.places.end());
    pair.gone = 0;
    pair.sorted = true;
  }
  while (!stands(pair, pair.places[pair.gone])) ++pair.gone;
  return pair.earliest = pair.places[pair.gone];
}

void ReplaceTrainer::offer_touched() {
  for (const std::uint32_t number : touched_) {
    Pair& pair = pairs_[number];
    pair.touched = false;
    if (pair.count >= limits_.min_frequency) queue_.push({pair.count, pair.earliest, number});
  }
  touched_.clear();
}

bool ReplaceTrainer::merge_next() {
  while (static_cast<std::int64_t>(merges_.size()) < limits_.merges && !queue_.empty()) {
    const Candidate best = queue_.top();
    queue_.pop();
    Pair& pair = pairs_[best.pair];
    if (pair.count < limits_.min_frequency) continue;
    const std::uint32_t place = first_place(pair);
    if (pair.count != best.count || place != best.place) {
      // A count that has risen since is in the queue already.
      if (pair.count <= best.count) queue_.push({pair.count, place, best.pair});
      continue;
    }
    const std::int32_t left = pair.left, right = pair.right;
    const std::int64_t count = pair.count;
    const std::size_t longest = static_cast<std::size_t>(limits_.max_length);
    if (limits_.max_length > 0 &&
        std::size_t{lengths_[static_cast<std::size_t>(left)]} + lengths_[static_cast<std::size_t>(right)] >
            longest) {
      continue;
    }
    const std::int32_t merged =
        intern(strings_[static_cast<std::size_t>(left)] + strings_[static_cast<std::size_t>(right)]);
    if (static_cast<std::size_t>(merged) == lengths_.size()) {
      lengths_.push_back(lengths_[static_cast<std::size_t>(left)] +
                         lengths_[static_cast<std::size_t>(right)]);
    }
    merges_.push_back({left, right, merged, count});
    merge(left, right);
    offer_touched();
    return true;
  }
  return false;
}

void ReplaceTrainer::merge(std::int32_t left, std::int32_t right) {
  const std::string head = strings_[static_cast<std::size_t>(left)];
  const std::string tail = strings_[static_cast<std::size_t>(right)];
  std::vector<std::uint32_t> places;
  std::vector<std::uint32_t>& candidates =
      by_characters_[pair_key(last_character(head), first_character(tail))];
  for (const std::uint32_t number : candidates) {
    const Pair& pair = pairs_[number];
    if (pair.count == 0 || !strings_[static_cast<std::size_t>(pair.left)].ends_with(head) ||
        !strings_[static_cast<std::size_t>(pair.right)].starts_with(tail)) {
      continue;
    }
    for (const std::uint32_t place : pair.places) {
      if (stands(pair, place)) places.push_back(place);
    }
  }
  std::sort(places.begin(), places.end());

  for (std::size_t i = 0; i < places.size();) {
    // Matches of which each begins in the symbol that the one before ends in.
    std::size_t end = i + 1;
    std::vector<std::uint32_t> nexts{places[i] + length(places[i])};
    while (end < places.size() && places[end] == nexts.back()) {
      nexts.push_back(places[end] + length(places[end]));
      ++end;
    }
    std::vector<bool> matches(nexts.size(), true);
    for (std::size_t k = 1; k < nexts.size(); ++k) {
      const std::string& between = strings_[static_cast<std::size_t>(words_.symbol(places[i + k]))];
      matches[k] = !matches[k - 1] || between.size() >= head.size() + tail.size();
    }
    std::uint32_t start = places[i];
    for (std::size_t k = 0; k < nexts.size(); ++k) {
      if (!matches[k]) {
        start = nexts[k];
        continue;
      }
      if (k > 0 && !matches[k - 1]) start = places[i + k];
      join(start, nexts[k]);
    }
    i = end;
  }
}

// Two neighbours become one symbol.
void ReplaceTrainer::join(std::uint32_t place, std::uint32_t next) {
  const std::int32_t left = words_.symbol(place), right = words_.symbol(next);
  const std::uint32_t left_length = length(place), right_length = length(next);
  const std::int64_t count = words_.count(place);
  const std::int32_t before = words_.symbol(place - 1);
  const std::int32_t behind = words_.symbol(next + right_length);
  const std::int32_t merged =
      intern(strings_[static_cast<std::size_t>(left)] + strings_[static_cast<std::size_t>(right)]);
  if (static_cast<std::size_t>(merged) == lengths_.size()) lengths_.push_back(left_length + right_length);
  remove(left, right, count);
  if (before >= 0) remove(before, left, count);
  if (behind >= 0) remove(right, behind, count);
  words_.join(place, next, right_length, merged);
  if (before >= 0) add(before, merged, place - lengths_[static_cast<std::size_t>(before)], count);
  if (behind >= 0) add(merged, behind, place, count);
}

}  // namespace fastnlp
