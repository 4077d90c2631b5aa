// How often each pair of one bucket occurs.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/phrase_pairs.h"

namespace fastnlp {

// A hash table: linear probing, at most 5/8 full.
template <bool kGaps>
class PairTable {
 public:
  struct Slot {
    PairKey<kGaps> key;
    std::int64_t count;  // 0: empty
  };

  void prefetch(std::uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[place(hash)], 1);
  }
  bool full() const { return size_ * 8 >= slots_.size() * 5; }
  std::size_t next_bytes() const { return std::max<std::size_t>(256, slots_.size() * 2) * sizeof(Slot); }
  std::size_t bytes() const { return slots_.size() * sizeof(Slot); }
  std::size_t size() const { return size_; }
  const std::vector<Slot>& slots() const { return slots_; }

  void grow(std::uint64_t salt) {
    std::vector<Slot> old(std::max<std::size_t>(256, slots_.size() * 2));
    old.swap(slots_);
    shift_ = 64 - std::countr_zero(slots_.size());
    for (const Slot& slot : old) {
      if (slot.count != 0) find(slot.key, mix(slot.key.pair, slot.key.between(), salt)) = slot;
    }
  }
  // Not when full.
  void count(const PairKey<kGaps>& key, std::uint64_t hash) {
    Slot& slot = find(key, hash);
    size_ += slot.count == 0;
    slot.key = key;
    ++slot.count;
  }

 private:
  // The highest 8 bits have chosen the bucket; the next ones choose the slot.
  std::size_t place(std::uint64_t hash) const { return static_cast<std::size_t>(hash << 8 >> shift_); }
  Slot& find(const PairKey<kGaps>& key, std::uint64_t hash) {
    for (std::size_t i = place(hash);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].count == 0 || slots_[i].key == key) return slots_[i];
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  int shift_ = 64;
};

}  // namespace fastnlp
