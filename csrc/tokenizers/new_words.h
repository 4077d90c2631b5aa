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

  struct Text {
    WordCache::Key key;
    const char* data;
    std::size_t length;  // up to WordCache::kLongest
  };
  struct Word {
    Text text;
    std::size_t count;                          // of its ids, once it is merged
    std::int32_t ids[WordCache::kLongest + 1];  // a byte each, and an end-of-word mark
  };

  void clear() { words_ = places_ = 0; }
  bool empty() const { return places_ == 0; }
  bool full() const { return words_ == kMost || places_ == kMostPlaces; }
  std::span<Word> words() { return {word_, words_}; }

  // `place`: the number of ids before it, without those that wait.
  void add(const Text& text, std::size_t place) {
    std::size_t i = 0;
    while (i < words_ && !equal(word_[i].text, text)) ++i;
    if (i == words_) word_[words_++].text = text;
    place_[places_++] = {place, i};
  }

  // Puts the ids of all words where they belong, and forgets the words.
  void insert(EncodedIds& output);

 private:
  struct Place {
    std::size_t before;
    std::size_t word;
  };
  static bool equal(const Text& a, const Text& b) {
    return a.key.low == b.key.low && a.key.high == b.key.high && a.length == b.length &&
           (a.length <= WordCache::kInline || std::memcmp(a.data, b.data, a.length) == 0);
  }

  Word word_[kMost];
  Place place_[kMostPlaces];
  std::size_t words_ = 0;
  std::size_t places_ = 0;
};

}  // namespace fastnlp
