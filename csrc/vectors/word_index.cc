#include "vectors/word_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>

#include "support/checks.h"

namespace fastnlp {
namespace {

constexpr std::size_t kLongestProbe = 256;
constexpr std::uint64_t kSalts = 64;  // how many are tried; by chance, the first always does

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Each 8 bytes, the last ones padded with zeros, and the length in one multiplication each.
std::uint64_t hash_word(std::string_view word, std::uint64_t salt) {
  constexpr std::uint64_t kFirst = 0x9E3779B97F4A7C15u, kSecond = 0xD6E8FEB86659FD93u;
  std::uint64_t hash = mixed(salt + kFirst, kSecond ^ word.size());
  for (std::size_t at = 0; at < word.size(); at += 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, word.data() + at, std::min<std::size_t>(8, word.size() - at));
    hash = mixed(hash ^ bytes, kFirst) + kSecond;
  }
  return mixed(hash, kFirst ^ kSecond);
}

std::uint64_t tag_of(std::uint64_t hash) { return hash & 0xFFFFFFFF00000000u; }

// False where a word needs a longer probe than any may take.
bool fill(PackedWords words, std::uint64_t salt, std::span<std::uint64_t> slots) {
  const std::uint64_t mask = slots.size() - 1;
  for (std::int64_t row = 0; row < words.size(); ++row) {
    const std::string_view word = words[row];
    const std::uint64_t hash = hash_word(word, salt);
    std::size_t step = 0;
    for (; step < kLongestProbe; ++step) {
      std::uint64_t& slot = slots[(hash + step) & mask];
      if (slot == 0) {
        slot = tag_of(hash) | static_cast<std::uint64_t>(row + 1);
        break;
      }
      const auto other = static_cast<std::int64_t>(slot & 0xFFFFFFFFu) - 1;
      if (tag_of(slot) == tag_of(hash) && words[other] == word) {
        refuse("words[" + std::to_string(row) + "]", "different words",
               "the same one as in words[" + std::to_string(other) + "]");
      }
    }
    if (step == kLongestProbe) return false;
  }
  return true;
}

}  // namespace

WordIndex build_word_index(PackedWords words) {
  check_offsets("offsets", words.offsets, static_cast<std::int64_t>(words.data.size()));
  if (words.size() > 0x7FFFFFFF) refuse("words", "fewer than 2^31", std::to_string(words.size()));
  WordIndex index;
  const std::size_t slots = std::bit_ceil(2 * static_cast<std::size_t>(words.size()) + 1);
  for (; index.salt < kSalts; ++index.salt) {
    index.slots.assign(slots, 0);
    if (fill(words, index.salt, index.slots)) return index;
  }
  throw std::invalid_argument("words: expected words that can be told apart by their hash, got others");
}

IndexedWords::IndexedWords(PackedWords words, std::span<const std::uint64_t> slots, std::uint64_t salt)
    : words_(words), slots_(slots), salt_(salt) {
  if (words.offsets.empty()) refuse("offsets", "at least one", "none");
  if (!std::has_single_bit(slots.size())) {
    refuse("slots", "a power of two of them", std::to_string(slots.size()));
  }
}

std::string_view IndexedWords::word(std::int64_t row) const {
  if (row < 0 || row >= size()) {
    throw std::out_of_range("row: expected one of " + std::to_string(size()) + ", got " +
                            std::to_string(row));
  }
  const std::int64_t begin = words_.offsets[static_cast<std::size_t>(row)];
  const std::int64_t end = words_.offsets[static_cast<std::size_t>(row) + 1];
  if (begin < 0 || end < begin || end > static_cast<std::int64_t>(words_.data.size())) {
    throw std::invalid_argument("damaged words: word " + std::to_string(row) + " from byte " +
                                std::to_string(begin) + " to " + std::to_string(end) + " of " +
                                std::to_string(words_.data.size()));
  }
  return words_.data.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

std::int64_t IndexedWords::find(std::string_view wanted) const {
  const std::uint64_t hash = hash_word(wanted, salt_);
  const std::uint64_t mask = slots_.size() - 1;
  for (std::size_t step = 0; step < std::min(kLongestProbe, slots_.size()); ++step) {
    const std::uint64_t slot = slots_[(hash + step) & mask];
    if (slot == 0) return -1;
    if (tag_of(slot) != tag_of(hash)) continue;
    const auto row = static_cast<std::int64_t>(slot & 0xFFFFFFFFu) - 1;
    if (row < 0 || row >= size()) {
      throw std::invalid_argument("damaged words: slot " + std::to_string((hash + step) & mask) +
                                  " leads to row " + std::to_string(row) + " of " + std::to_string(size()));
    }
    if (word(row) == wanted) return row;
  }
  return -1;
}

}  // namespace fastnlp
