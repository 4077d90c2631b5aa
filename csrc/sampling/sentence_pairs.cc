#include "sampling/sentence_pairs.h"

#include <algorithm>
#include <string>

#include "support/checks.h"
#include "support/parallel.h"
#include "support/philox.h"

namespace fastnlp {
namespace {

void check_rising(const char* argument, std::span<const std::int64_t> offsets, std::int64_t total) {
  check_offsets(argument, offsets, total);
  const auto same = std::adjacent_find(offsets.begin(), offsets.end());
  if (same != offsets.end()) {
    refuse(std::string(argument) + "[" + std::to_string(same - offsets.begin() + 1) + "]",
           "more than " + std::to_string(*same), std::to_string(*same));
  }
}

std::int32_t clipped(std::int64_t tokens) {
  return static_cast<std::int32_t>(std::min<std::int64_t>(tokens, INT32_MAX));
}

// Walks over documents and gives their pairs to a function.
class Walk {
 public:
  Walk(const Bounds& bounds, const PairRules& rules, std::uint64_t seed, std::uint32_t epoch)
      : sentences_(bounds.sentences),
        documents_(bounds.documents),
        rules_(rules),
        seed_(seed),
        epoch_(epoch) {}

  template <class Take>
  void document(std::int64_t d, const Take& take) const {
    if (rules_.packed) {
      packed(d, take);
    } else {
      adjacent(d, take);
    }
  }

 private:
  template <class Take>
  void packed(std::int64_t d, const Take& take) const {
    const std::int64_t end = documents_[d + 1];
    for (std::int64_t first = documents_[d]; first + 1 < end;) {
      const Block drawn = draw(first, 0);
      std::int64_t aim = rules_.room;
      if (accepts(rules_.short_limit, drawn[0])) {
        aim = 2 + below(drawn[1], static_cast<std::uint32_t>(rules_.room - 1));
      }
      const std::int64_t last = std::max(first + 2, filled(first, end, aim));
      const std::int64_t cut = first + 1 + below(drawn[2], static_cast<std::uint32_t>(last - first - 1));
      if (accepts(rules_.random_limit, drawn[3])) {
        take(random_pair(d, first, cut, aim));
        first = cut;
      } else {
        take(following(first, cut, last));
        first = last;
      }
    }
  }

  template <class Take>
  void adjacent(std::int64_t d, const Take& take) const {
    for (std::int64_t first = documents_[d]; first + 1 < documents_[d + 1]; ++first) {
      const bool random = accepts(rules_.random_limit, draw(first, 0)[3]);
      const Pair pair = random ? random_pair(d, first, first + 1, 0) : following(first, first + 1, first + 2);
      if (!rules_.drop_long || pair.tokens() <= rules_.room) take(pair);
    }
  }

  // The end of the sentences from `first` on that have `aim` tokens together; `end` where there are too few.
  std::int64_t filled(std::int64_t first, std::int64_t end, std::int64_t aim) const {
    std::int64_t last = first + 1;
    while (last < end && sentences_[last] - sentences_[first] < aim) ++last;
    return last;
  }

  Pair following(std::int64_t first, std::int64_t cut, std::int64_t last) const {
    return {.a = sentences_[first],
            .b_coded = sentences_[cut],
            .a_tokens = clipped(sentences_[cut] - sentences_[first]),
            .b_tokens = clipped(sentences_[last] - sentences_[cut])};
  }

  Pair random_pair(std::int64_t d, std::int64_t first, std::int64_t cut, std::int64_t aim) const {
    const std::int64_t a_tokens = sentences_[cut] - sentences_[first];
    const Block drawn = draw(first, 1);
    const auto count = static_cast<std::int64_t>(documents_.size()) - 1;
    std::int64_t other = below(drawn[0], drawn[1], rules_.other_document ? count - 1 : count);
    if (rules_.other_document && other >= d) ++other;
    const std::int64_t begin = documents_[other], end = documents_[other + 1];
    const std::int64_t from = begin + below(drawn[2], drawn[3], end - begin);
    const std::int64_t to = filled(from, end, aim - a_tokens);
    return {.a = sentences_[first],
            .b_coded = ~sentences_[from],
            .a_tokens = clipped(a_tokens),
            .b_tokens = clipped(sentences_[to] - sentences_[from])};
  }

  Block draw(std::int64_t first, std::uint32_t block) const {
    return philox::block(seed_, Stream::kPairs, epoch_, static_cast<std::uint64_t>(sentences_[first]), block);
  }

  std::span<const std::int64_t> sentences_, documents_;
  PairRules rules_;
  std::uint64_t seed_;
  std::uint32_t epoch_;
};

}  // namespace

void check_bounds(const Bounds& bounds, std::int64_t tokens) {
  check_rising("sentence_offsets", bounds.sentences, tokens);
  check_rising("document_offsets", bounds.documents, static_cast<std::int64_t>(bounds.sentences.size()) - 1);
}

std::vector<std::int64_t> count_pairs(const Bounds& bounds, const PairRules& rules, std::uint64_t seed,
                                      std::uint32_t epoch, int threads) {
  const std::int64_t documents = bounds.count();
  std::vector<std::int64_t> counts(
      static_cast<std::size_t>((documents + kDocumentsAtOnce - 1) / kDocumentsAtOnce) + 1, 0);
  const Walk walk(bounds, rules, seed, epoch);
  for_each_block(documents, kDocumentsAtOnce, threads,
                 [&](std::int64_t block, std::int64_t begin, std::int64_t end) {
                   std::int64_t count = 0;
                   for (std::int64_t d = begin; d < end; ++d) walk.document(d, [&](const Pair&) { ++count; });
                   counts[static_cast<std::size_t>(block) + 1] = count;
                 });
  for (std::size_t b = 1; b < counts.size(); ++b) counts[b] += counts[b - 1];
  return counts;
}

void write_pairs(const Bounds& bounds, const PairRules& rules, std::uint64_t seed, std::uint32_t epoch,
                 std::span<const std::int64_t> counts, int threads, Pair* pairs) {
  const Walk walk(bounds, rules, seed, epoch);
  for_each_block(bounds.count(), kDocumentsAtOnce, threads,
                 [&](std::int64_t block, std::int64_t begin, std::int64_t end) {
                   Pair* out = pairs + counts[static_cast<std::size_t>(block)];
                   for (std::int64_t d = begin; d < end; ++d)
                     walk.document(d, [&](const Pair& p) { *out++ = p; });
                 });
}

Truncated truncated(const Pair& pair, std::int64_t room, std::uint64_t seed, std::uint32_t epoch) {
  Truncated t{.a = pair.a, .b = pair.b(), .a_tokens = pair.a_tokens, .b_tokens = pair.b_tokens};
  PhiloxStream words(seed, Stream::kTruncation, epoch, static_cast<std::uint64_t>(pair.a));
  std::uint32_t bits = 0;
  for (std::int64_t excess = t.a_tokens + t.b_tokens - room, i = 0; i < excess; ++i, bits >>= 1) {
    if (i % 32 == 0) bits = words.next();
    const bool front = bits & 1;
    if (t.a_tokens > t.b_tokens) {
      t.a += front;
      --t.a_tokens;
    } else {
      t.b += front;
      --t.b_tokens;
    }
  }
  return t;
}

}  // namespace fastnlp
