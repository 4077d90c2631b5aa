#include "tokenizers/block_cuts.h"

#include <bit>

#include "tokenizers/characters.h"

namespace fastnlp {

BeyondAscii classes_beyond(const char* p, const char* end, BlockBits beyond, BlockBits& places) {
  BeyondAscii found{0, 0, 0, ~BlockBits{0}};
  places = 0;
  const auto all_if = [](bool is) { return BlockBits{0} - static_cast<BlockBits>(is); };
  while (beyond != 0) {
    const int at = std::countr_zero(beyond);
    const Character c = beyond_ascii(p + at, end);
    // White space is cut by characters, not by bytes; letters of three bytes are encoded by themselves.
    if ((c.classes & kSpace) != 0 || (c.length == 3 && (c.classes & kLetter) != 0)) {
      found.known = (BlockBits{1} << at) - 1;
      break;
    }
    const BlockBits bytes = ((BlockBits{1} << c.length) - 1) << at;
    found.letters |= bytes & all_if((c.classes & kLetter) != 0);
    found.numbers |= bytes & all_if((c.classes & kNumber) != 0);
    places |= BlockBits{1} << at | (bytes << 1 & ~bytes);
    beyond &= ~bytes;
  }
  return found;
}

}  // namespace fastnlp
