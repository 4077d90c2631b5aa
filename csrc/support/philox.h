// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3"
// (SC 2011). Every random decision of the library is a pure function of (seed, stream, epoch, position,
// index): nothing has to be saved to resume, and any thread, process or GPU draws the same numbers.
#pragma once

#include <array>
#include <cstdint>

namespace fastnlp {

// What a number is drawn for. Part of the counter, so the streams never overlap. The values are part of the
// format: a model resumed with another version must see the same draws.
enum class Stream : std::uint32_t {
  kToken = 0,      // block 0, word 0: subsampling; word 1: window size
  kNegatives = 1,  // draw d uses words (2d, 2d + 1) of the stream: alias column, alias threshold
  kTables = 2,     // initial embeddings; position = row
  kShuffle = 3,    // permutations
  kPairs = 4,  // of sentences; position: the first token of the pair; block 0: how it is cut, 1: a random B
  kTruncation = 5,   // bit t: does the t-th token that a pair is too long go from the front
  kMasking = 6,      // word i: which token or word of a row is the i-th to be predicted
  kReplacement = 7,  // words 2i, 2i + 1: what stands in for the i-th predicted token from the left
  kRuns = 8,  // of co-occurrences: epoch 0, position of a run: its unit; 2^63 + unit: the order of its runs
  kDropout = 9,  // of merges; position: the document << 40 | the byte where the word begins
  kOrder = 10,   // of examples; see sampling/shuffled.h
};

using Block = std::array<std::uint32_t, 4>;

namespace philox {
inline constexpr std::uint32_t kMultiplier0 = 0xD2511F53u;
inline constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57u;
inline constexpr std::uint32_t kWeyl0 = 0x9E3779B9u;
inline constexpr std::uint32_t kWeyl1 = 0xBB67AE85u;
inline constexpr int kRounds = 10;

// The bare bijection: counter words c, key words k.
constexpr Block bijection(Block c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t p0 = std::uint64_t{kMultiplier0} * c[0];
    const std::uint64_t p1 = std::uint64_t{kMultiplier1} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return c;
}

// Four words of a stream. Counter layout: {position low, position high, epoch, stream << 24 | block}.
constexpr Block block(std::uint64_t seed, Stream stream, std::uint32_t epoch, std::uint64_t position,
                      std::uint32_t index) {
  return bijection({static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), epoch,
                    static_cast<std::uint32_t>(stream) << 24 | (index & 0xFFFFFFu)},
                   static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
}
}  // namespace philox

// An integer in [0, n) from one 32-bit word, by multiplication (bias below n / 2^32).
constexpr std::uint32_t below(std::uint32_t word, std::uint32_t n) {
  return static_cast<std::uint32_t>((std::uint64_t{word} * n) >> 32);
}

// The same from two words, for n up to 2^63.
constexpr std::int64_t below(std::uint32_t high, std::uint32_t low, std::int64_t n) {
  using Wide = unsigned __int128;
  const std::uint64_t fraction = std::uint64_t{high} << 32 | low;
  return static_cast<std::int64_t>((Wide{fraction} * static_cast<std::uint64_t>(n)) >> 64);
}

// A float in [0, 1) from the upper 24 bits of a word.
constexpr float unit_float(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1.0p-24f; }

// A probability as a 32-bit threshold for `accepts`; 1 and more always accept.
constexpr std::uint32_t threshold(double probability) {
  if (!(probability > 0.0)) return 0;
  if (probability >= 1.0) return 0xFFFFFFFFu;
  const auto scaled = static_cast<std::uint64_t>(probability * 0x1.0p32);
  return static_cast<std::uint32_t>(scaled < 0xFFFFFFFFu ? scaled : 0xFFFFFFFEu);
}
constexpr bool accepts(std::uint32_t limit, std::uint32_t word) {
  return word < limit || limit == 0xFFFFFFFFu;
}

// Words of one stream at one position, one after another.
class PhiloxStream {
 public:
  PhiloxStream(std::uint64_t seed, Stream stream, std::uint32_t epoch, std::uint64_t position)
      : seed_(seed), position_(position), epoch_(epoch), stream_(stream) {}

  std::uint32_t next() {
    if (used_ == 4) {
      words_ = philox::block(seed_, stream_, epoch_, position_, block_++);
      used_ = 0;
    }
    return words_[used_++];
  }

 private:
  std::uint64_t seed_;
  std::uint64_t position_;
  std::uint32_t epoch_;
  Stream stream_;
  std::uint32_t block_ = 0;
  Block words_{};
  unsigned used_ = 4;
};

}  // namespace fastnlp
