// The merge of two tokens in one look: a perfect hash table (Belazzougui, Botelho and Dietzfelbinger 2009,
// "Hash, displace, and compress"). A pair is of a bucket, whose displacement sends all of its pairs to slots
// that nobody else has, so one slot has the answer, and nothing is compared twice or waited for in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fastnlp {

inline constexpr std::uint32_t kNoRank = 0xFFFFFFFFu;
inline constexpr std::int32_t kNoToken = -1;

// The place of a merge in the order of preference and what it makes; of tokens that do not merge kNoRank.
struct RankedToken {
  std::uint32_t rank = kNoRank;
  std::int32_t token = kNoToken;
};

class MergeTable {
  struct alignas(16) Slot {
    std::uint64_t key = ~std::uint64_t{0};
    RankedToken merge;
  };

 public:
  MergeTable() : MergeTable({}, {}) {}
  // pairs: left and right token of each merge, all of them distinct.
  MergeTable(std::span<const std::int32_t> pairs, std::span<const RankedToken> merges);

  // A look-up whose answer is on its way. Where a side is kNoToken, the answer is no, from a slot that is
  // asked for often.
  struct Look {
    std::uint64_t key;
    const Slot* slot;
  };
  Look ask(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = key_of(left, right);
    const std::uint64_t mixed = mix(key ^ salt_) & ~static_cast<std::uint64_t>((left | right) >> 31);
    const Slot* const slot = &slots_[place(mixed, displacements_[mixed >> bucket_shift_])];
    __builtin_prefetch(slot);
    return {key, slot};
  }
  static RankedToken answer(const Look& look) {
    // Half of the answers are no, so no branch is made of it.
    const std::uint64_t no = look.slot->key == look.key ? 0 : ~std::uint64_t{0};
    const RankedToken& merge = look.slot->merge;
    return {merge.rank | static_cast<std::uint32_t>(no), merge.token | static_cast<std::int32_t>(no)};
  }
  RankedToken find(std::int32_t left, std::int32_t right) const { return answer(ask(left, right)); }

  static std::uint64_t hash(std::int32_t left, std::int32_t right) { return mix(key_of(left, right)); }

 private:
  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }
  // One to one, so that pairs are told apart by it.
  static std::uint64_t mix(std::uint64_t key) {
    const std::uint64_t mixed = (key ^ key >> 29) * 0x9E3779B97F4A7C15u;
    return (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93u;
  }
  std::size_t place(std::uint64_t hash, std::uint64_t displacement) const {
    return static_cast<std::size_t>((hash ^ displacement) * 0xC2B2AE3D27D4EB4Fu >> slot_shift_);
  }
  bool fill(std::span<const std::int32_t> pairs, std::span<const RankedToken> merges, std::size_t slots);

  std::vector<Slot> slots_;
  std::vector<std::uint8_t> displacements_;
  std::uint64_t salt_ = 0;
  int bucket_shift_ = 0;
  int slot_shift_ = 0;
};

}  // namespace fastnlp
