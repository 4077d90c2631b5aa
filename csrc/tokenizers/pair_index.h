// Pairs of neighbouring symbols: number, count, and the places where they begin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastnlp {

using PairKey = std::uint64_t;

inline PairKey pair_key(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

// From keys to numbers, by linear probing.
class PairTable {
 public:
  static constexpr std::uint32_t kMissing = 0xFFFFFFFFu;

  PairTable() { clear(); }

  void clear() {
    slots_.assign(kFirstSlots, Slot{0, kMissing});
    size_ = 0;
    shift_ = 64 - kFirstBits;
  }

  void prefetch(PairKey key) const { __builtin_prefetch(&slots_[place(key)]); }

  std::uint32_t find(PairKey key) const {
    for (std::size_t i = place(key);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].number == kMissing || slots_[i].key == key) return slots_[i].number;
    }
  }

  // The number of the key, which becomes `number` where it had none.
  std::uint32_t insert(PairKey key, std::uint32_t number) {
    if ((size_ + 1) * 3 > slots_.size() * 2) grow();
    for (std::size_t i = place(key);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].number == kMissing) {
        slots_[i] = {key, number};
        ++size_;
        return number;
      }
      if (slots_[i].key == key) return slots_[i].number;
    }
  }

 private:
  static constexpr int kFirstBits = 12;
  static constexpr std::size_t kFirstSlots = std::size_t{1} << kFirstBits;

  struct Slot {
    PairKey key;
    std::uint32_t number;
  };

  std::size_t place(PairKey key) const {
    const std::uint64_t mixed = (key ^ key >> 29) * 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>((mixed ^ mixed >> 32) * 0xBF58476D1CE4E5B9u >> shift_);
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2, Slot{0, kMissing});
    old.swap(slots_);
    --shift_;
    for (const Slot& slot : old) {
      if (slot.number == kMissing) continue;
      std::size_t i = place(slot.key);
      while (slots_[i].number != kMissing) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  int shift_ = 0;
};

}  // namespace fastnlp
