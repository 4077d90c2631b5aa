// Memory of trivial elements that grows by realloc: what is large is moved by the system page by page, not
// copied, and what is not touched costs nothing.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace fastnlp {

template <class T>
class GrowingMemory {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  GrowingMemory() = default;
  explicit GrowingMemory(std::size_t size) { resize(size); }

  T* data() const { return memory_.get(); }
  std::size_t size() const { return size_; }

  // Keeps the elements up to the smaller of both sizes; new ones are not initialized.
  void resize(std::size_t size) {
    if (size > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_alloc();
    // A size of 0 would give the memory back and leave a pointer to it.
    void* const moved = std::realloc(memory_.get(), size == 0 ? 1 : size * sizeof(T));
    if (moved == nullptr) throw std::bad_alloc();
    static_cast<void>(memory_.release());
    memory_.reset(static_cast<T*>(moved));
    size_ = size;
  }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T, Free> memory_;
  std::size_t size_ = 0;
};

}  // namespace fastnlp
