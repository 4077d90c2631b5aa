// GPT-2's pre-tokenizer, 64 bytes at a look: each class of characters becomes a word of 64 bits, and where
// pieces begin is found for all 64 places at once. What it cannot tell is left to Gpt2Pattern, with which it
// agrees: blocks that are hardly ASCII, white space beyond ASCII, pieces of more than 60 bytes, the end of a
// text.
#pragma once

#include <cstddef>
#include <cstdint>

#include "support/cpu.h"

namespace fastnlp {

using BlockBits = std::uint64_t;  // bit i says something of byte i of a block
inline constexpr std::size_t kCutBlock = 64;

// The characters of a block that are not ASCII.
struct BeyondAscii {
  BlockBits letters, numbers;  // all bytes of those that are
  BlockBits apart;             // where a piece may begin although the pattern cuts nothing
  BlockBits known;             // all bytes before the first that nothing is said of
};

// Tells of the bytes of `beyond`, in a block at p; [.., end) reaches over its end. It is asked back for, as
// it is not compiled for the processor at hand.
struct TellBeyond {
  BeyondAscii (*tell)(const void* context, const char* p, const char* end, BlockBits beyond);
  const void* context;
};

// Their classes; nothing is said from the first on that is white space or a letter of three bytes. `places`:
// between two characters of which one is told of.
BeyondAscii classes_beyond(const char* p, const char* end, BlockBits beyond, BlockBits& places);

// Cuts at p, which is a cut itself, and behind it: writes the ends of the pieces from p on, none behind
// `end`, until there are `room` of them or the next one is not plain to see. The last is a cut of the
// pattern. Writes up to kCutBlock more than `room` places, of which only those that it counts mean something.
// Gives their number.
using BlockCuts = std::size_t (*)(const char* p, const char* end, const char** cuts, std::size_t room,
                                  const TellBeyond& beyond);

#if defined(__x86_64__)
std::size_t gpt2_block_cuts_avx2(const char* p, const char* end, const char** cuts, std::size_t room,
                                 const TellBeyond& beyond);
std::size_t gpt2_block_cuts_avx512_vbmi2(const char* p, const char* end, const char** cuts, std::size_t room,
                                         const TellBeyond& beyond);
#endif

// The one that this machine runs; nullptr for none.
inline BlockCuts gpt2_block_cuts() {
#if defined(__x86_64__)
  if (runs_avx512_vbmi2()) return gpt2_block_cuts_avx512_vbmi2;
  if (runs_avx2()) return gpt2_block_cuts_avx2;
#endif
  return nullptr;
}

}  // namespace fastnlp
