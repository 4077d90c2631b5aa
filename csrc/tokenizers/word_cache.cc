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
  constexpr std::size_t kBytes = kLines * sizeof(Line) + kLines / 8 + kSeen * sizeof *seen_;
  std::size_t room = kBytes + alignof(Line);
  memory_.reset(std::calloc(room, 1));
  if (memory_ == nullptr) throw std::bad_alloc();
  void* place = memory_.get();
  lines_ = static_cast<Line*>(std::align(alignof(Line), kBytes, place, room));
  overflowed_ = reinterpret_cast<std::uint64_t*>(lines_ + kLines);
  seen_ = reinterpret_cast<std::uint16_t*>(overflowed_ + kLines / 64);
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

const WordCache::Entry* WordCache::look_again(const Key& key) {
  const auto is = [&](const Entry& entry) { return entry.low == key.low && entry.high == key.high; };
  const std::size_t first = key.hash >> kShift;
  Entry* const entries = lines_[first].entries;
  if (is(entries[1])) {
    std::swap(entries[0], entries[1]);
    return entries;
  }
  if (key.high >> 56 > kInline) return nullptr;  // long words have no second line
  if ((overflowed_[first >> 6] >> (first & 63) & 1) == 0) return nullptr;
  for (const Entry& entry : lines_[second_line(key)].entries) {
    if (is(entry)) return &entry;
  }
  return nullptr;
}

std::uint32_t WordCache::find_in_arena(const Entry& entry, const char* data, std::size_t length,
                                       std::int32_t* ids) const {
  const std::uint32_t count = entry.count & ~kInArena;
  const std::int32_t* stored = arena_.data() + entry.ids[0];
  if (length > kInline) {
    const auto size = static_cast<std::size_t>(entry.ids[2]);
    if (size != length || std::memcmp(stored + count, data, length) != 0) return 0;
  }
  std::memcpy(ids, stored, count * sizeof *ids);
  return count;
}

void WordCache::insert(const Key& key, const char* data, std::size_t length, const std::int32_t* ids,
                       std::size_t count) {
  Entry entry{key.low, key.high, {}, static_cast<std::uint32_t>(count)};
  if (length <= kInline && count <= kInEntry) {
    std::copy_n(ids, count, entry.ids);
  } else {
    std::uint16_t& seen = seen_[key.hash & (kSeen - 1)];
    const auto mark = static_cast<std::uint16_t>(key.hash >> 20 | 1);
    if (seen != mark) {
      seen = mark;
      return;
    }
    const std::size_t bytes = length > kInline ? (length + 3) / 4 : 0;
    if (used_ + count + bytes > kArena) clear();
    if (used_ + count + bytes > arena_.size()) {
      arena_.resize(std::min(kArena, std::max(used_ + count + bytes, 2 * arena_.size())));
    }
    entry.count |= kInArena;
    entry.ids[0] = static_cast<std::int32_t>(used_);
    entry.ids[2] = static_cast<std::int32_t>(length);
    std::copy_n(ids, count, arena_.data() + used_);
    used_ += count;
    if (bytes > 0) std::memcpy(arena_.data() + used_, data, length);
    used_ += bytes;
  }
  const std::size_t first = key.hash >> kShift;
  for (const std::size_t line : {first, second_line(key)}) {
    if (line != first && (entry.count & kInArena) != 0) break;
    for (Entry& place : lines_[line].entries) {
      if (place.count != 0) continue;
      place = entry;
      if (line != first) overflowed_[first >> 6] |= std::uint64_t{1} << (first & 63);
      return;
    }
  }
  lines_[first].entries[1] = entry;
}

void WordCache::clear() {
  std::memset(static_cast<void*>(lines_), 0, kLines * sizeof(Line));
  std::memset(overflowed_, 0, kLines / 8);
  used_ = 0;
}

}  // namespace fastnlp
