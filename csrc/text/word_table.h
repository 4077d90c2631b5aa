// Words and their counts in a flat table: linear probing over 32-byte slots, words of up to 16 bytes inside
// the slot, longer ones in one arena. A look-up of a short word touches one cache line, which the caller can
// prefetch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fastnlp {

inline constexpr std::size_t kInlineBytes = 16;

// A word ready to be looked up. `low` and `high` hold the bytes of a word that fits, padded with zeros.
struct WordKey {
  std::uint64_t low;
  std::uint64_t high;
  std::uint64_t hash;
  const char* data;
  std::uint32_t length;
};

class WordTable {
 public:
  // The salt is secret to the caller, so that nobody can write a text whose words collide.
  explicit WordTable(std::uint64_t salt);

  std::uint64_t hash_inline(std::uint64_t low, std::uint64_t high, std::uint32_t length) const {
    return multiply(low ^ salts_[0], high ^ salts_[1] ^ (length * 0x9E3779B97F4A7C15u));
  }
  WordKey key(const char* data, std::uint32_t length) const;

  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash >> shift_], 1); }
  void prefetch_slot(std::uint64_t slot) const { __builtin_prefetch(&slots_[slot]); }

  // Adds `times` to the word's count and gives its id: 0, 1, 2, ... in the order of first appearance.
  // `position` is kept when the word is new; positions never fall from call to call.
  std::uint32_t count(const WordKey& key, std::int64_t position, std::int64_t times = 1) {
    for (std::size_t i = key.hash >> shift_;; i = (i + 1) & mask_) {
      Slot& slot = slots_[i];
      if (slot.length == 0) return insert(i, key, position, times);
      if (holds(slot, key)) {
        slot.count += times;
        return slot.id;
      }
    }
  }

  std::size_t size() const { return first_.size(); }
  std::int64_t first_position(std::size_t id) const { return first_[id]; }

  // The id of a word; -1 where it is not in the table.
  std::int64_t find(const WordKey& key) const {
    for (std::size_t i = key.hash >> shift_;; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.length == 0) return -1;
      if (holds(slot, key)) return slot.id;
    }
  }

  struct Entry {
    WordKey key;
    std::int64_t count;
    std::uint32_t id;
  };
  // The slot of each id, in the order of ids; valid until the next `count`.
  std::vector<std::uint64_t> order() const;
  // The word in a slot; its hash is recomputed for a table with the same salt.
  Entry entry(std::uint64_t slot) const;

  // Tables of the same salt have a word in the same one of kParts parts.
  static constexpr std::uint64_t kParts = std::uint64_t{1} << 10;
  // f(slot) for each word of a part, in no order; slots are valid until the next `count`.
  template <class F>
  void for_each_slot(std::uint64_t part, const F& f) const {
    const std::uint64_t begin = part * ((mask_ + 1) / kParts);
    const std::uint64_t end = begin + (mask_ + 1) / kParts;
    // Words that found their places taken lie behind the part, up to the first empty slot.
    for (std::uint64_t i = begin;; ++i) {
      const Slot& slot = slots_[i & mask_];
      if (slot.length == 0) {
        if (i >= end) return;
        continue;
      }
      const std::uint64_t home = hash_of(slot) >> shift_;
      if (home >= begin && home < end) f(i & mask_);
    }
  }

 private:
  struct Slot {
    std::uint64_t low;   // the first 8 bytes, or the place in the arena
    std::uint64_t high;  // the next 8 bytes, or the hash
    std::int64_t count;
    std::uint32_t length;  // 0: empty
    std::uint32_t id;
  };
  struct Free {
    void operator()(Slot* slots) const;
  };

  static std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::unique_ptr<Slot[], Free> allocate(std::size_t slots);
  std::uint64_t hash_long(const char* data, std::size_t length) const;
  std::uint64_t hash_of(const Slot& slot) const {
    return slot.length <= kInlineBytes ? hash_inline(slot.low, slot.high, slot.length) : slot.high;
  }
  bool holds(const Slot& slot, const WordKey& key) const {
    if (slot.length != key.length) return false;
    if (key.length <= kInlineBytes) return slot.low == key.low && slot.high == key.high;
    return slot.high == key.hash && std::memcmp(arena_.data() + slot.low, key.data, key.length) == 0;
  }
  std::uint32_t insert(std::size_t slot, const WordKey& key, std::int64_t position, std::int64_t times);
  void grow();

  std::unique_ptr<Slot[], Free> slots_;
  std::size_t mask_;
  int shift_;
  std::vector<std::int64_t> first_;
  std::string arena_;
  std::uint64_t salts_[3];
};

}  // namespace fastnlp
