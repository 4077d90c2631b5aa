// What a masked language model is asked: 15% of a row's tokens, most of them hidden (Devlin et al.
// 2019, 3.1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "support/philox.h"

namespace fastnlp {

// Of each token of the vocabulary.
enum TokenFlags : std::uint8_t {
  kNeverPredicted = 1,  // [CLS] and the like
  kBeginsWord = 2,      // "##ing" does not
  kEndsWord = 4,        // of vocabularies that mark ends
};

struct MaskRules {
  double fraction = 0.15;          // of a row's tokens, special ones counted too, that are predicted
  std::int64_t most = 0;           // predictions of a row at most
  std::uint32_t mask_limit = 0;    // a drawn word below it: the mask stands in
  std::uint32_t random_limit = 0;  // else below this: another token; else the token stays
  std::int32_t mask = 0;           // id
  bool whole_words = false;
  std::span<const std::uint8_t> flags;     // (V,) TokenFlags
  std::span<const std::int32_t> drawable;  // ids that stand in at random, each as likely
};

// The ids from the first to the last that is never predicted: a look at few tokens' flags tells all of them.
struct NeverPredicted {
  explicit NeverPredicted(std::span<const std::uint8_t> flags);

  std::uint32_t first = 0, count = 0;
  bool all = true;  // of these ids
};

// Predictions of a row of n tokens: max(1, round(fraction * n)), halves to the even number as in Python, and
// `most` at most.
std::int64_t predictions(const MaskRules& rules, std::int64_t n);

class Masker {
 public:
  Masker(const MaskRules& rules, const NeverPredicted& never, std::uint64_t seed, std::uint32_t epoch)
      : rules_(rules), never_(never), seed_(seed), epoch_(epoch) {}

  // Chooses tokens of a row, hides them, and writes their places, rising, and what they were. Returns how
  // many: fewer than `predictions` where too few tokens may be predicted.
  //
  // Draws: word i of Stream::kMasking at `position` chooses the i-th token among those that are left; words
  // 2i and 2i + 1 of Stream::kReplacement are for the i-th of the chosen ones by place. Whole words are drawn
  // alike, and one that would be too many is passed over.
  //
  // begins: with whole words, places where a word begins whatever the token says (not 0); else not looked at.
  std::int64_t hide(std::span<std::int32_t> tokens, std::uint64_t position, const std::uint8_t* begins,
                    std::int32_t* positions, std::int32_t* labels);

 private:
  void choose_tokens(std::span<const std::int32_t> tokens, std::uint64_t position, std::int64_t wanted);
  void choose_words(std::span<const std::int32_t> tokens, std::uint64_t position, std::int64_t wanted,
                    const std::uint8_t* begins);
  // The first words of a stream.
  const std::uint32_t* draw(Stream stream, std::uint64_t position, std::size_t words);
  void choose(std::int32_t place);

  MaskRules rules_;
  NeverPredicted never_;
  std::uint64_t seed_;
  std::uint32_t epoch_;
  std::vector<std::int32_t> candidates_, ends_;
  std::vector<std::uint64_t> chosen_;  // a bit for each token of the row
  std::vector<std::uint32_t> drawn_;
};

}  // namespace fastnlp
