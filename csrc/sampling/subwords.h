// The n-grams of many words as ids: fastText's buckets, or the exact vocabulary of all n-grams.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/buffer.h"
#include "text/ngrams.h"

namespace fastnlp {

// V words as one run of bytes and V + 1 offsets into it.
struct PackedWords {
  std::string_view data;
  std::span<const std::int64_t> offsets;

  std::int64_t size() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  std::string_view operator[](std::int64_t i) const {
    const auto begin = static_cast<std::size_t>(offsets[static_cast<std::size_t>(i)]);
    const auto end = static_cast<std::size_t>(offsets[static_cast<std::size_t>(i) + 1]);
    return data.substr(begin, end - begin);
  }
};

// Lengths from 1 to kLongestNgram in rising order, or max_n = 0; anything else is a std::invalid_argument.
void check_ngram_rule(NgramRule rule);

struct Subwords {
  Buffer<std::int32_t> ids;
  Buffer<std::int64_t> offsets;  // (V + 1,)
};

// The buckets of each word's n-grams, as often as they occur in it, by start and then by length: the ids of
// fastText less its number of words. "</s>" has none.
Subwords hashed_ngrams(PackedWords words, NgramRule rule, std::int64_t buckets, int threads);

struct NgramVocabulary {
  std::string data;                        // the different n-grams, by first appearance
  std::vector<std::int64_t> offsets;       // (U + 1,) in data
  std::vector<std::int32_t> ids;           // each word's n-grams, each once, and last the whole "<word>"
  std::vector<std::int64_t> word_offsets;  // (V + 1,) in ids
};

// All n-grams of some words by themselves instead of in buckets, as the book has them.
NgramVocabulary ngram_vocabulary(PackedWords words, NgramRule rule);

}  // namespace fastnlp
