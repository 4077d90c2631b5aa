#include "text/word_table.h"

#include <bit>
#include <cstdlib>
#include <new>

#include "support/checks.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace fastnlp {
namespace {

constexpr std::size_t kFirstSlots = std::size_t{1} << 12;
static_assert(kFirstSlots % WordTable::kParts == 0);
constexpr std::size_t kHugePage = std::size_t{1} << 21;

// Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".
std::uint64_t split_mix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

std::uint64_t load(const char* data, std::size_t bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, data, bytes);
  return word;
}

}  // namespace

WordTable::WordTable(std::uint64_t salt)
    : slots_(allocate(kFirstSlots)), mask_(kFirstSlots - 1), shift_(64 - std::countr_zero(kFirstSlots)) {
  for (std::uint64_t& word : salts_) word = split_mix(salt);
}

void WordTable::Free::operator()(Slot* slots) const { std::free(slots); }

std::unique_ptr<WordTable::Slot[], WordTable::Free> WordTable::allocate(std::size_t slots) {
  const std::size_t bytes = slots * sizeof(Slot);
  void* memory = std::aligned_alloc(bytes >= kHugePage ? kHugePage : 64, bytes);
  if (memory == nullptr) throw std::bad_alloc();
#ifdef __linux__
  if (bytes >= kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  std::memset(memory, 0, bytes);
  return std::unique_ptr<Slot[], Free>(static_cast<Slot*>(memory));
}

WordKey WordTable::key(const char* data, std::uint32_t length) const {
  if (length > kInlineBytes) return {0, 0, hash_long(data, length), data, length};
  const std::uint64_t low = load(data, length < 8 ? length : 8);
  const std::uint64_t high = length > 8 ? load(data + 8, length - 8) : 0;
  return {low, high, hash_inline(low, high, length), data, length};
}

std::uint64_t WordTable::hash_long(const char* data, std::size_t length) const {
  std::uint64_t hash = salts_[2] ^ length;
  std::size_t at = 0;
  for (; at + 16 <= length; at += 16) {
    hash = multiply(load(data + at, 8) ^ salts_[0] ^ hash, load(data + at + 8, 8) ^ salts_[1]);
  }
  // The last 16 bytes again, whole or in part: cheaper than a case for every remainder.
  return multiply(load(data + length - 16, 8) ^ salts_[1] ^ hash, load(data + length - 8, 8) ^ salts_[2]);
}

std::uint32_t WordTable::insert(std::size_t at, const WordKey& key, std::int64_t position,
                                std::int64_t times) {
  if (first_.size() >= 0x7FFFFFFFu) refuse("text", "fewer than 2^31 distinct words", "more");
  if ((first_.size() + 1) * 8 > (mask_ + 1) * 5) {
    grow();
    at = key.hash >> shift_;
    while (slots_[at].length != 0) at = (at + 1) & mask_;
  }
  const auto id = static_cast<std::uint32_t>(first_.size());
  first_.push_back(position);
  if (key.length <= kInlineBytes) {
    slots_[at] = {key.low, key.high, times, key.length, id};
  } else {
    slots_[at] = {arena_.size(), key.hash, times, key.length, id};
    arena_.append(key.data, key.length);
  }
  return id;
}

void WordTable::grow() {
  const std::size_t old_slots = mask_ + 1;
  auto larger = allocate(old_slots * 2);
  const std::size_t mask = old_slots * 2 - 1;
  const int shift = shift_ - 1;
  for (std::size_t i = 0; i < old_slots; ++i) {
    const Slot& slot = slots_[i];
    if (slot.length == 0) continue;
    std::size_t at = hash_of(slot) >> shift;
    while (larger[at].length != 0) at = (at + 1) & mask;
    larger[at] = slot;
  }
  slots_ = std::move(larger);
  mask_ = mask;
  shift_ = shift;
}

std::vector<std::uint64_t> WordTable::order() const {
  std::vector<std::uint64_t> slots(first_.size());
  for (std::size_t i = 0; i <= mask_; ++i) {
    if (slots_[i].length != 0) slots[slots_[i].id] = i;
  }
  return slots;
}

WordTable::Entry WordTable::entry(std::uint64_t at) const {
  const Slot& slot = slots_[at];
  if (slot.length > kInlineBytes) {
    return {{0, 0, slot.high, arena_.data() + slot.low, slot.length}, slot.count, slot.id};
  }
  static_assert(offsetof(Slot, high) == offsetof(Slot, low) + 8, "an inline word lies in one piece");
  return {{slot.low, slot.high, hash_inline(slot.low, slot.high, slot.length),
           reinterpret_cast<const char*>(&slot), slot.length},
          slot.count,
          slot.id};
}

}  // namespace fastnlp
