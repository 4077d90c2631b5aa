// Where threads meet between short phases of their work.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace fastnlp {

// Like std::barrier, which sends a thread to sleep after a microsecond or two and lets it wake for tens of
// them. Here one that waits looks for the others for about as long first, less and less where that is in
// vain because they have no core to run on.
class MeetingPoint {
 public:
  explicit MeetingPoint(int threads) : threads_(threads) {}

  // How often a thread looks before it sleeps; each has its own.
  class Patience {
    friend MeetingPoint;
    int looks_ = kMostLooks;
  };

  // Returns when all threads have called it; the last of them calls `done` before, which must not throw.
  template <class Done>
  void meet(Patience& patience, const Done& done) {
    const std::uint32_t now = meetings_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      arrived_.store(0, std::memory_order_relaxed);
      done();
      meetings_.store(now + 1, std::memory_order_release);
      meetings_.notify_all();
      return;
    }
    for (int look = 0; look < patience.looks_; ++look) {
      if (meetings_.load(std::memory_order_acquire) != now) {
        patience.looks_ = std::min(patience.looks_ + patience.looks_ / 4 + 1, kMostLooks);
        return;
      }
      pause();
    }
    patience.looks_ /= 2;
    meetings_.wait(now, std::memory_order_acquire);
  }

 private:
  static constexpr int kMostLooks = 2'000;

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  const int threads_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> meetings_{0};
};

}  // namespace fastnlp
