#include "sampling/masked_lm.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/checks.h"
#include "support/parallel.h"
#include "support/philox.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kRowsAtOnce = 64;
constexpr std::int64_t kTokensAThread = 1 << 15;  // fewer are not worth a thread
constexpr std::int64_t kPairsAhead = 4;           // so many rows before it is written a pair is fetched

void check_number(std::span<const std::int64_t> numbers, std::int64_t i, std::int64_t count) {
  if (numbers[i] >= 0 && numbers[i] < count) return;
  throw std::out_of_range("numbers[" + std::to_string(i) + "]: expected an example in [0, " +
                          std::to_string(count) + "), got " + std::to_string(numbers[i]));
}

}  // namespace

MaskedLm::MaskedLm(std::span<const std::int32_t> ids, const Bounds& bounds, const MaskedLmOptions& options)
    : ids_(ids), bounds_(bounds), options_(options), never_(options.masks.flags) {
  check_bounds(bounds, static_cast<std::int64_t>(ids.size()));
  const MaskRules& masks = options.masks;
  const auto words = static_cast<std::int64_t>(masks.flags.size());
  const std::int32_t special[] = {options.cls, options.sep, options.pad, masks.mask};
  check_ids("special", special, words);
  check_ids("drawable", masks.drawable, words);
  if (masks.drawable.empty()) refuse("drawable", "at least one id", "none");
  for (const std::int32_t id : {options.cls, options.sep}) {
    if (!(masks.flags[id] & kNeverPredicted)) refuse("flags[" + std::to_string(id) + "]", "1", "0");
  }
}

std::int64_t MaskedLm::full_rows() const {
  return std::max<std::int64_t>(1, ring() / (options_.max_len - 2));
}

std::int64_t MaskedLm::full_length() const { return std::min(ring() + 2, options_.max_len); }

std::int64_t MaskedLm::length(const Pair& pair) const {
  return std::min(pair.tokens() + 3, options_.max_len);
}

std::int64_t MaskedLm::longest(std::span<const Pair> pairs, std::span<const std::int64_t> numbers) const {
  const auto tokens = static_cast<std::int64_t>(ids_.size());
  const auto inside = [&](std::int64_t from, std::int64_t count) {
    return count > 0 && from >= 0 && from <= tokens - count;
  };
  std::int64_t most = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(numbers.size()); ++i) {
    check_number(numbers, i, static_cast<std::int64_t>(pairs.size()));
    const Pair& pair = pairs[numbers[i]];
    if (!inside(pair.a, pair.a_tokens) || !inside(pair.b(), pair.b_tokens)) {
      refuse("pairs[" + std::to_string(numbers[i]) + "]", "two stretches of the corpus", "something else");
    }
    most = std::max(most, length(pair));
  }
  return most;
}

// Sentences lie anywhere in the corpus; a few lines are most of them.
void MaskedLm::prefetch(const Pair& pair) const {
  constexpr std::int64_t kLine = 64 / sizeof(std::int32_t), kMost = 4 * kLine;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(pair.a_tokens, kMost); i += kLine) {
    __builtin_prefetch(ids_.data() + pair.a + i);
  }
  for (std::int64_t i = 0; i < std::min<std::int64_t>(pair.b_tokens, kMost); i += kLine) {
    __builtin_prefetch(ids_.data() + pair.b() + i);
  }
}

// Writes rows, one after another; each thread has its own.
class MaskedLm::Writer {
 public:
  Writer(const MaskedLm& from, std::uint32_t epoch, const BertRows& rows)
      : from_(from),
        options_(from.options_),
        rows_(rows),
        epoch_(epoch),
        masker_(options_.masks, from.never_, options_.seed, epoch) {
    if (options_.masks.whole_words) begins_.resize(static_cast<std::size_t>(options_.max_len));
  }

  void pair(std::int64_t row, const Pair& pair) {
    const Truncated t = truncated(pair, options_.pairs.room, options_.seed, epoch_);
    begin(row);
    add(options_.cls);
    copy(t.a, t.a_tokens);
    add(options_.sep);
    const std::int64_t first = at_;
    copy(t.b, t.b_tokens);
    add(options_.sep);
    std::fill(segments_ + first, segments_ + at_, 1);
    finish(row, static_cast<std::uint64_t>(pair.a));
    rows_.is_next[row] = pair.is_next();
  }

  void full(std::int64_t row, std::int64_t place, std::int64_t tokens) {
    const Bounds& bounds = from_.bounds_;
    const auto place_of = [&](std::int64_t d) { return bounds.sentences[bounds.documents[d]] + d; };
    // The last document that does not begin behind the place.
    std::int64_t d = 0;
    for (std::int64_t behind = bounds.count(); behind - d > 1;) {
      const std::int64_t middle = d + (behind - d) / 2;
      (place_of(middle) <= place ? d : behind) = middle;
    }
    std::int64_t from = place - d;
    begin(row);
    add(options_.cls);
    for (std::int64_t left = tokens; left > 0;) {
      const std::int64_t end = bounds.sentences[bounds.documents[d + 1]];
      const std::int64_t count = std::min(end - from, left);
      copy(from, count);
      left -= count;
      if (left > 0) {
        add(options_.sep);
        --left;
        d = d + 1 < bounds.count() ? d + 1 : 0;
        from = bounds.sentences[bounds.documents[d]];
      }
    }
    add(options_.sep);
    finish(row, static_cast<std::uint64_t>(place));
  }

