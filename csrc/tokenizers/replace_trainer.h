// The book's byte-pair encoding to the letter: words are symbols with spaces between, and the pair (A, B) is
// merged by replacing "A B" with "AB" in that string. So every symbol that ends with A is joined to a symbol
// behind it that begins with B, from the left, as far as the matches do not overlap.
//
// Symbols are told apart by their strings. What a merge joins besides the pair itself makes symbols that are
// in no list of tokens, and counts may rise. Among pairs with the highest count the one is merged that is met
// first.
#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizers/merge_trainer.h"
#include "tokenizers/pair_index.h"
#include "tokenizers/segmented_words.h"

namespace fastnlp {

class ReplaceTrainer {
 public:
  ReplaceTrainer(SegmentedWords words, std::vector<std::string> tokens, const MergeLimits& limits);

  // Goes on for about so many seconds. True when all is done.
  bool run(double seconds);

  // Ids are numbers of `strings`.
  const std::vector<Merge>& merges() const { return merges_; }
  const std::vector<std::string>& strings() const { return strings_; }

 private:
  struct Pair {
    std::int64_t count = 0;
    std::int32_t left = 0;
    std::int32_t right = 0;
    std::int32_t merged = -1;           // the symbol of both, once it has been asked for
    std::vector<std::uint32_t> places;  // where it begins, or began
    std::uint32_t gone = 0;             // how many of the first ones are known to be gone
    std::uint32_t earliest = 0;         // it does not begin before
    bool sorted = true;
    bool touched = false;
  };
  struct Candidate {
    std::int64_t count;
    std::uint32_t place;
    std::uint32_t pair;

    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : place > other.place;
    }
  };

  // The ends of a symbol's string: its first and last character and up to four bytes, as numbers.
  struct Ends {
    explicit Ends(std::string_view string);
    std::int32_t first_character, last_character;
    std::uint32_t first_bytes, last_bytes;
  };
  // A pair among those with the same characters where both meet.
  struct Meeting {
    std::uint32_t left_ends, right_begins;  // by up to four bytes
    std::uint32_t pair;
  };

  std::int32_t intern(std::string string, std::uint32_t length);
  std::int32_t merged(Pair& pair);
  std::uint32_t number_of(std::int32_t left, std::int32_t right);
  void add(std::int32_t left, std::int32_t right, std::uint32_t place, std::int64_t count);
  void remove(std::int32_t left, std::int32_t right, std::int64_t count);
  bool stands(const Pair& pair, std::uint32_t place) const;
  std::uint32_t first_place(Pair& pair);
  void offer_touched();
  bool merge_next();
  void find_matches(const std::string& head, const std::string& tail);
  void merge(std::int32_t left, std::int32_t right);
  void join(std::uint32_t place, std::uint32_t next);
  std::uint32_t length(std::uint32_t place) const {
    return lengths_[static_cast<std::size_t>(words_.symbol(place))];
  }

  SegmentedWords words_;
  MergeLimits limits_;
  std::vector<std::string> strings_;
  std::vector<std::uint32_t> lengths_;  // places
  std::vector<Ends> ends_;
  std::unordered_map<std::string, std::int32_t> numbers_;
  std::vector<Merge> merges_;
  std::vector<Pair> pairs_;
  PairTable table_;
  // Pairs by the last character of the left and the first of the right.
  PairTable groups_;
  std::vector<std::vector<Meeting>> meetings_;
  std::priority_queue<Candidate> queue_;
  std::vector<std::uint32_t> touched_;
  // Of the merge at work: where the left symbols of its matches begin; of those that meet, the right ones,
  // and whether they are matches.
  std::vector<std::uint32_t> places_, nexts_;
  std::vector<bool> matches_;
  std::uint32_t at_ = 0;  // of the first count
  bool done_ = false;
};

}  // namespace fastnlp
