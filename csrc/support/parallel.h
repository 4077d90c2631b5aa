// Loops over blocks on std::thread. Threads live only as long as the call, so a process that forks between
// calls is safe; results must not depend on which thread takes a block.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace fastnlp {

// Bytes from what one thread writes all the time to what another does: two cache lines, as processors fetch
// the neighbour of a line with it.
inline constexpr std::size_t kApart = 128;

// threads <= 0 asks for one thread a core.
inline int thread_count(int threads) {
  return threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// work(t) for each t of [0, threads), each on a thread of its own. The first exception is thrown after all
// have ended.
template <class Work>
void on_threads(int threads, const Work& work) {
  std::exception_ptr failure;
  std::mutex failing;
  const auto guarded = [&](int t) {
    try {
      work(t);
    } catch (...) {
      const std::lock_guard lock(failing);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::jthread> helpers;  // joined on every way out
  for (int t = 1; t < threads; ++t) helpers.emplace_back(guarded, t);
  guarded(0);
  helpers.clear();
  if (failure) std::rethrow_exception(failure);
}

// work(i, t) for each i of [0, total): whichever thread t is free takes the next i. What the system starts no
// thread for, the others do. The first exception of any i is thrown after all threads have ended.
template <class Work>
void take_turns(std::int64_t total, int threads, const Work& work) {
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  const auto turns = [&](int t) {
    for (std::int64_t i = next.fetch_add(1); i < total; i = next.fetch_add(1)) {
      try {
        work(i, t);
      } catch (...) {
        const std::lock_guard lock(failing);
        if (!failure) failure = std::current_exception();
        next = total;
      }
    }
  };
  std::vector<std::jthread> helpers;  // joined on every way out
  const auto wanted = static_cast<int>(std::min<std::int64_t>(thread_count(threads), total));
  try {
    for (int t = 1; t < wanted; ++t) helpers.emplace_back(turns, t);
  } catch (const std::system_error&) {
  }
  turns(0);
  helpers.clear();
  if (failure) std::rethrow_exception(failure);
}

// body(block, begin, end) for each block of `size` indices of [0, total), in any order and in parallel. The
// first exception of any block is thrown after all threads have ended.
template <class Body>
void for_each_block(std::int64_t total, std::int64_t size, int threads, const Body& body) {
  take_turns((total + size - 1) / size, threads, [&](std::int64_t block, int) {
    body(block, block * size, std::min(total, (block + 1) * size));
  });
}

}  // namespace fastnlp
