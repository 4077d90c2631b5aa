// Words found in a file where they lie: a hash table over packed words that is written beside them, so that
// nothing has to be built, nor all of it read, to look a word up.
//
// Slot: tag (the upper 32 bits of the word's hash) above row + 1 (32 bits); 0 is empty. A word's slot is the
// first free one from hash & (slots - 1) on, kLongestProbe slots at most; a salt is searched for which that
// holds. Layout and hash are part of the file format.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/packed_words.h"

namespace fastnlp {

struct WordIndex {
  std::uint64_t salt = 0;
  std::vector<std::uint64_t> slots;  // a power of two, at least twice the words
};

// Refuses equal words, and more than 2^31 - 1.
WordIndex build_word_index(PackedWords words);

// Words with their index, wherever both came from: every place is checked when it is used, and what does not
// fit is refused as damage.
class IndexedWords {
 public:
  // Refuses sizes that cannot be; looks at nothing else.
  IndexedWords(PackedWords words, std::span<const std::uint64_t> slots, std::uint64_t salt);

  std::int64_t size() const { return words_.size(); }
  std::string_view word(std::int64_t row) const;
  // The row of a word, or -1.
  std::int64_t find(std::string_view word) const;

 private:
  PackedWords words_;
  std::span<const std::uint64_t> slots_;
  std::uint64_t salt_;
};

}  // namespace fastnlp