 private:
  void begin(std::int64_t row) {
    tokens_ = rows_.tokens + rows_.starts[row];
    segments_ = rows_.segments + rows_.starts[row];
    width_ = rows_.starts[row + 1] - rows_.starts[row];
    std::fill_n(segments_, width_, 0);
    std::fill(begins_.begin(), begins_.end(), std::uint8_t{0});
    at_ = 0;
  }

  void add(std::int32_t id) { tokens_[at_++] = id; }

  void copy(std::int64_t from, std::int64_t count) {
    if (count == 0) return;
    const std::int32_t* ids = from_.ids_.data() + from;
    std::uint32_t largest = 0;  // negative ids are large here
    for (std::int64_t i = 0; i < count; ++i) {
      tokens_[at_ + i] = ids[i];
      largest = std::max(largest, static_cast<std::uint32_t>(ids[i]));
    }
    if (largest >= options_.masks.flags.size()) {
      check_ids("ids", {ids, static_cast<std::size_t>(count)},
                static_cast<std::int64_t>(options_.masks.flags.size()), from);
    }
    if (options_.masks.whole_words) {
      const auto& sentences = from_.bounds_.sentences;
      auto next = std::lower_bound(sentences.begin(), sentences.end(), from);
      for (; next != sentences.end() && *next < from + count; ++next) begins_[at_ + (*next - from)] = 1;
    }
    at_ += count;
  }

  void finish(std::int64_t row, std::uint64_t position) {
    std::fill(tokens_ + at_, tokens_ + width_, options_.pad);
    rows_.lengths[row] = static_cast<std::int32_t>(at_);
    std::int32_t* positions = rows_.positions + row * rows_.predictions;
    std::int32_t* labels = rows_.labels + row * rows_.predictions;
    float* weights = rows_.weights + row * rows_.predictions;
    const std::int64_t hidden =
        masker_.hide({tokens_, static_cast<std::size_t>(at_)}, position, begins_.data(), positions, labels);
    std::fill(weights, weights + hidden, 1.0f);
    std::fill(weights + hidden, weights + rows_.predictions, 0.0f);
    std::fill(positions + hidden, positions + rows_.predictions, 0);
    std::fill(labels + hidden, labels + rows_.predictions, 0);
  }

  const MaskedLm& from_;
  const MaskedLmOptions& options_;
  const BertRows& rows_;
  std::uint32_t epoch_;
  Masker masker_;
  std::vector<std::uint8_t> begins_;
  std::int32_t* tokens_ = nullptr;
  std::int32_t* segments_ = nullptr;
  std::int64_t at_ = 0, width_ = 0;
};

namespace {

int worth(std::int64_t tokens, int threads) {
  return static_cast<int>(
      std::clamp<std::int64_t>(tokens / kTokensAThread, 1, std::int64_t{thread_count(threads)}));
}

}  // namespace

void MaskedLm::fill_pairs(std::span<const Pair> pairs, std::span<const std::int64_t> numbers,
                          std::uint32_t epoch, int threads, const BertRows& rows) const {
  const auto count = static_cast<std::int64_t>(numbers.size());
  for_each_block(count, kRowsAtOnce, worth(rows.starts[count], threads),
                 [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                   Writer writer(*this, epoch, rows);
                   for (std::int64_t i = begin; i < end; ++i) {
                     if (i + kPairsAhead < end) prefetch(pairs[numbers[i + kPairsAhead]]);
                     writer.pair(i, pairs[numbers[i]]);
                   }
                 });
}

void MaskedLm::fill_full(std::span<const std::int64_t> numbers, std::uint32_t epoch, int threads,
                         const BertRows& rows) const {
  const auto count = static_cast<std::int64_t>(numbers.size());
  for (std::int64_t i = 0; i < count; ++i) check_number(numbers, i, full_rows());
  const Block drawn = philox::block(options_.seed, Stream::kPairs, epoch, 0, 0);
  const std::int64_t start = below(drawn[0], drawn[1], ring());
  const std::int64_t tokens = full_length() - 2;
  for_each_block(count, kRowsAtOnce, worth(rows.starts[count], threads),
                 [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                   Writer writer(*this, epoch, rows);
                   for (std::int64_t i = begin; i < end; ++i) {
                     std::int64_t place = start + numbers[i] * tokens;
                     if (place >= ring()) place -= ring();
                     writer.full(i, place, tokens);
                   }
                 });
}

}  // namespace fastnlp
