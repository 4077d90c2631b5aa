// The n-grams of many words as ids: fastText's buckets, or the exact vocabulary of all n-grams.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/buffer.h"
#include "text/ngrams.h"
#include "text/packed_words.h"

namespace fastnlp {

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
