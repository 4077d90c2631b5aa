#include "tokenizers/ordered_ids.h"

#include <algorithm>
#include <utility>

namespace fastnlp {

void OrderedIds::put(const TextUnit& unit, EncodedIds& output, Outbox& outbox) {
  {
    const std::lock_guard lock(mutex_);
    count(unit);
    places_[unit.number] = {0, output.used};
    spans_ |= !output.spans.empty();
    outbox.waiting_.push_back({unit.number, std::exchange(output, {}), 0});
    find_places();
    take_placed(outbox);
  }
  {
    const std::shared_lock still(moving_);
    copy_placed(outbox);
  }
  if (outbox.unused_.empty()) return;
  output = std::move(outbox.unused_.back());
  outbox.unused_.pop_back();
}

void OrderedIds::empty(Outbox& outbox) {
  take_placed(outbox);
  copy_placed(outbox);
}

// Of all units up to the first that is not done.
void OrderedIds::find_places() {
  std::size_t used = ids_.used;
  for (auto place = places_.find(next_); place != places_.end() && place->first == next_; ++place, ++next_) {
    place->second.first = used;
    used += place->second.count;
  }
  if (used > ids_.ids.size() || (spans_ && 2 * used > ids_.spans.size())) {
    const std::lock_guard lock(moving_);
    ids_.reserve(used - ids_.used);
    if (spans_) ids_.spans.resize(2 * used);
  }
  ids_.used = used;
}

void OrderedIds::take_placed(Outbox& outbox) {
  const auto placed = std::partition(outbox.waiting_.begin(), outbox.waiting_.end(),
                                     [&](const Outbox::Done& done) { return done.number >= next_; });
  for (auto done = placed; done != outbox.waiting_.end(); ++done) {
    done->first = places_.extract(done->number).mapped().first;
    outbox.placed_.push_back(std::move(*done));
  }
  outbox.waiting_.erase(placed, outbox.waiting_.end());
}

void OrderedIds::copy_placed(Outbox& outbox) {
  for (Outbox::Done& done : outbox.placed_) {
    EncodedIds& found = done.output;
    std::copy_n(found.ids.data(), found.used, ids_.ids.data() + done.first);
    std::copy(found.spans.begin(), found.spans.end(),
              ids_.spans.begin() + static_cast<std::ptrdiff_t>(2 * done.first));
    found.used = 0;
    found.spans.clear();
    outbox.unused_.push_back(std::move(found));
  }
  outbox.placed_.clear();
}

void OrderedIds::count(const TextUnit& unit) {
  for (std::size_t i = 0; i < unit.stretches.size(); ++i) {
    offsets_[unit.stretches[i].document + 1] += static_cast<std::int64_t>(unit.counts[i]);
  }
}

std::vector<std::int64_t> OrderedIds::take_offsets() {
  for (std::size_t i = 1; i < offsets_.size(); ++i) offsets_[i] += offsets_[i - 1];
  return std::move(offsets_);
}

}  // namespace fastnlp
