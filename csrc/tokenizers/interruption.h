// How work on several threads is stopped in the middle of a long word: the thread that called asks whether it
// should be, and all look for the answer.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace fastnlp {

class Interruption {
 public:
  struct Stopped {};

  // asked: whether to stop; called by the thread that makes this, by no other. May be empty.
  Interruption(std::function<bool()> asked, std::size_t helpers)
      : asked_(std::move(asked)), caller_(std::this_thread::get_id()), helpers_(helpers) {}

  // Throws Stopped where the work should end.
  void look() {
    if (asked_ && std::this_thread::get_id() == caller_ && asked_()) stopped_ = true;
    if (stopped_) throw Stopped{};
  }

  // Looks once in kSteps calls.
  void count() {
    thread_local std::size_t steps = 0;
    if ((++steps & (kSteps - 1)) == 0) look();
  }

  void helper_ends() {
    {
      const std::lock_guard lock(mutex_);
      --helpers_;
    }
    ended_.notify_one();
  }

  // For the thread that called: it has no work left, but goes on asking.
  void wait_for_helpers() {
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, std::chrono::milliseconds(20), [&] { return helpers_ == 0; })) {
      lock.unlock();
      look();
      lock.lock();
    }
  }

 private:
  static constexpr std::size_t kSteps = std::size_t{1} << 18;  // some milliseconds

  std::function<bool()> asked_;
  std::thread::id caller_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t helpers_;
};

// For one that goes along a word: looks once in a stretch of bytes.
class Lookout {
 public:
  static constexpr std::size_t kStretch = std::size_t{1} << 18;

  explicit Lookout(Interruption* interruption) : interruption_(interruption) {}

  void reached(std::size_t bytes) {
    if (bytes < next_) return;
    next_ = bytes + kStretch;
    if (interruption_ != nullptr) interruption_->look();
  }

 private:
  Interruption* interruption_;
  std::size_t next_ = kStretch;
};

}  // namespace fastnlp
