// How much two words belong together, by their counts.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace fastnlp {

enum class PhraseScoring : std::int32_t { kWord2phrase = 0, kGensim = 1, kNpmi = 2 };

struct PhraseRule {
  PhraseScoring scoring = PhraseScoring::kWord2phrase;
  std::int64_t min_count = 5;
  double threshold = 100.0;
};

// `tokens`: the length of the text. `entries`: the different words and pairs of it, which gensim's scoring
// takes for the size of the vocabulary. -infinity where the counts rule a phrase out. word2phrase computes in
// float, and so does this, in the same order: a score at the threshold falls on the same side.
inline double phrase_score(const PhraseRule& rule, std::int64_t first, std::int64_t second, std::int64_t both,
                           std::int64_t tokens, std::int64_t entries) {
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  if (both < rule.min_count) return kNever;
  switch (rule.scoring) {
    case PhraseScoring::kWord2phrase:
      return static_cast<double>(static_cast<float>(both - rule.min_count) / static_cast<float>(first) /
                                 static_cast<float>(second) * static_cast<float>(tokens));
    case PhraseScoring::kGensim:
      return static_cast<double>(both - rule.min_count) /
             (static_cast<double>(first) * static_cast<double>(second)) * static_cast<double>(entries);
    case PhraseScoring::kNpmi: {
      const auto total = static_cast<double>(tokens);
      const double a = static_cast<double>(first) / total, b = static_cast<double>(second) / total;
      const double ab = static_cast<double>(both) / total;
      return std::log(ab / (a * b)) / -std::log(ab);
    }
  }
  return kNever;
}

inline bool is_phrase(const PhraseRule& rule, double score) {
  if (rule.scoring == PhraseScoring::kWord2phrase) {
    return static_cast<float>(score) > static_cast<float>(rule.threshold);
  }
  return score > rule.threshold;
}

}  // namespace fastnlp
