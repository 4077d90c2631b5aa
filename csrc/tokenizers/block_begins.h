// What the kernels of block_cuts.h share: from the classes of 64 bytes to the places where pieces begin. A
// kernel hands over a type of its own, so that none runs what was compiled for another one's processor.
#pragma once

#include "tokenizers/block_cuts.h"
#include "tokenizers/contractions.h"

namespace fastnlp {

struct BlockClasses {
  BlockBits letters, numbers, blanks, spaces;  // blanks: ' '; spaces: these too
  BlockBits beyond;                            // not ASCII
  BlockBits quotes;                            // '
};

// Where pieces begin among the 64 bytes at p, where one does; byte 0 is left out.
template <class Kernel>
BlockBits block_begins(const char* p, const char* end, const TellBeyond& beyond) {
  constexpr int kMostBeyond = 54;  // bytes of a block; where there are more, runs are long
  BlockClasses c = Kernel::classes_of(p);
  BlockBits known = ~BlockBits{0}, apart = 0;
  if (c.beyond != 0) {
    if (__builtin_popcountll(c.beyond) > kMostBeyond) {
      known = (c.beyond & (0 - c.beyond)) - 1;
    } else {
      const BeyondAscii found = beyond.tell(beyond.context, p, end, c.beyond);
      c.letters |= found.letters;
      c.numbers |= found.numbers;
      known = found.known;
      apart = found.apart;
    }
  }
  const BlockBits others = ~(c.letters | c.numbers | c.spaces);
  const BlockBits first =
      (c.letters & ~(c.letters << 1)) | (c.numbers & ~(c.numbers << 1)) | (others & ~(others << 1));
  // A run of white space begins a piece, and its last character another, which a blank shares with what
  // follows.
  BlockBits found = (first & ~(c.blanks << 1)) | (c.spaces & ~((c.spaces << 1) & (c.spaces >> 1)));
  for (BlockBits quotes = (found | 1) & c.quotes & ~BlockBits{0} >> 3; quotes != 0; quotes &= quotes - 1) {
    const int at = __builtin_ctzll(quotes);
    const int length = contraction(p[at + 1], p[at + 2]);
    if (length == 0) continue;
    found = (found & ~(BlockBits{2} << at)) | BlockBits{1} << (at + length - 1) << 1;
  }
  // A place is known when its neighbours are. An apostrophe may look three bytes ahead.
  found &= known >> 1 & ~BlockBits{0} >> 3 & ~BlockBits{1};
  // The last one is the pattern's own, as the next block begins there.
  return found == 0 ? 0 : found | (apart & ~BlockBits{0} >> __builtin_clzll(found));
}

}  // namespace fastnlp
