#include "text/word_merge.h"

#include <algorithm>
#include <utility>

#include "support/parallel.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kWordsAtOnce = 1 << 14;  // that a thread takes
constexpr std::size_t kPrefetched = 8;

}  // namespace

WordMerge::WordMerge(std::vector<WordTable> tables) : tables_(std::move(tables)), next_(tables_.size()) {
  std::size_t longest = 0;
  for (const WordTable& table : tables_) longest = std::max(longest, table.size());
  number_of_.assign(longest * tables_.size(), -1);
  for (std::size_t t = 0; t < tables_.size(); ++t) {
    for (std::size_t id = 0; id < tables_[t].size(); ++id) {
      const std::int32_t itself = provisional({t, id});
      number_of_[static_cast<std::size_t>(itself)] = itself;
    }
  }
  if (tables_.size() == 1) {
    linked_parts_ = WordTable::kParts;
    next_[0] = longest;
    numbers_ = static_cast<std::int32_t>(longest);
  }
}

WordMerge::Place WordMerge::place(std::int32_t provisional) const {
  const auto id = static_cast<std::size_t>(provisional);
  return {id % tables_.size(), id / tables_.size()};
}

std::int32_t WordMerge::provisional(Place place) const {
  return static_cast<std::int32_t>(place.id * tables_.size() + place.table);
}

std::int64_t WordMerge::first_position(std::int32_t provisional) const {
  const Place at = place(provisional);
  return tables_[at.table].first_position(at.id);
}

bool WordMerge::advance(std::int64_t limit) {
  if (linked_parts_ < WordTable::kParts) {
    std::size_t total = 0;
    for (const WordTable& table : tables_) total += table.size();
    const std::uint64_t parts =
        std::clamp<std::uint64_t>(static_cast<std::uint64_t>(limit) * WordTable::kParts / (total + 1), 1,
                                  WordTable::kParts - linked_parts_);
    // A word is in one part, so no two threads meet in what they write.
    take_turns(static_cast<std::int64_t>(parts), static_cast<int>(tables_.size()),
               [&](std::int64_t i, int) { link_part(linked_parts_ + static_cast<std::uint64_t>(i)); });
    linked_parts_ += parts;
    if (linked_parts_ < WordTable::kParts) return false;
  }
  for (std::int64_t step = 0; step < limit; ++step) {
    if (!number_next()) return true;
  }
  return false;
}

void WordMerge::link_part(std::uint64_t part) {
  for (std::size_t t = 1; t < tables_.size(); ++t) {
    tables_[t].for_each_slot(part, [&](std::uint64_t slot) {
      const WordTable::Entry entry = tables_[t].entry(slot);
      for (std::size_t before = 0; before < t; ++before) {
        const std::int64_t id = tables_[before].find(entry.key);
        if (id < 0) continue;
        link(provisional({t, entry.id}), provisional({before, static_cast<std::size_t>(id)}));
        break;
      }
    });
  }
}

// `known` is linked with the same word in all tables up to its own.
void WordMerge::link(std::int32_t provisional, std::int32_t known) {
  std::int32_t earliest = known;
  const auto next = [&](std::int32_t id) -> std::int32_t& {
    return number_of_[static_cast<std::size_t>(id)];
  };
  while (next(earliest) != earliest) earliest = next(earliest);
  if (first_position(provisional) < first_position(earliest)) {
    next(earliest) = provisional;
  } else {
    next(provisional) = earliest;
  }
}

// Each table's words stand by first appearance already: the earliest of those without a number is the next of
// all, and one that is linked with an earlier one finds it numbered.
bool WordMerge::number_next() {
  std::size_t earliest = tables_.size();
  std::int64_t position = 0;
  for (std::size_t t = 0; t < tables_.size(); ++t) {
    if (next_[t] == tables_[t].size()) continue;
    const std::int64_t first = tables_[t].first_position(next_[t]);
    if (earliest == tables_.size() || first < position) {
      earliest = t;
      position = first;
    }
  }
  if (earliest == tables_.size()) return false;
  const std::int32_t id = provisional({earliest, next_[earliest]++});
  std::int32_t& number = number_of_[static_cast<std::size_t>(id)];
  number = number == id ? numbers_++ : number_of_[static_cast<std::size_t>(number)];
  return true;
}

NumberedWords WordMerge::words() const { return tables_.size() == 1 ? words_in_order() : words_of_all(); }

NumberedWords WordMerge::words_in_order() const {
  const WordTable& table = tables_[0];
  const std::vector<std::uint64_t> order = table.order();
  NumberedWords words;
  words.number_of = number_of_;
  words.offsets.reserve(order.size() + 1);
  words.counts.reserve(order.size());
  words.offsets.push_back(0);
  for (std::size_t id = 0; id < order.size(); ++id) {
    if (id + kPrefetched < order.size()) table.prefetch_slot(order[id + kPrefetched]);
    const WordTable::Entry entry = table.entry(order[id]);
    words.bytes.append(entry.key.data, entry.key.length);
    words.offsets.push_back(static_cast<std::int64_t>(words.bytes.size()));
    words.counts.push_back(entry.count);
  }
  return words;
}

NumberedWords WordMerge::words_of_all() const {
  const auto threads = static_cast<int>(tables_.size());
  struct Word {
    std::uint64_t slot;
    std::int64_t count;
    std::uint32_t length;
    std::uint32_t table;
  };
  std::vector<Word> found(static_cast<std::size_t>(numbers_));
  take_turns(WordTable::kParts, threads, [&](std::int64_t part, int) {
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      tables_[t].for_each_slot(static_cast<std::uint64_t>(part), [&](std::uint64_t slot) {
        const WordTable::Entry entry = tables_[t].entry(slot);
        const std::int32_t number = number_of_[static_cast<std::size_t>(provisional({t, entry.id}))];
        Word& word = found[static_cast<std::size_t>(number)];
        word = {slot, word.count + entry.count, entry.key.length, static_cast<std::uint32_t>(t)};
      });
    }
  });
  NumberedWords words;
  words.number_of = number_of_;
  words.offsets.reserve(found.size() + 1);
  words.counts.reserve(found.size());
  words.offsets.push_back(0);
  for (const Word& word : found) {
    words.offsets.push_back(words.offsets.back() + word.length);
    words.counts.push_back(word.count);
  }
  words.bytes.resize(static_cast<std::size_t>(words.offsets.back()));
  for_each_block(numbers_, kWordsAtOnce, threads, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const Word& ahead = found[std::min(i + kPrefetched, found.size() - 1)];
      tables_[ahead.table].prefetch_slot(ahead.slot);
      const WordTable::Entry entry = tables_[found[i].table].entry(found[i].slot);
      std::copy_n(entry.key.data, entry.key.length, words.bytes.data() + words.offsets[i]);
    }
  });
  return words;
}

}  // namespace fastnlp
