// Counts the pairs of neighbouring words of a corpus, exactly and within a memory budget, and finds those
// that are phrases.
//
// Pairs are shared out by their hash into 256 buckets, each with a table that fits a cache, so a thread
// counts a bucket alone and no two results are ever merged. Where the tables would outgrow the budget, some
// buckets are put off, and the ids are read again for them: memory stays, passes grow, and the result depends
// neither on the budget nor on the number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "text/phrase_score.h"
#include "text/phrase_words.h"

namespace fastnlp {

struct FoundPhrases {
  std::vector<std::int32_t> first, second;    // ordered by first, second, gap
  std::vector<std::int32_t> between;          // the ids of the connector words of all phrases
  std::vector<std::int64_t> between_offsets;  // (phrases + 1,)
  std::vector<std::int64_t> counts;
  std::vector<double> scores;
  std::int64_t different_pairs = 0;
  int passes = 0;
};

class PhraseCounter {
 public:
  // Keeps views of ids (T,) and offsets (S + 1,). `connectors` are the ids of the connector words, `apart` of
  // words that no phrase contains. `memory`: bytes of pairs and tables.
  PhraseCounter(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                std::int64_t vocabulary, std::span<const std::int32_t> connectors,
                std::span<const std::int32_t> apart, PhraseRule rule, int threads, std::int64_t memory,
                std::uint64_t salt);
  ~PhraseCounter();

  // Works for so many seconds, a few milliseconds more; true when all is counted.
  bool advance(double seconds);
  // After the last `advance`.
  FoundPhrases take();

 private:
  struct Steps;
  template <bool kGaps>
  class Counting;

  std::unique_ptr<Steps> steps_;
};

}  // namespace fastnlp
