#include "sampling/negatives.h"

#include <algorithm>
#include <string>
#include <vector>

#include "support/checks.h"
#include "support/parallel.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kBlock = 1 << 11;  // centers
constexpr int kTries = 64;
// A stream has 2^24 blocks of two draws, and a negative uses at most 65 of them.
constexpr std::int64_t kMostPerCenter = std::int64_t{1} << 18;
constexpr std::size_t kScanned = 32;  // more forbidden words than this are searched in order

// Draws 0, 1, 2, ... of one center.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint32_t epoch, std::uint64_t position)
      : seed_(seed), position_(position), epoch_(epoch) {}

  // The two words of the next draw.
  std::pair<std::uint32_t, std::uint32_t> next() {
    const std::uint32_t half = draw_ % 2;
    if (half == 0) words_ = philox::block(seed_, Stream::kNegatives, epoch_, position_, draw_ / 2);
    ++draw_;
    return half == 0 ? std::pair{words_[0], words_[1]} : std::pair{words_[2], words_[3]};
  }

 private:
  std::uint64_t seed_;
  std::uint64_t position_;
  std::uint32_t epoch_;
  std::uint32_t draw_ = 0;
  Block words_{};
};

// What may not be drawn for one center. Reused from center to center.
class Forbidden {
 public:
  void set(std::span<const std::int32_t> words) {
    words_.assign(words.begin(), words.end());
    ordered_ = words_.size() > kScanned;
    if (ordered_) std::sort(words_.begin(), words_.end());
  }
  void add(std::int32_t word) {
    ordered_ ? words_.insert(std::lower_bound(words_.begin(), words_.end(), word), word)
             : words_.insert(words_.end(), word);
  }
  bool contains(std::int32_t word) const {
    if (ordered_) return std::binary_search(words_.begin(), words_.end(), word);
    bool found = false;
    for (const std::int32_t other : words_) found |= other == word;
    return found;
  }
  std::size_t size() const { return words_.size(); }
  std::vector<std::int32_t> distinct() const {
    std::vector<std::int32_t> words = words_;
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    return words;
  }

 private:
  std::vector<std::int32_t> words_;
  bool ordered_ = false;
};

// The words that remain for one center, drawn by their cumulative weights. A word too rare for the table's
// resolution counts with that resolution, so that it can be drawn where nothing else is left.
class Complement {
 public:
  Complement(const AliasTable& table, const std::vector<double>& probabilities, const Forbidden& forbidden) {
    const double resolution = 0x1.0p-32 / static_cast<double>(table.size());
    const std::vector<std::int32_t> left_out = forbidden.distinct();
    auto skip = left_out.begin();
    double sum = 0.0;
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      if (skip != left_out.end() && static_cast<std::size_t>(*skip) == i) {
        ++skip;
      } else if (table.possible(static_cast<std::int32_t>(i))) {
        sum += std::max(probabilities[i], resolution);
        words_.push_back(static_cast<std::int32_t>(i));
        sums_.push_back(sum);
      }
    }
  }
  std::int32_t draw(std::uint32_t high, std::uint32_t low) const {
    const double u = static_cast<double>((std::uint64_t{high} << 32 | low) >> 11) * 0x1.0p-53 * sums_.back();
    const auto at = std::upper_bound(sums_.begin(), sums_.end(), u) - sums_.begin();
    return words_[std::min<std::size_t>(at, words_.size() - 1)];
  }

 private:
  std::vector<std::int32_t> words_;
  std::vector<double> sums_;
};

// Not every center needs a look: as long as the table has more words than the center forbids, one is left.
void check_complements(std::span<const std::int32_t> contexts, std::span<const std::int64_t> offsets,
                       std::span<const std::int32_t> excluded, const AliasTable& table) {
  Forbidden forbidden;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t n = offsets[i + 1] - offsets[i];
    if (n == 0 || table.support() > n + !excluded.empty()) continue;
    forbidden.set(contexts.subspan(offsets[i], n));
    if (!excluded.empty()) forbidden.add(excluded[i]);
    std::int64_t covered = 0;
    for (const std::int32_t word : forbidden.distinct()) covered += table.possible(word);
    if (covered == table.support()) {
      refuse("contexts of center " + std::to_string(i), "a word of positive weight that is not among them",
             "contexts that cover all " + std::to_string(covered));
    }
  }
}

}  // namespace

Buffer<std::int32_t> negatives(std::span<const std::int32_t> contexts,
                               std::span<const std::int64_t> context_offsets,
                               std::span<const std::int64_t> positions,
                               std::span<const std::int32_t> excluded, const AliasTable& table,
                               std::int64_t k, std::uint64_t seed, std::uint32_t epoch, int threads) {
  check_offsets("context_offsets", context_offsets, static_cast<std::int64_t>(contexts.size()));
  check_ids("contexts", contexts, table.size());
  const std::size_t n = context_offsets.size() - 1;
  if (positions.size() != n) {
    refuse("positions", std::to_string(n) + " (one per center)", std::to_string(positions.size()));
  }
  if (!excluded.empty()) {
    if (excluded.size() != n) {
      refuse("exclude_centers", std::to_string(n) + " (one per center)", std::to_string(excluded.size()));
    }
    check_ids("exclude_centers", excluded, table.size());
  }
  if (k < 1) refuse("k", "at least 1", std::to_string(k));
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t width = context_offsets[i + 1] - context_offsets[i];
    if (width > kMostPerCenter / k) {
      refuse("k", "at most " + std::to_string(kMostPerCenter) + " negatives per center",
             std::to_string(k) + " for each of the " + std::to_string(width) + " contexts of center " +
                 std::to_string(i));
    }
  }
  check_complements(contexts, context_offsets, excluded, table);

  const std::vector<double> probabilities = table.probabilities();
  Buffer<std::int32_t> out(contexts.size() * static_cast<std::size_t>(k));
  for_each_block(static_cast<std::int64_t>(n), kBlock, threads,
                 [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                   Forbidden forbidden;
                   std::vector<Complement> complement;  // of this center, built on first need
                   for (std::int64_t i = begin; i < end; ++i) {
                     const std::int64_t from = context_offsets[i], width = context_offsets[i + 1] - from;
                     forbidden.set(contexts.subspan(from, width));
                     if (!excluded.empty()) forbidden.add(excluded[i]);
                     complement.clear();
                     Draws draws(seed, epoch, static_cast<std::uint64_t>(positions[i]));
                     for (std::int32_t *negative = out.data() + from * k, *last = negative + width * k;
                          negative < last; ++negative) {
                       int refused = 0;
                       for (; refused < kTries; ++refused) {
                         const auto [column, limit] = draws.next();
                         *negative = table.draw(column, limit);
                         if (!forbidden.contains(*negative)) break;
                       }
                       if (refused == kTries) {
                         if (complement.empty()) complement.emplace_back(table, probabilities, forbidden);
                         const auto [high, low] = draws.next();
                         *negative = complement.front().draw(high, low);
                       }
                     }
                   }
                 });
  return out;
}

}  // namespace fastnlp
