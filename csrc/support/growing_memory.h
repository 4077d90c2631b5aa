// Memory of trivial elements that grows by realloc: what is large is moved by the system page by page, not
// copied, and what is not touched costs nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "support/spare_memory.h"

namespace fastnlp {

template <class T>
class GrowingMemory {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= alignof(std::max_align_t));

 public:
  GrowingMemory() = default;
  explicit GrowingMemory(std::size_t size) { resize(size); }
  GrowingMemory(GrowingMemory&& other) noexcept
      : block_(std::exchange(other.block_, {})), size_(std::exchange(other.size_, 0)) {}
  GrowingMemory& operator=(GrowingMemory&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~GrowingMemory() { keep_spare_memory(block_); }

  T* data() const { return static_cast<T*>(block_.data); }
  std::size_t size() const { return size_; }

  // Keeps the elements up to the smaller of both sizes; new ones are not initialized.
  void resize(std::size_t size) {
    if (size > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_alloc();
    const std::size_t bytes = std::max<std::size_t>(1, size * sizeof(T));
    if (bytes >= kLeastSpare && block_.bytes < kLeastSpare) move_to_spare_memory();
    if (bytes > block_.bytes || size < size_) {
      void* const moved = std::realloc(block_.data, bytes);
      if (moved == nullptr) throw std::bad_alloc();
      block_ = {moved, bytes};
    }
    size_ = size;
  }

 private:
  void move_to_spare_memory() {
    const MemoryBlock spare = take_spare_memory();
    if (spare.data == nullptr) return;
    if (size_ != 0) std::memcpy(spare.data, block_.data, size_ * sizeof(T));
    std::free(block_.data);
    block_ = spare;
  }

  MemoryBlock block_;
  std::size_t size_ = 0;
};

}  // namespace fastnlp
