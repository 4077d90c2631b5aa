#include "tokenizers/bpe_merge.h"

#include <algorithm>
#include <cstring>

namespace fastnlp {
namespace {

constexpr std::int32_t kGone = -1;
constexpr std::int32_t kNone = -1;

std::uint32_t lowest(const std::uint32_t* ranks, std::size_t n) {
  std::uint32_t best = kNoRank;
  for (std::size_t i = 0; i < n; ++i) best = std::min(best, ranks[i]);
  return best;
}

}  // namespace

std::size_t BpeMerger::merge_few(std::int32_t* ids, const std::uint32_t* ranks, std::size_t n) {
  ShortWord word;
  word.begin(model_, ids, ranks, n);
  while (word.merge(model_)) word.look_up();
  return word.take(ids);
}

std::size_t BpeMerger::merge_short(std::int32_t* ids, std::uint32_t* ranks, std::size_t n) {
  while (n > 1) {
    const std::uint32_t best = lowest(ranks, n - 1);
    if (best == kNoRank) break;
    // All places of this rank, from the left: a merge makes none of a lower rank but in a strange model, and
    // then the scan begins anew.
    const std::int32_t result = model_.merged(best);
    std::size_t i = 0;
    bool lower = false;
    while (!lower) {
      while (i + 1 < n && ranks[i] != best) ++i;
      if (i + 1 >= n) break;
      ids[i] = result;
      --n;
      std::memmove(ids + i + 1, ids + i + 2, (n - i - 1) * sizeof *ids);
      std::memmove(ranks + i, ranks + i + 1, (n - i) * sizeof *ranks);
      if (i > 0) {
        ranks[i - 1] = model_.rank(ids[i - 1], result);
        lower = ranks[i - 1] <= best;
      }
      if (i + 1 < n) {
        ranks[i] = model_.rank(result, ids[i + 1]);
        lower = lower || ranks[i] < best;
      }
      ++i;
    }
  }
  return n;
}

// While the lowest rank is that of many pairs, as in a letter a million times over, all of them are merged in
// one pass, which takes no memory. False when nothing is left to merge.
bool BpeMerger::merge_dense(std::int32_t* ids, std::uint32_t* ranks, std::size_t& n,
                            Interruption* interruption) {
  while (n > kShort) {
    const std::uint32_t best = lowest(ranks, n - 1);
    if (best == kNoRank) return false;
    const std::ptrdiff_t places = std::count(ranks, ranks + n - 1, best);
    if (static_cast<std::size_t>(places) < n / kDense) return true;
    if (!merge_all(ids, ranks, n, best, interruption)) return true;
  }
  return true;
}

// Merges the pairs of the lowest rank from the left. False where a lower one came up, as in a strange model:
// then the rest of these waits.
bool BpeMerger::merge_all(std::int32_t* ids, std::uint32_t* ranks, std::size_t& n, std::uint32_t rank,
                          Interruption* interruption) {
  const std::int32_t result = model_.merged(rank);
  // The same neighbours come again and again.
  struct {
    std::int32_t neighbour = kNoToken;
    std::uint32_t rank = kNoRank;
  } before, behind;
  Lookout lookout(interruption);
  std::size_t kept = 0, at = 0;
  bool lower = false;
  while (at < n) {
    lookout.reached(at);
    if (lower || at + 1 == n || ranks[at] != rank) {
      ids[kept] = ids[at];
      ranks[kept++] = ranks[at++];
      continue;
    }
    ids[kept] = result;
    at += 2;
    if (kept > 0) {
      if (before.neighbour != ids[kept - 1]) before = {ids[kept - 1], model_.rank(ids[kept - 1], result)};
      ranks[kept - 1] = before.rank;
      lower = before.rank <= rank;
    }
    if (at < n) {
      if (behind.neighbour != ids[at]) behind = {ids[at], model_.rank(result, ids[at])};
      ranks[kept] = behind.rank;
      lower = lower || behind.rank < rank;
    }
    ++kept;
  }
  n = kept;
  return !lower;
}

void BpeMerger::link(std::size_t n) {
  next_.resize(n);
  previous_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    next_[i] = static_cast<std::int32_t>(i + 1);
    previous_[i] = static_cast<std::int32_t>(i) - 1;
  }
}

std::size_t BpeMerger::gather(std::int32_t* ids) {
  const std::size_t n = next_.size();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n; i = static_cast<std::size_t>(next_[i])) ids[kept++] = ids[i];
  return kept;
}

