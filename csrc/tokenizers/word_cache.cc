#include "tokenizers/word_cache.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <new>
#include <span>
#include <utility>

namespace fastnlp {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::size_t kHugePage = std::size_t{1} << 21;

constexpr std::uint64_t first_bytes(std::size_t n) { return n >= 8 ? kAll : (std::uint64_t{1} << 8 * n) - 1; }

std::uint64_t load(const char* data, std::size_t n) {
  std::uint64_t value = 0;
  std::memcpy(&value, data, n);
  return value;
}

}  // namespace

static_assert(sizeof(void*) == 8, "keys are loaded as 64-bit words");

const std::uint64_t WordCache::kMasks[32] = {first_bytes(0),
                                             first_bytes(1),
                                             first_bytes(2),
                                             first_bytes(3),
                                             first_bytes(4),
                                             first_bytes(5),
                                             first_bytes(6),
                                             first_bytes(7),
                                             kAll,
                                             kAll,
                                             kAll,
                                             kAll,
                                             kAll,
                                             kAll,
                                             kAll,
                                             kAll,
                                             0,
                                             0,
                                             0,
                                             0,
                                             0,
                                             0,
                                             0,
                                             0,
                                             0,
                                             first_bytes(1),
                                             first_bytes(2),
                                             first_bytes(3),
                                             first_bytes(4),
                                             first_bytes(5),
                                             first_bytes(6),
                                             first_bytes(7)};

WordCache::WordCache() {
  seen_.reset(static_cast<std::uint16_t*>(std::calloc(kSeen, sizeof(std::uint16_t))));
  if (seen_ == nullptr) throw std::bad_alloc();
  allocate(kFirstBits);
}

// Zeroed pages come from the system when they are touched; those of a large table as large ones.
void WordCache::allocate(int bits) {
  const std::size_t lines = std::size_t{1} << bits;
  const std::size_t bytes = lines * sizeof(Line) + lines / 8;
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : alignof(Line);
  std::size_t room = bytes + alignment;
  std::unique_ptr<void, Free> memory(std::calloc(room, 1));
  if (memory == nullptr) throw std::bad_alloc();
  void* begin = memory.get();
  lines_ = static_cast<Line*>(std::align(alignment, bytes, begin, room));
#ifdef __linux__
  if (bytes >= kHugePage) madvise(lines_, lines * sizeof(Line), MADV_HUGEPAGE);
#endif
  overflowed_ = reinterpret_cast<std::uint64_t*>(lines_ + lines);
  count_ = lines;
  shift_ = 64 - bits;
  entries_ = 0;
  memory_ = std::move(memory);
}

void WordCache::grow() {
  const std::unique_ptr<void, Free> before(std::move(memory_));
  const std::span<const Line> lines(lines_, count_);
  allocate(64 - shift_ + kGrowth);
  for (const Line& line : lines) {
    for (const Entry& entry : {line.entries[0], line.entries[1]}) {
      if (!entry.empty()) place(entry, hash_of_key(entry.low, entry.high & ~kInArena));
    }
  }
}

WordCache::Key WordCache::long_key(const char* data, std::size_t length) {
  std::uint64_t low = length, high = 0x8EBC6AF09C88C6E3u;
  std::size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    const std::uint64_t word = load(data + i, 8);
    low = mix(low ^ word, high);
    high = (high ^ word) * 0x589965CC75374CC3u;
  }
  low = mix(low ^ load(data + i, length - i), high);
  high = (high & kAll >> 8) | std::uint64_t{0x7F} << 56;
  return {low, high, hash_of_key(low, high)};
}

std::uint32_t WordCache::look_again(const Key& key, const char* data, std::size_t length, std::int32_t* ids) {
  const std::size_t first = key.hash >> shift_;
  Entry* const entries = lines_[first].entries;
  if (entries[0].is(key)) return read(entries[0], data, length, ids);
  if (entries[1].is(key)) {
    std::swap(entries[0], entries[1]);
    return read(entries[0], data, length, ids);
  }
  if (length > kInline) return 0;  // long words have no second line
  if ((overflowed_[first >> 6] >> (first & 63) & 1) == 0) return 0;
  for (const Entry& entry : lines_[second_line(key.hash)].entries) {
    if (entry.is(key)) return read(entry, data, length, ids);
  }
  return 0;
}

std::uint32_t WordCache::read(const Entry& entry, const char* data, std::size_t length,
                              std::int32_t* ids) const {
  if ((entry.high & kInArena) == 0) return entry.copy(ids);
  const auto count = static_cast<std::uint32_t>(entry.values[1]);
  const std::int32_t* stored = arena_.data() + entry.values[0];
  if (length > kInline) {
    const auto size = static_cast<std::size_t>(entry.values[2]);
    if (size != length || std::memcmp(stored + count, data, length) != 0) return 0;
  }
  std::memcpy(ids, stored, count * sizeof *ids);
  return count;
}

void WordCache::insert(const Key& key, const char* data, std::size_t length, const std::int32_t* ids,
                       std::size_t count) {
  Entry entry{key.low, key.high, {}};
  if (length <= kInline && count <= kInEntry) {
    std::copy_n(ids, count, entry.values);
    entry.values[kInEntry] = static_cast<std::int32_t>(count);
  } else {
    std::uint16_t& seen = seen_.get()[key.hash & (kSeen - 1)];
    const auto mark = static_cast<std::uint16_t>(key.hash >> 20 | 1);
    if (used_ > kArena / 2 && seen != mark) {
      seen = mark;
      return;
    }
    const std::size_t bytes = length > kInline ? (length + 3) / 4 : 0;
    if (used_ + count + bytes > kArena) clear();
    if (used_ + count + bytes > arena_.size()) {
      arena_.resize(std::min(kArena, std::max(used_ + count + bytes, 2 * arena_.size())));
    }
    entry.high |= kInArena;
    entry.values[0] = static_cast<std::int32_t>(used_);
    entry.values[1] = static_cast<std::int32_t>(count);
    entry.values[2] = static_cast<std::int32_t>(length);
    entry.values[kInEntry] = 1;
    std::copy_n(ids, count, arena_.data() + used_);
    used_ += count;
    if (bytes > 0) std::memcpy(arena_.data() + used_, data, length);
    used_ += bytes;
  }
  if (entries_ >= count_ && shift_ > 64 - kLastBits) grow();
  place(entry, key.hash);
}

void WordCache::place(const Entry& entry, std::uint64_t hash) {
  ++entries_;
  const std::size_t first = hash >> shift_;
  for (const std::size_t line : {first, second_line(hash)}) {
    if (line != first && (entry.high & kInArena) != 0) break;
    for (Entry& found : lines_[line].entries) {
      if (!found.empty()) continue;
      found = entry;
      if (line != first) overflowed_[first >> 6] |= std::uint64_t{1} << (first & 63);
      return;
    }
  }
  lines_[first].entries[1] = entry;
}

void WordCache::clear() {
  std::memset(static_cast<void*>(lines_), 0, count_ * sizeof(Line));
  std::memset(overflowed_, 0, count_ / 8);
  entries_ = 0;
  used_ = 0;
}

}  // namespace fastnlp
