// Words that the cache does not know, which wait until there are several to be merged together, and the
// places among the ids of other words where theirs are to stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tokenizers/text_encoder.h"
#include "tokenizers/word_cache.h"

namespace fastnlp {

class NewWords {
 public:
  static constexpr std::size_t kMost = 8;
  static constexpr std::size_t kMostPlaces = 32;

  struct Word {
    WordCache::Key key;
    const char* text;
    std::size_t length;
    std::size_t count;                          // of its ids, once it is merged
    std::int32_t ids[WordCache::kLongest + 1];  // a byte each, and an end-of-word mark
  };

  void clear() { words_ = places_ = 0; }
  bool empty() const { return places_ == 0; }
  bool full() const { return words_ == kMost || places_ == kMostPlaces; }
  std::span<Word> words() { return {word_, words_}; }

  // A word of up to WordCache::kLongest bytes; `place`: the number of ids before it, without those that wait.
  void add(const WordCache::Key& key, const char* text, std::size_t length, std::size_t place) {
    std::size_t i = 0;
    while (i < words_ && !is(word_[i], key, text, length)) ++i;
    if (i == words_) {
      Word& word = word_[words_++];
      word.key = key;
      word.text = text;
      word.length = length;
    }
    place_[places_++] = {place, i};
  }

  // Puts the ids of all words where they belong, and forgets the words.
  void insert(EncodedIds& output);

 private:
  struct Place {
    std::size_t before;
    std::size_t word;
  };
  static bool is(const Word& word, const WordCache::Key& key, const char* text, std::size_t length) {
    return word.key.low == key.low && word.key.high == key.high && word.length == length &&
           (length <= WordCache::kInline || std::memcmp(word.text, text, length) == 0);
  }

  Word word_[kMost];
  Place place_[kMostPlaces];
  std::size_t words_ = 0;
  std::size_t places_ = 0;
};

}  // namespace fastnlp
