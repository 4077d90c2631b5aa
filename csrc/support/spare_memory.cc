#include "support/spare_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace fastnlp {
namespace {

// Each place holds a block, whose first word is its size, or none; the first place the largest.
// No lock: a process may be forked at any time.
std::array<std::atomic<std::size_t*>, kSpareBlocks> spare;

// Tells the system that it may have the whole pages behind the first word back.
bool give_back(MemoryBlock block) {
#ifdef MADV_FREE
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(block.data);
  const std::uintptr_t from = (begin + sizeof(std::size_t) + page - 1) / page * page;
  const std::uintptr_t to = (begin + block.bytes) / page * page;
  return from < to && madvise(reinterpret_cast<void*>(from), to - from, MADV_FREE) == 0;
#else
  static_cast<void>(block);
  return false;
#endif
}

}  // namespace

MemoryBlock take_spare_memory() {
  for (auto& place : spare) {
    if (std::size_t* const block = place.exchange(nullptr)) return {block, *block};
  }
  return {};
}

void keep_spare_memory(MemoryBlock block) {
  if (block.bytes < kLeastSpare || block.bytes > kMostSpare) {
    std::free(block.data);
    return;
  }
  auto* const kept = static_cast<std::size_t*>(block.data);
  *kept = block.bytes;
  std::size_t* smaller = spare[0].exchange(kept);  // from here on another thread may have `kept`
  if (smaller != nullptr && *smaller > block.bytes) smaller = spare[0].exchange(smaller);
  if (smaller == nullptr) return;
  if (give_back({smaller, *smaller})) {
    for (auto& place : spare) {
      std::size_t* none = nullptr;
      if (place.compare_exchange_strong(none, smaller)) return;
    }
  }
  std::free(smaller);
}

}  // namespace fastnlp
