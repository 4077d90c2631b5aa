#include "text/ngrams.h"

#include <string>

#include "support/checks.h"

namespace fastnlp {

void check_ngram_rule(NgramRule rule) {
  if (rule.max_n == 0) return;
  if (rule.min_n < 1) refuse("min_n", "1 or more", std::to_string(rule.min_n));
  if (rule.max_n < rule.min_n || rule.max_n > kLongestNgram) {
    refuse("max_n", "a length from min_n to " + std::to_string(kLongestNgram), std::to_string(rule.max_n));
  }
}

}  // namespace fastnlp
