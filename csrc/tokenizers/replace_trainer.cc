#include "tokenizers/replace_trainer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tokenizers/characters.h"

namespace fastnlp {
namespace {

constexpr std::uint32_t kStep = 1u << 16;  // places that are counted between two looks at the clock

constexpr std::size_t kBytes = 4;  // of an end

// The first byte is the low one; nothing stands for bytes that are missing.
std::uint32_t packed(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

// The low bytes of an end that a string of n bytes fills.
std::uint32_t filled(std::size_t n) { return n >= kBytes ? ~0u : (1u << 8 * n) - 1; }

}  // namespace

// The last byte is the low one in `last_bytes`.
ReplaceTrainer::Ends::Ends(std::string_view string) {
  std::size_t first = 1, last = string.size() - 1;
  while (first < string.size() && first < kBytes && continues(string[first])) ++first;
  while (last > 0 && string.size() - last < kBytes && continues(string[last])) --last;
  first_character = static_cast<std::int32_t>(packed(string.substr(0, first)));
  last_character = static_cast<std::int32_t>(packed(string.substr(last)));
  first_bytes = packed(string.substr(0, kBytes));
  const std::string_view end = string.substr(string.size() - std::min(string.size(), kBytes));
  last_bytes = packed(std::string(end.rbegin(), end.rend()));
}

ReplaceTrainer::ReplaceTrainer(SegmentedWords words, std::vector<std::string> tokens,
                               const MergeLimits& limits)
    : words_(std::move(words)), limits_(limits), strings_(std::move(tokens)), lengths_(strings_.size(), 1) {
  limits_.min_frequency = std::max<std::int64_t>(1, limits_.min_frequency);
  const auto merges = static_cast<std::size_t>(std::max<std::int64_t>(0, limits_.merges));
  numbers_.reserve(strings_.size() + std::min<std::size_t>(merges, words_.size()));
  for (std::size_t i = 0; i < strings_.size(); ++i) {
    numbers_.emplace(strings_[i], static_cast<std::int32_t>(i));
    ends_.emplace_back(strings_[i]);
  }
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

std::int32_t ReplaceTrainer::intern(std::string string, std::uint32_t length) {
  const auto fresh = static_cast<std::int32_t>(strings_.size());
  const auto [entry, is_new] = numbers_.try_emplace(std::move(string), fresh);
  if (is_new) {
    strings_.push_back(entry->first);
    lengths_.push_back(length);
    ends_.emplace_back(entry->first);
  }
  return entry->second;
}

std::int32_t ReplaceTrainer::merged(Pair& pair) {
  if (pair.merged < 0) {
    const auto left = static_cast<std::size_t>(pair.left), right = static_cast<std::size_t>(pair.right);
    pair.merged = intern(strings_[left] + strings_[right], lengths_[left] + lengths_[right]);
  }
  return pair.merged;
}

std::uint32_t ReplaceTrainer::number_of(std::int32_t left, std::int32_t right) {
  const auto fresh = static_cast<std::uint32_t>(pairs_.size());
  const std::uint32_t number = table_.insert(pair_key(left, right), fresh);
  if (number == fresh) {
    Pair pair;
    pair.left = left;
    pair.right = right;
    pairs_.push_back(std::move(pair));
    const Ends& a = ends_[static_cast<std::size_t>(left)];
    const Ends& b = ends_[static_cast<std::size_t>(right)];
    const auto groups = static_cast<std::uint32_t>(meetings_.size());
    const std::uint32_t group = groups_.insert(pair_key(a.last_character, b.first_character), groups);
    if (group == groups) meetings_.emplace_back();
    meetings_[group].push_back({a.last_bytes, b.first_bytes, number});
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
    merges_.push_back({left, right, merged(pair), count});
    merge(left, right);
    offer_touched();
    return true;
  }
  return false;
}

// Into places_: where the left symbol of a match begins, in rising order.
void ReplaceTrainer::find_matches(const std::string& head, const std::string& tail) {
  places_.clear();
  const Ends left(head), right(tail);
  const std::uint32_t left_mask = filled(head.size()), right_mask = filled(tail.size());
  const std::uint32_t group = groups_.find(pair_key(left.last_character, right.first_character));
  for (const Meeting& meeting : meetings_[group]) {
    if ((((meeting.left_ends ^ left.last_bytes) & left_mask) |
         ((meeting.right_begins ^ right.first_bytes) & right_mask)) != 0) {
      continue;
    }
    const Pair& pair = pairs_[meeting.pair];
    if (pair.count == 0 || !strings_[static_cast<std::size_t>(pair.left)].ends_with(head) ||
        !strings_[static_cast<std::size_t>(pair.right)].starts_with(tail)) {
      continue;
    }
    for (const std::uint32_t place : pair.places) {
      if (stands(pair, place)) places_.push_back(place);
    }
  }
  if (!std::is_sorted(places_.begin(), places_.end())) std::sort(places_.begin(), places_.end());
}

void ReplaceTrainer::merge(std::int32_t left, std::int32_t right) {
  const std::string head = strings_[static_cast<std::size_t>(left)];
  const std::string tail = strings_[static_cast<std::size_t>(right)];
  find_matches(head, tail);
  for (std::size_t i = 0; i < places_.size();) {
    const std::uint32_t first_next = places_[i] + length(places_[i]);
    if (i + 1 == places_.size() || places_[i + 1] != first_next) {  // most stand alone
      join(places_[i++], first_next);
      continue;
    }
    // Matches of which each begins in the symbol that the one before ends in.
    std::size_t end = i + 1;
    nexts_.assign(1, first_next);
    while (end < places_.size() && places_[end] == nexts_.back()) {
      nexts_.push_back(places_[end] + length(places_[end]));
      ++end;
    }
    matches_.assign(nexts_.size(), true);
    for (std::size_t k = 1; k < nexts_.size(); ++k) {
      const std::string& between = strings_[static_cast<std::size_t>(words_.symbol(places_[i + k]))];
      matches_[k] = !matches_[k - 1] || between.size() >= head.size() + tail.size();
    }
    std::uint32_t start = places_[i];
    for (std::size_t k = 0; k < nexts_.size(); ++k) {
      if (!matches_[k]) {
        start = nexts_[k];
        continue;
      }
      if (k > 0 && !matches_[k - 1]) start = places_[i + k];
      join(start, nexts_[k]);
    }
    i = end;
  }
}

// Two neighbours become one symbol.
void ReplaceTrainer::join(std::uint32_t place, std::uint32_t next) {
  const std::int32_t left = words_.symbol(place), right = words_.symbol(next);
  const std::uint32_t right_length = length(next);
  const std::int64_t count = words_.count(place);
  const std::int32_t before = words_.symbol(place - 1);
  const std::int32_t behind = words_.symbol(next + right_length);
  Pair& pair = pairs_[table_.find(pair_key(left, right))];
  const std::int32_t joined = merged(pair);
  pair.count -= count;
  if (before >= 0) remove(before, left, count);
  if (behind >= 0) remove(right, behind, count);
  words_.join(place, next, right_length, joined);
  if (before >= 0) add(before, joined, place - lengths_[static_cast<std::size_t>(before)], count);
  if (behind >= 0) add(joined, behind, place, count);
}

}  // namespace fastnlp
