// Byte-pair encoding, learned: the most frequent pair of neighbouring symbols becomes a symbol, again and
// again.
//
// Gage 1994; Sennrich, Haddow and Birch 2016. The work for a merge is in proportion to the places that it
// changes: each pair has a list of the places where it began when it arose, of which some may be gone. A pair
// arises only when the younger of its symbols does, so its list is written once, in rising order, and its
// count never rises after.
#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <unordered_set>
#include <vector>

#include "tokenizers/pair_index.h"
#include "tokenizers/segmented_words.h"

namespace fastnlp {

// Which of several pairs with the highest count is merged.
enum class Ties {
  kSmallestIds,  // the smallest left id, then the smallest right one
  kFirstSeen,    // the pair that is met first, word by word from the left, as the words stand now
};

struct MergeLimits {
  std::int64_t merges = 0;         // at most
  std::int64_t min_frequency = 1;  // of a pair
  std::int64_t max_length = 0;     // of a token, in symbols that words began with; 0 for any
};

struct Merge {
  std::int32_t left;
  std::int32_t right;
  std::int32_t merged;
  std::int64_t count;
};

class MergeTrainer {
 public:
  // `tokens` are the strings of the symbols that words begin with, by id. No merge makes a token that is one
  // of them: special tokens are in the list, and belong to no text.
  MergeTrainer(SegmentedWords words, std::vector<std::string> tokens, Ties ties, const MergeLimits& limits);

  // Goes on for about so many seconds. True when all is done.
  bool run(double seconds);

  const std::vector<Merge>& merges() const { return merges_; }

 private:
  struct Pair {
    std::int64_t count;
    std::int32_t left;
    std::int32_t right;
    std::uint64_t begin;  // of its places in places_
    std::uint32_t size;
    std::uint32_t gone;  // how many of the first ones are known to be gone
  };
  struct Candidate {
    std::int64_t count;
    std::uint64_t order;  // among equal counts, the smallest first
    std::uint32_t pair;

    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : order > other.order;
    }
  };
  // What the merge at hand changes to one side of its places, for each neighbour.
  struct Side {
    std::vector<std::int64_t> sums;     // by symbol
    std::vector<std::uint32_t> number;  // of places, by symbol; then where the next goes
    std::vector<std::int32_t> symbols;  // that were met
    std::vector<std::int32_t> neighbour;
    std::vector<std::uint32_t> place;

    void grow(std::size_t symbols_in_all);
    void add(std::int32_t symbol, std::uint32_t begin, std::int64_t count);
  };
  enum class Stage { kCount, kList, kMerge, kDone };

  void start_count();
  bool on_grid() const { return !grid_.empty(); }
  void start_lists_of_grid();
  bool count_pairs(std::uint32_t places);
  void start_lists();
  bool list_places(std::uint32_t places);
  bool start_merge();
  bool merge_places(std::uint32_t places);
  void end_merge();
  void add_pairs(Side& side, bool is_left, std::int32_t old_partner);
  void put(std::int32_t left, std::int32_t right, std::int64_t count, std::uint32_t places);
  void offer(std::uint32_t pair);
  std::uint64_t order_of(std::uint32_t pair);
  bool stands(const Pair& pair, std::uint32_t place) const;
  std::uint32_t number_of(std::int32_t left, std::int32_t right);

  SegmentedWords words_;
  std::vector<std::string> tokens_;
  std::vector<std::uint32_t> lengths_;
  std::unordered_set<std::string> first_tokens_;
  Ties ties_;
  MergeLimits limits_;
  std::vector<Merge> merges_;

  Stage stage_ = Stage::kCount;
  std::int64_t floor_ = 1;  // pairs of smaller counts are not kept
  std::uint32_t at_ = 0;    // of a pass over all words
  std::vector<Pair> pairs_;
  PairTable table_;
  // By left and right, of the first count, where symbols are few and of length 1.
  struct Cell {
    std::int64_t count;
    std::uint64_t places;  // how many; then where the next goes, or kNowhere
  };
  std::vector<Cell> grid_;
  std::vector<std::uint32_t> places_;
  std::priority_queue<Candidate> queue_;

  std::uint32_t merging_ = 0;
  std::uint32_t next_ = 0;  // of the places of that pair
  std::int32_t merged_ = 0;
  Side left_, right_;
  std::int64_t doubled_sum_ = 0;  // of the new symbol next to itself
  std::vector<std::uint32_t> doubled_;
};

}  // namespace fastnlp
