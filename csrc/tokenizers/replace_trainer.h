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

  std::int32_t intern(std::string string);
  std::uint32_t number_of(std::int32_t left, std::int32_t right);
  void add(std::int32_t left, std::int32_t right, std::uint32_t place, std::int64_t count);
  void remove(std::int32_t left, std::int32_t right, std::int64_t count);
  bool stands(const Pair& pair, std::uint32_t place) const;
  std::uint32_t first_place(Pair& pair);
  void offer_touched();
  bool merge_next();
  void merge(std::int32_t left, std::int32_t right);
  void join(std::uint32_t place, std::uint32_t next);
  std::uint32_t length(std::uint32_t place) const {
    return lengths_[static_cast<std::size_t>(words_.symbol(place))];
  }

  SegmentedWords words_;
  MergeLimits limits_;
  std::vector<std::string> strings_;
  std::vector<std::uint32_t> lengths_;  // places
  std::unordered_map<std::string, std::int32_t> numbers_;
  std::vector<Merge> merges_;
  std::vector<Pair> pairs_;
  PairTable table_;
  // Pairs by the last character of the left and the first of the right.
  std::unordered_map<PairKey, std::vector<std::uint32_t>> by_characters_;
  std::priority_queue<Candidate> queue_;
  std::vector<std::uint32_t> touched_;
  std::uint32_t at_ = 0;  // of the first count
  bool done_ = false;
};

}  // namespace fastnlp
