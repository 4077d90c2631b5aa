// The keys of WordCache, of one word and of many at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "support/cpu.h"

namespace fastnlp {

// Words of up to kKeyInline bytes are their own keys: their bytes, zeros, and the length in the last byte.
inline constexpr std::size_t kKeyInline = 15;

inline constexpr std::uint64_t kKeyFactor = 0x9E3779B97F4A7C15u, kHashFactor = 0xD6E8FEB86659FD93u;

// The upper bits of a hash are better than the lower ones.
inline std::uint64_t hash_of_key(std::uint64_t low, std::uint64_t high) {
  const std::uint64_t mixed = low * kKeyFactor + high;
  return (mixed ^ mixed >> 32) * kHashFactor;
}

struct CacheKey {
  std::uint64_t low, high, hash;
};

// Room for the keys of `Most` words.
template <std::size_t Most>
struct CacheKeys {
  alignas(64) std::uint64_t low[Most];
  alignas(64) std::uint64_t high[Most];
  alignas(64) std::uint64_t hash[Most];

  CacheKey at(std::size_t i) const { return {low[i], high[i], hash[i]}; }
  void set(std::size_t i, const CacheKey& key) {
    low[i] = key.low;
    high[i] = key.high;
    hash[i] = key.hash;
  }
};

// Where the parts of keys are to be written: aligned to 64 bytes, with room for a multiple of 8.
struct KeyPlaces {
  std::uint64_t *low, *high, *hash;
};

// Makes the keys of n words of which the i-th is [bounds[i], bounds[i + 1]), as far as they are their own
// keys and 16 bytes before `limit` may be read from where they begin. The others are left to the caller: a
// bit for each in `others`, which has one for all of n. Reads up to 8 bounds more.
using MakeKeys = void (*)(const char* const* bounds, std::size_t n, const char* limit, KeyPlaces keys,
                          std::uint64_t* others);

#if defined(__x86_64__)
void make_keys_avx512(const char* const* bounds, std::size_t n, const char* limit, KeyPlaces keys,
                      std::uint64_t* others);
#endif

// The one that this machine runs; nullptr for none.
inline MakeKeys make_keys() {
#if defined(__x86_64__)
  if (runs_avx512()) return make_keys_avx512;
#endif
  return nullptr;
}

}  // namespace fastnlp
