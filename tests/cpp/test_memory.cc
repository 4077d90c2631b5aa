#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "support/growing_memory.h"

namespace {

using Numbers = fastnlp::GrowingMemory<std::int32_t>;

constexpr std::size_t kMegabyte = std::size_t{1} << 18;  // numbers

void fill(Numbers& numbers, std::size_t from, int seed) {
  for (std::size_t i = from; i < numbers.size(); ++i) numbers.data()[i] = static_cast<std::int32_t>(i) * seed;
}

bool holds(const Numbers& numbers, std::size_t size, int seed) {
  for (std::size_t i = 0; i < size; ++i) {
    if (numbers.data()[i] != static_cast<std::int32_t>(i) * seed) return false;
  }
  return numbers.size() >= size;
}

}  // namespace

TEST(memory_keeps_what_is_in_it_however_it_grows) {
  for (int turn = 1; turn < 4; ++turn) {  // later turns get what the ones before have left
    Numbers numbers;
    std::size_t before = 0;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kMegabyte - 1, kMegabyte, 5 * kMegabyte}) {
      numbers.resize(size);
      CHECK(numbers.size() == size && holds(numbers, before, turn));
      fill(numbers, before, turn);
      before = size;
    }
    numbers.resize(3 * kMegabyte);
    Numbers moved = std::move(numbers);
    CHECK(holds(moved, 3 * kMegabyte, turn));
    moved.resize(7);
    CHECK(holds(moved, 7, turn));
  }
}

TEST(a_large_block_is_kept_for_the_next_and_a_huge_or_small_one_is_not) {
  std::vector<fastnlp::MemoryBlock> others;
  for (auto block = fastnlp::take_spare_memory(); block.data; block = fastnlp::take_spare_memory()) {
    others.push_back(block);
  }
  const auto kept_of = [](std::size_t size) {
    {
      const Numbers numbers(size);
    }
    const fastnlp::MemoryBlock block = fastnlp::take_spare_memory();
    std::free(block.data);
    return block.bytes / sizeof(std::int32_t);
  };
  CHECK(kept_of(kMegabyte - 1) == 0);
  CHECK(kept_of(kMegabyte) == kMegabyte);
  CHECK(kept_of(64 * kMegabyte) == 64 * kMegabyte);
  CHECK(kept_of(64 * kMegabyte + 1) == 0);
  {
    std::vector<Numbers> many;
    for (std::size_t i = 0; i < fastnlp::kSpareBlocks + 2; ++i) many.emplace_back(kMegabyte);
  }
  std::size_t kept = 0;
  for (auto block = fastnlp::take_spare_memory(); block.data; block = fastnlp::take_spare_memory(), ++kept) {
    std::free(block.data);
  }
  CHECK(kept == fastnlp::kSpareBlocks);
  for (const fastnlp::MemoryBlock block : others) fastnlp::keep_spare_memory(block);
}

TEST(threads_never_share_a_spare_block) {
  std::vector<std::thread> threads;
  std::vector<char> right(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&right, t] {
      bool good = true;
      for (int turn = 0; turn < 20; ++turn) {
        Numbers numbers(kMegabyte + static_cast<std::size_t>(turn));
        fill(numbers, 0, t + 1);
        good = good && holds(numbers, numbers.size(), t + 1);
      }
      right[static_cast<std::size_t>(t)] = good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const char good : right) CHECK(good);
}

TEST(a_spare_block_belongs_to_the_next_from_the_moment_it_is_kept) {
  const auto keep = [](std::size_t bytes) { fastnlp::keep_spare_memory({std::malloc(bytes), bytes}); };
  const auto drop_all = [] {
    while (void* const data = fastnlp::take_spare_memory().data) std::free(data);
  };
  drop_all();
  std::atomic<bool> kept = false;  // orders nothing else, so the thread sanitizer sees who still reads
  std::thread keeper([&] {
    keep(fastnlp::kLeastSpare);
    keep(2 * fastnlp::kLeastSpare);
    kept.store(true, std::memory_order_relaxed);
  });
  while (!kept.load(std::memory_order_relaxed)) std::this_thread::yield();
  const fastnlp::MemoryBlock block = fastnlp::take_spare_memory();
  CHECK(block.bytes == 2 * fastnlp::kLeastSpare);
  std::free(block.data);
  keeper.join();
  drop_all();
}
