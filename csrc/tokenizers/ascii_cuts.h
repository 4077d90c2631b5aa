// GPT-2's pre-tokenizer over text that is ASCII, 64 bytes at a look: each class of characters becomes a word
// of 64 bits, and where pieces begin is found for all 64 places at once. What it cannot tell is left to
// Gpt2Pattern, with which it agrees: characters beyond ASCII and what stands beside them, pieces of more than
// 60 bytes, the end of a text.
#pragma once

#include <cstddef>

#include "support/cpu.h"

namespace fastnlp {

// Cuts at p, which is a cut itself, and behind it: writes the ends of the pieces from p on, none behind
// `end`, until there are `room` of them or the next one is not plain to see. Writes up to kAsciiBlock more
// than `room` places, of which only those that it counts mean something. Gives their number.
using AsciiCuts = std::size_t (*)(const char* p, const char* end, const char** cuts, std::size_t room);
inline constexpr std::size_t kAsciiBlock = 64;

#if defined(__x86_64__)
std::size_t gpt2_ascii_cuts_avx2(const char* p, const char* end, const char** cuts, std::size_t room);
#endif

// The one that this machine runs; nullptr for none.
inline AsciiCuts gpt2_ascii_cuts() {
#if defined(__x86_64__)
  if (runs_avx2()) return gpt2_ascii_cuts_avx2;
#endif
  return nullptr;
}

}  // namespace fastnlp
