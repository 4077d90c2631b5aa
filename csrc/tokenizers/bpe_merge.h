// Merging the symbols of one word: of all neighbours that may be merged the pair of the lowest rank goes
// first, and of equal ones the leftmost, until none is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

#include "support/philox.h"
#include "tokenizers/bpe_model.h"
#include "tokenizers/interruption.h"
#include "tokenizers/short_word.h"

namespace fastnlp {

// A word has fewer than this many symbols.
inline constexpr std::size_t kMostSymbols = 0x7FFFFFFF;

class BpeMerger {
 public:
  explicit BpeMerger(const BpeModel& model) : model_(model) {}

  // Merges n symbols in place; gives how many tokens are left. ranks[i] is the rank of symbols i and i + 1;
  // the last is not looked at. A long word may be interrupted, where somebody may ask for it.
  std::size_t merge(std::int32_t* ids, std::uint32_t* ranks, std::size_t n, Interruption* interruption) {
    if (n < 2) return n;
    if (n <= kFew) return merge_few(ids, ranks, n);
    if (n > kShort && !merge_dense(ids, ranks, n, interruption)) return n;
    return n <= kShort ? merge_short(ids, ranks, n) : merge_long(ids, ranks, n, interruption);
  }

  // BPE-dropout (Provilkov et al. 2020, arXiv:1910.13267): at each step each merge is left out with a
  // probability, given as a threshold for `accepts`, by the next words of a stream.
  std::size_t merge_dropping(std::int32_t* ids, std::uint32_t* ranks, std::size_t n, std::uint32_t dropped,
                             PhiloxStream& draws, Interruption* interruption);

 private:
  // Up to here nothing is moved; beyond, many pairs of one rank are merged in one pass.
  static constexpr std::size_t kFew = ShortWord::kMost;
  // Up to here a scan of all ranks for each merge is faster than keeping them in order.
  static constexpr std::size_t kShort = 192;
  // One pair in so many is worth a pass over the word.
  static constexpr std::size_t kDense = 8;

  std::size_t merge_few(std::int32_t* ids, const std::uint32_t* ranks, std::size_t n);
  std::size_t merge_short(std::int32_t* ids, std::uint32_t* ranks, std::size_t n);
  bool merge_dense(std::int32_t* ids, std::uint32_t* ranks, std::size_t& n, Interruption* interruption);
  bool merge_all(std::int32_t* ids, std::uint32_t* ranks, std::size_t& n, std::uint32_t rank,
                 Interruption* interruption);
  std::size_t merge_long(std::int32_t* ids, std::uint32_t* ranks, std::size_t n, Interruption* interruption);
  void merge_waiting(std::int32_t* ids, std::uint32_t* ranks, Interruption* interruption);
  void link(std::size_t n);
  std::size_t gather(std::int32_t* ids);
  void join(std::int32_t* ids, std::uint32_t* ranks, std::size_t at);
  void add(std::uint32_t rank, std::int32_t position);
  void open(std::uint32_t rank);

  struct Waiting {
    std::int32_t position;
    std::int32_t next;
  };

  const BpeModel& model_;
  std::vector<std::int32_t> next_,
      previous_;  // the neighbours of a symbol; next_ is -1 once it is merged away
  // Positions that wait to be merged, a list for each rank; the ranks in order.
  std::vector<std::int32_t> first_;
  std::vector<Waiting> waiting_;
  std::int32_t unused_ = -1;
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ranks_;
  std::vector<std::int32_t> open_;
};

}  // namespace fastnlp
