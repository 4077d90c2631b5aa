// Large blocks of malloc that are kept for the next who needs one. The system gives memory page by page, as
// it is touched, which for results as large as a text's ids is a sixth of the time that encoding takes.
#pragma once

#include <cstddef>

namespace fastnlp {

struct MemoryBlock {
  void* data = nullptr;
  std::size_t bytes = 0;
};

constexpr std::size_t kLeastSpare = std::size_t{1} << 20;
constexpr std::size_t kMostSpare = std::size_t{64} << 20;  // of each block
constexpr std::size_t kSpareBlocks = 4;

// A block that was kept, or none. The caller frees or keeps it.
MemoryBlock take_spare_memory();

// Keeps a block of malloc if its size is within the limits and there is room, or frees it. The system may
// take the pages of kept blocks back whenever it is short of memory, but for the largest one: to mark its
// pages, and to have them written again, is a twentieth of the time that encoding takes.
void keep_spare_memory(MemoryBlock block);

}  // namespace fastnlp
