// The ids of words met before, in a table that grows up to a bound: two entries a cache line, the one that
// was found last in front. Words of up to 15 bytes are their own keys; of longer ones, and of words of more
// than three tokens, the rest stands in an arena, and once that is half full, they enter when they come a
// second time. A word whose line is full replaces the other entry, but one that needs no arena goes to a
// second line where there is room. When the arena is full, everything is forgotten.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "support/growing_memory.h"
#include "tokenizers/word_keys.h"

namespace fastnlp {

class WordCache {
 public:
  static constexpr std::size_t kLongest = 64;  // bytes of a word that is kept
  static constexpr std::size_t kInline = kKeyInline;
  static constexpr std::uint32_t kInEntry = 3;  // ids that stand in the entry itself
  static constexpr std::size_t kSpare = 16;     // ids that `find` may write behind those of a word

  using Key = CacheKey;

  WordCache();

  // `readable`: how many bytes from `data` on may be read.
  static Key key(const char* data, std::size_t length, std::size_t readable) {
    if (length > kInline) return long_key(data, length);
    std::uint64_t low = 0, high = 0;
    if (readable >= 16) {
      std::memcpy(&low, data, 8);
      std::memcpy(&high, data + 8, 8);
      low &= kMasks[length];
      high &= kMasks[16 + length];
    } else {
      char padded[16] = {};
      std::memcpy(padded, data, length);
      std::memcpy(&low, padded, 8);
      std::memcpy(&high, padded + 8, 8);
    }
    high |= static_cast<std::uint64_t>(length) << 56;
    return {low, high, hash_of_key(low, high)};
  }

  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&lines_[hash >> shift_], 1); }

  // Writes the ids of a word and gives their number, 0 where it is not known. Up to kSpare ids more may be
  // written.
  std::uint32_t find(const Key& key, const char* data, std::size_t length, std::int32_t* ids) {
    const Entry& front = lines_[key.hash >> shift_].entries[0];
    if (front.low == key.low && front.high == key.high) [[likely]]
      return front.copy(ids);
    return look_again(key, data, length, ids);
  }

  void insert(const Key& key, const char* data, std::size_t length, const std::int32_t* ids,
              std::size_t count);
  void clear();

 private:
  // The room of a thread: 256 KiB of lines at first and 16 MiB in the end, and up to 4 MiB of arena.
  static constexpr int kFirstBits = 12;
  static constexpr int kGrowth = 3;  // bits more, each time
  static constexpr int kLastBits = 18;
  static constexpr std::size_t kArena = std::size_t{1} << 20;
  static constexpr std::size_t kSeen = std::size_t{1} << 15;
  // In `high` of an entry whose ids are in the arena, so that it is equal to no key.
  static constexpr std::uint64_t kInArena = std::uint64_t{1} << 63;

  struct alignas(32) Entry {
    std::uint64_t low, high;
    // Up to kInEntry ids, or the place of the ids in the arena, their number and the length of the word; and
    // last the number of ids here, 0 in an empty entry.
    std::int32_t values[kInEntry + 1];

    std::uint32_t copy(std::int32_t* ids) const {
      std::memcpy(ids, values, sizeof values);
      return static_cast<std::uint32_t>(values[kInEntry]);
    }
    bool empty() const { return values[kInEntry] == 0; }
    bool is(const Key& key) const { return low == key.low && (high & ~kInArena) == key.high; }
  };
  struct alignas(64) Line {
    Entry entries[2];
  };

  static std::uint64_t mix(std::uint64_t low, std::uint64_t high) {
    const auto product =
        static_cast<unsigned __int128>(low ^ 0x9E3779B97F4A7C15u) * (high ^ 0xD6E8FEB86659FD93u);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static Key long_key(const char* data, std::size_t length);
  std::size_t second_line(std::uint64_t hash) const { return hash * 0x9E3779B97F4A7C15u >> shift_; }
  std::uint32_t look_again(const Key& key, const char* data, std::size_t length, std::int32_t* ids);
  std::uint32_t read(const Entry& entry, const char* data, std::size_t length, std::int32_t* ids) const;
  void place(const Entry& entry, std::uint64_t hash);
  void allocate(int bits);
  void grow();

  static const std::uint64_t kMasks[32];

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  Line* lines_;
  std::size_t count_ = 0;  // of lines
  int shift_ = 0;
  std::size_t entries_ = 0;                    // that were placed since the table has this size
  std::uint64_t* overflowed_;                  // a bit for each line: its words may be in their second one
  std::unique_ptr<std::uint16_t, Free> seen_;  // marks of words that came once
  GrowingMemory<std::int32_t> arena_;
  std::size_t used_ = 0;  // of the arena
};

}  // namespace fastnlp
