#include "tokenizers/ordered_ids.h"

#include <algorithm>
#include <utility>

namespace fastnlp {

void OrderedIds::put(TextUnit& unit, EncodedIds& output) {
  std::vector<Done> placed;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t number = unit.number;
    Done& done = waiting_[number];
    done.unit = std::move(unit);
    done.output = std::move(output);
    for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_;
         first = waiting_.erase(first), ++next_) {
      place(first->second);
      placed.push_back(std::move(first->second));
    }
    output = {};
    if (!unused_.empty()) {
      output = std::move(unused_.back());
      unused_.pop_back();
    }
  }
  if (placed.empty()) return;
  {
    const std::shared_lock still(moving_);
    for (const Done& done : placed) {
      const EncodedIds& found = done.output;
      std::copy_n(found.ids.data(), found.used, ids_.ids.data() + done.first);
      std::copy(found.spans.begin(), found.spans.end(),
                ids_.spans.begin() + static_cast<std::ptrdiff_t>(2 * done.first));
    }
  }
  const std::lock_guard lock(mutex_);
  for (Done& done : placed) {
    done.output.used = 0;
    done.output.spans.clear();
    unused_.push_back(std::move(done.output));
  }
}

void OrderedIds::place(Done& done) {
  count(done.unit);
  done.first = ids_.used;
  const std::size_t used = ids_.used + done.output.used;
  if (used > ids_.ids.size() || !done.output.spans.empty()) {
    const std::lock_guard lock(moving_);
    ids_.reserve(done.output.used);
    if (!done.output.spans.empty()) ids_.spans.resize(2 * used);
  }
  ids_.used = used;
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