// Merges the symbol at a place with the next one; ranks around it are those of the new neighbours.
void BpeMerger::join(std::int32_t* ids, std::uint32_t* ranks, std::size_t at) {
  const auto right = static_cast<std::size_t>(next_[at]);
  const std::int32_t after = next_[right];
  ids[at] = model_.merged(ranks[at]);
  next_[right] = kGone;
  ranks[right] = kNoRank;
  next_[at] = after;
  if (after < static_cast<std::int32_t>(next_.size())) {
    previous_[static_cast<std::size_t>(after)] = static_cast<std::int32_t>(at);
    ranks[at] = model_.rank(ids[at], ids[after]);
  } else {
    ranks[at] = kNoRank;
  }
  if (previous_[at] >= 0) ranks[previous_[at]] = model_.rank(ids[previous_[at]], ids[at]);
}

void BpeMerger::add(std::uint32_t rank, std::int32_t position) {
  if (rank == kNoRank) return;
  if (first_[rank] == kNone) ranks_.push(rank);
  std::int32_t place = unused_;
  if (place == kNone) {
    place = static_cast<std::int32_t>(waiting_.size());
    waiting_.push_back({});
  } else {
    unused_ = waiting_[static_cast<std::size_t>(place)].next;
  }
  waiting_[static_cast<std::size_t>(place)] = {position, first_[rank]};
  first_[rank] = place;
}

// Takes the positions of a rank, in rising order.
void BpeMerger::open(std::uint32_t rank) {
  open_.clear();
  for (std::int32_t place = first_[rank]; place != kNone;) {
    Waiting& waiting = waiting_[static_cast<std::size_t>(place)];
    open_.push_back(waiting.position);
    const std::int32_t next = waiting.next;
    waiting.next = unused_;
    unused_ = place;
    place = next;
  }
  first_[rank] = kNone;
  std::reverse(open_.begin(), open_.end());
  if (!std::is_sorted(open_.begin(), open_.end())) std::sort(open_.begin(), open_.end());
}

std::size_t BpeMerger::merge_long(std::int32_t* ids, std::uint32_t* ranks, std::size_t n,
                                  Interruption* interruption) {
  link(n);
  first_.resize(model_.merges(), kNone);
  waiting_.clear();
  unused_ = kNone;
  ranks[n - 1] = kNoRank;
  try {
    for (std::size_t i = 0; i + 1 < n; ++i) {
      if (interruption != nullptr) interruption->count();
      add(ranks[i], static_cast<std::int32_t>(i));
    }
    merge_waiting(ids, ranks, interruption);
  } catch (...) {  // what waits is of no word any more
    first_.clear();
    ranks_ = {};
    throw;
  }
  return gather(ids);
}

void BpeMerger::merge_waiting(std::int32_t* ids, std::uint32_t* ranks, Interruption* interruption) {
  while (!ranks_.empty()) {
    const std::uint32_t rank = ranks_.top();
    ranks_.pop();
    open(rank);
    for (std::size_t k = 0; k < open_.size(); ++k) {
      if (interruption != nullptr) interruption->count();
      const auto at = static_cast<std::size_t>(open_[k]);
      if (ranks[at] != rank || next_[at] == kGone) continue;
      join(ids, ranks, at);
      const std::int32_t before = previous_[at];
      add(ranks[at], static_cast<std::int32_t>(at));
      if (before >= 0) add(ranks[before], before);
      if (ranks_.empty() || ranks_.top() > rank) continue;
      // A lower rank came up: the rest of these waits again.
      for (++k; k < open_.size(); ++k) add(rank, open_[k]);
    }
  }
}

std::size_t BpeMerger::merge_dropping(std::int32_t* ids, std::uint32_t* ranks, std::size_t n,
                                      std::uint32_t dropped, PhiloxStream& draws,
                                      Interruption* interruption) {
  using Candidate = std::pair<std::uint32_t, std::int32_t>;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  std::vector<Candidate> left_out;
  link(n);
  if (n > 0) ranks[n - 1] = kNoRank;
  const auto offer = [&](std::int32_t at) {
    if (ranks[at] != kNoRank) candidates.emplace(ranks[at], at);
  };
  for (std::size_t i = 0; i < n; ++i) {
    if (interruption != nullptr) interruption->count();
    offer(static_cast<std::int32_t>(i));
  }
  while (!candidates.empty()) {
    if (interruption != nullptr) interruption->count();
    const auto [rank, position] = candidates.top();
    candidates.pop();
    const auto at = static_cast<std::size_t>(position);
    if (next_[at] == kGone || ranks[at] != rank) continue;
    if (accepts(dropped, draws.next())) {
      left_out.emplace_back(rank, position);
      continue;
    }
    join(ids, ranks, at);
    offer(position);
    if (previous_[at] >= 0) offer(previous_[at]);
    for (const Candidate& candidate : left_out) candidates.push(candidate);
    left_out.clear();
  }
  return n == 0 ? 0 : gather(ids);
}

}  // namespace fastnlp
