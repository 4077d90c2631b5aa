// A std::vector whose `Buffer<T>(n)` leaves trivial elements uninitialised: results that are written once, by
// several threads, are not first cleared by one. Long ones lie on huge pages where the system has them:
// getting pages of 4 KiB takes longer than filling them.
#pragma once

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace fastnlp {

// Asks for huge pages in the part of a region that they fit into.
inline void advise_huge_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef __linux__
  constexpr std::size_t kHugePage = std::size_t{1} << 21;
  const std::size_t skipped = (kHugePage - reinterpret_cast<std::uintptr_t>(memory) % kHugePage) % kHugePage;
  if (bytes < skipped + kHugePage) return;
  // A system without them refuses, and nothing is lost.
  madvise(static_cast<char*>(memory) + skipped, (bytes - skipped) / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
}

template <class T>
struct UninitializedAllocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = UninitializedAllocator<U>;
  };
  T* allocate(std::size_t n) {
    T* const memory = std::allocator<T>::allocate(n);
    advise_huge_pages(memory, n * sizeof(T));
    return memory;
  }
  template <class U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

template <class T>
using Buffer = std::vector<T, UninitializedAllocator<T>>;

}  // namespace fastnlp
