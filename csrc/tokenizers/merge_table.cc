#include "tokenizers/merge_table.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace fastnlp {
namespace {

constexpr std::size_t kFewestSlots = 64;
constexpr std::size_t kSlotsOfBucket = 4;
constexpr std::uint64_t kDisplacements = 1 << 8;

}  // namespace

MergeTable::MergeTable(std::span<const std::int32_t> pairs, std::span<const RankedToken> merges) {
  // At most four fifths full. Should a bucket find no free slots, as with pairs that somebody chose for that,
  // other buckets and more room.
  std::size_t slots = std::bit_ceil(std::max(kFewestSlots, merges.size() + merges.size() / 4));
  for (; !fill(pairs, merges, slots); slots *= 2) salt_ = salt_ * 0xD1342543DE82EF95u + 1;
}

// False where a bucket finds no free slots.
bool MergeTable::fill(std::span<const std::int32_t> pairs, std::span<const RankedToken> merges,
                      std::size_t slots) {
  const std::size_t buckets = slots / kSlotsOfBucket;
  slot_shift_ = 64 - std::countr_zero(slots);
  bucket_shift_ = 64 - std::countr_zero(buckets);
  slots_.assign(slots, {});
  displacements_.assign(buckets, 0);

  // Pairs by bucket, and buckets by size, as large ones find room while there is much of it.
  std::vector<std::uint64_t> hashes(merges.size());
  std::vector<std::uint32_t> begins(buckets + 1), order(merges.size()), by_size(buckets);
  for (std::size_t k = 0; k < merges.size(); ++k) {
    hashes[k] = mix(key_of(pairs[2 * k], pairs[2 * k + 1]) ^ salt_);
    ++begins[(hashes[k] >> bucket_shift_) + 1];
  }
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  std::vector<std::uint32_t> ends(begins.begin(), begins.end() - 1);
  for (std::size_t k = 0; k < merges.size(); ++k) {
    order[ends[hashes[k] >> bucket_shift_]++] = static_cast<std::uint32_t>(k);
  }
  std::iota(by_size.begin(), by_size.end(), 0u);
  std::stable_sort(by_size.begin(), by_size.end(), [&](std::uint32_t a, std::uint32_t b) {
    return begins[a + 1] - begins[a] > begins[b + 1] - begins[b];
  });

  for (const std::uint32_t bucket : by_size) {
    const std::span<const std::uint32_t> members(order.data() + begins[bucket],
                                                 order.data() + begins[bucket + 1]);
    if (members.empty()) break;
    std::uint64_t displacement = 0;
    std::size_t placed = 0;
    while (placed < members.size()) {
      if (displacement == kDisplacements) return false;
      for (placed = 0; placed < members.size(); ++placed) {
        const std::uint32_t k = members[placed];
        Slot& slot = slots_[place(hashes[k], displacement)];
        if (slot.merge.token != kNoToken) break;
        slot = {key_of(pairs[2 * k], pairs[2 * k + 1]), merges[k]};
      }
      if (placed == members.size()) break;
      for (const std::uint32_t k : members.first(placed)) slots_[place(hashes[k], displacement)] = {};
      ++displacement;
    }
    displacements_[bucket] = static_cast<std::uint8_t>(displacement);
  }
  return true;
}

}  // namespace fastnlp
