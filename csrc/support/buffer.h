// A std::vector whose `Buffer<T>(n)` leaves trivial elements uninitialised: results that are written once, by
// several threads, are not first cleared by one.
#pragma once

#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace fastnlp {

template <class T>
struct UninitializedAllocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = UninitializedAllocator<U>;
  };
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
