// A word of few symbols that is being merged. Between choosing the next merge and knowing what its result
// merges with lie two look-ups in a table larger than the caches that are near, so a caller with several such
// words goes from one to the other.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "tokenizers/bpe_model.h"
#include "tokenizers/merge_table.h"

namespace fastnlp {

class ShortWord {
 public:
  static constexpr std::size_t kMost = 16;  // symbols

  // A word of 1 to kMost bytes, each of them a symbol.
  void begin(const BpeModel& model, const unsigned char* bytes, std::size_t n) {
    clear(n);
    for (std::size_t i = 0; i < n; ++i) ids_[i + 1] = model.byte_token(bytes[i]);
    for (std::size_t i = 1; i < n; ++i) set(i, model.byte_pair(bytes[i - 1], bytes[i]));
  }
  // 1 to kMost symbols; ranks[i] is the rank of symbols i and i + 1.
  void begin(const BpeModel& model, const std::int32_t* ids, const std::uint32_t* ranks, std::size_t n) {
    clear(n);
    for (std::size_t i = 0; i < n; ++i) ids_[i + 1] = ids[i];
    for (std::size_t i = 1; i < n; ++i) {
      set(i, {ranks[i - 1], ranks[i - 1] == kNoRank ? kNoToken : model.merged(ranks[i - 1])});
    }
  }

  // Merges the leftmost pair of the lowest rank; false when there is none.
  bool merge(const BpeModel& model) {
    const std::uint64_t best = lowest();
    if (best >= kNoKey) return false;
    at_ = static_cast<std::size_t>(best % kPlaces);
    const std::int32_t token = merged_[at_];
    const std::uint64_t behind = left_ & (~std::uint64_t{1} << at_);
    const auto gone = static_cast<std::size_t>(std::countr_zero(behind));
    const auto next = static_cast<std::size_t>(std::countr_zero(behind & (behind - 1)));
    before_ = static_cast<std::size_t>(63 - std::countl_zero(left_ & ((std::uint64_t{1} << at_) - 1)));
    ids_[at_] = token;
    left_ &= ~(std::uint64_t{1} << gone);
    keys_[gone] = kNoKey;
    to_next_ = model.pairs().ask(token, ids_[next]);
    to_before_ = model.pairs().ask(ids_[before_], token);
    return true;
  }
  // What the result merges with, to be asked before the next merge.
  void look_up() {
    set(at_, MergeTable::answer(to_next_));
    set(before_, MergeTable::answer(to_before_));
  }

  // Writes the symbols that are left and gives their number.
  std::size_t take(std::int32_t* ids) const {
    std::size_t count = 0;
    std::uint64_t left = left_ & (left_ - 1);  // without the end in front
    for (; (left & (left - 1)) != 0; left &= left - 1) ids[count++] = ids_[std::countr_zero(left)];
    return count;
  }

 private:
  static constexpr std::uint64_t kPlaces = 64;
  static constexpr std::uint64_t kNoKey = std::uint64_t{kNoRank} * kPlaces;
  static_assert(kMost + 2 <= kPlaces, "places are bits of a word");

  void clear(std::size_t n) {
    compared_ = std::max<std::size_t>(4, (n + 2) & ~std::size_t{3});
    for (std::size_t i = n; i <= compared_; ++i) keys_[i] = kNoKey;
    left_ = (std::uint64_t{4} << n) - 1;
    ids_[0] = ids_[n + 1] = kNoToken;
  }
  void set(std::size_t place, RankedToken merge) {
    keys_[place] = merge.rank * kPlaces | place;
    merged_[place] = merge.token;
  }
  // They were just written one by one, which reading several at once would wait for.
  std::uint64_t lowest() const {
    std::uint64_t a = keys_[1], b = keys_[2], c = keys_[3], d = keys_[4];
    for (std::size_t i = 5; i <= compared_; i += 4) {
      a = std::min(a, keys_[i]);
      b = std::min(b, keys_[i + 1]);
      c = std::min(c, keys_[i + 2]);
      d = std::min(d, keys_[i + 3]);
    }
    return std::min(std::min(a, b), std::min(c, d));
  }

  // Symbols stay at their places, 1 to n, and a bit says which are left; at the places around them stand
  // tokens that merge with nothing. A key is of a symbol and the next one left, and holds rank and place, so
  // the lowest is the leftmost of the lowest rank.
  std::uint64_t keys_[kMost + 4];
  std::int32_t merged_[kMost + 2];  // what they become
  std::int32_t ids_[kMost + 2];
  std::uint64_t left_;
  std::size_t compared_;  // keys, from the first on
  std::size_t at_, before_;
  MergeTable::Look to_next_, to_before_;
};

}  // namespace fastnlp
