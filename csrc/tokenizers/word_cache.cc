#include "tokenizers/word_cache.h"

#include <cstdlib>
#include <new>

namespace fastnlp {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

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
  // Zeroed pages come from the system when they are touched, so a short text costs little.
  memory_.reset(std::calloc(kLines + 1, sizeof(Line)));
  if (memory_ == nullptr) throw std::bad_alloc();
  void* place = memory_.get();
  std::size_t room = (kLines + 1) * sizeof(Line);
  lines_ = static_cast<Line*>(std::align(alignof(Line), kLines * sizeof(Line), place, room));
  seen_.resize(kSeen);
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
  return {low, high | std::uint64_t{0xFF} << 56, mix(low, high)};
}

std::uint32_t WordCache::find_in_arena(const Entry& entry, const char* data, std::size_t length,
                                       std::int32_t* ids) const {
  const std::int32_t* stored = arena_.data() + entry.ids[0];
  if (length > kInline) {
    const auto size = static_cast<std::size_t>(entry.ids[2]);
    if (size != length || std::memcmp(stored + entry.count, data, length) != 0) return 0;
  }
  std::memcpy(ids, stored, entry.count * sizeof *ids);
  return entry.count;
}

void WordCache::insert(const Key& key, const char* data, std::size_t length, const std::int32_t* ids,
                       std::size_t count) {
  Entry entry{key.low, key.high, {}, static_cast<std::uint32_t>(count)};
  if (length <= kInline && count <= kInEntry) {
    std::copy_n(ids, count, entry.ids);
  } else {
    std::uint32_t& seen = seen_[key.hash & (kSeen - 1)];
    const auto tag = static_cast<std::uint32_t>(key.hash >> 16) | 1u;
    if (seen != tag) {
      seen = tag;
      return;
    }
    const std::size_t bytes = length > kInline ? (length + 3) / 4 : 0;
    if (arena_.size() + count + bytes > kArena) clear();
    entry.ids[0] = static_cast<std::int32_t>(arena_.size());
    entry.ids[2] = static_cast<std::int32_t>(length);
    arena_.insert(arena_.end(), ids, ids + count);
    if (bytes > 0) {
      arena_.resize(arena_.size() + bytes);
      std::memcpy(arena_.data() + arena_.size() - bytes, data, length);
    }
  }
  Line& line = lines_[key.hash >> kShift];
  line.entries[line.entries[0].count == 0 ? 0 : 1] = entry;
}

void WordCache::clear() {
  std::memset(static_cast<void*>(lines_), 0, kLines * sizeof(Line));
  arena_.clear();
}

}  // namespace fastnlp
