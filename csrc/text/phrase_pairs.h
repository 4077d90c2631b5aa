// Pairs of words that may make a phrase: what is counted of them, and where they stand in a sentence.
#pragma once

#include <cstdint>
#include <span>

#include "text/phrase_words.h"

namespace fastnlp {

inline std::int32_t first_of(std::uint64_t pair) { return static_cast<std::int32_t>(pair >> 32); }
inline std::int32_t second_of(std::uint64_t pair) { return static_cast<std::int32_t>(pair & 0xFFFFFFFFu); }

// A pair of ids, with the code of the connector words between them where there are any in the corpus.
template <bool kGaps>
struct PairKey {
  std::uint64_t pair;
  bool operator==(const PairKey&) const = default;
  static PairKey of(std::uint64_t pair, std::uint64_t) { return {pair}; }
  std::uint64_t between() const { return 0; }
};
template <>
struct PairKey<true> {
  std::uint64_t pair;
  std::uint64_t gap;
  bool operator==(const PairKey&) const = default;
  static PairKey of(std::uint64_t pair, std::uint64_t gap) { return {pair, gap}; }
  std::uint64_t between() const { return gap; }
};

// found(pair, gap) for each pair that ends in [begin, end) of the sentence that starts at `start`.
template <bool kGaps, class Found>
void pairs_of_stretch(const std::int32_t* ids, const Role* roles, GapCode gaps, std::int64_t start,
                      std::int64_t begin, std::int64_t end, Found found) {
  std::int32_t before = -1;  // the word that the next one may make a phrase with
  std::uint64_t gap = 0;
  int length = 0;
  const auto step = [&](std::int32_t id, auto&& pair) {
    const Role role = roles[id];
    if (role == 0) {
      if (before >= 0) pair(pair_of(before, id), gap);
      before = id;
      gap = 0;
      length = 0;
    } else if (!kGaps || role == kNoPhrase || length == gaps.longest()) {
      before = -1;
    } else {
      gap = gaps.extend(gap, role);
      ++length;
    }
  };
  std::int64_t back = begin;  // where the word before may stand: behind as many connectors as a gap holds
  while (back > start && begin - back <= gaps.longest()) {
    if (roles[ids[--back]] == 0) break;
  }
  for (; back < begin; ++back) step(ids[back], [](std::uint64_t, std::uint64_t) {});
  for (std::int64_t i = begin; i < end; ++i) step(ids[i], found);
}

}  // namespace fastnlp
