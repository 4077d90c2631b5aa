// Pairs on their way from the text to the buckets that count them, in pages of 4 KiB.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/buffer.h"
#include "text/phrase_pairs.h"

namespace fastnlp {

constexpr std::size_t kPairBuckets = 256;
constexpr std::int64_t kPairPage = 4096;  // bytes

template <bool kGaps>
class PairPages {
 public:
  using Key = PairKey<kGaps>;
  static constexpr std::size_t kKeys = static_cast<std::size_t>(kPairPage) / sizeof(Key);

  // What one thread writes: the page that it is filling for each bucket, and those it has filled.
  class Writer {
    friend PairPages;
    std::array<Key*, kPairBuckets> at{}, end{};
    std::array<std::vector<std::uint32_t>, kPairBuckets> pages;
  };

  // Pages that a thread may begin while it writes so many pairs.
  static constexpr std::int64_t most_for(std::int64_t pairs) {
    return pairs / static_cast<std::int64_t>(kKeys) + static_cast<std::int64_t>(kPairBuckets);
  }

  PairPages(std::int64_t pages, int writers)
      : pages_(pages),
        pool_(static_cast<std::size_t>(pages) * kKeys),
        writers_(static_cast<std::size_t>(writers)) {}

  bool has(std::int64_t pages) const { return used_ + pages <= pages_; }
  Writer& writer(int thread) { return writers_[static_cast<std::size_t>(thread)]; }
  void put(Writer& writer, std::size_t bucket, const Key& key) {
    if (writer.at[bucket] == writer.end[bucket]) begin_page(writer, bucket);
    *writer.at[bucket]++ = key;
  }

  // take(keys, size) for each page of a bucket until it is false; whether it never was.
  template <class Take>
  bool each(std::size_t bucket, const Take& take) const {
    for (const Writer& writer : writers_) {
      const std::vector<std::uint32_t>& pages = writer.pages[bucket];
      for (std::size_t p = 0; p < pages.size(); ++p) {
        const Key* const keys = pool_.data() + std::size_t{pages[p]} * kKeys;
        const std::size_t size =
            p + 1 < pages.size() ? kKeys : static_cast<std::size_t>(writer.at[bucket] - keys);
        if (!take(keys, size)) return false;
      }
    }
    return true;
  }

  void clear() {
    for (Writer& writer : writers_) {
      writer.at.fill(nullptr);
      writer.end.fill(nullptr);
      for (auto& each : writer.pages) each.clear();
    }
    used_ = 0;
  }

 private:
  void begin_page(Writer& writer, std::size_t bucket) {
    const auto page = static_cast<std::uint32_t>(used_.fetch_add(1));
    writer.pages[bucket].push_back(page);
    writer.at[bucket] = pool_.data() + std::size_t{page} * kKeys;
    writer.end[bucket] = writer.at[bucket] + kKeys;
  }

  std::int64_t pages_;
  Buffer<Key> pool_;
  std::vector<Writer> writers_;
  std::atomic<std::int64_t> used_{0};
};

}  // namespace fastnlp
