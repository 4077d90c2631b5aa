// The tokens and merges of a byte-pair encoding, checked once and laid out for look-ups.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/merge_table.h"
#include "tokenizers/shown.h"

namespace fastnlp {

struct BpeSettings {
  bool characters = false;          // the smallest symbols are characters, not bytes
  std::string end_of_word;          // ends each word; empty for none
  bool mark_is_symbol = false;      // the mark is a symbol of its own, not part of the last character's
  std::int32_t unknown = kNoToken;  // stands for a character that has no token
  bool byte_fallback = false;       // ... unless its bytes are written with the tokens <0x00> to <0xFF>
  bool fuse_unknown = false;        // neighbouring unknown characters give one token
  bool whole_words = false;         // a word that is a token is that token, whatever the merges say
  bool shared_ranks = false;  // neighbouring merges into one token are equal, so the leftmost goes first
};

class BpeModel {
 public:
  // tokens: data[offsets[i]:offsets[i + 1]]. merges: left and right part of each, in the order of preference;
  // merged: what it makes, which must be the two parts put together. special: tokens that text never becomes,
  // which alone may be empty: their numbers are not given out.
  BpeModel(std::string data, std::vector<std::int64_t> offsets, std::span<const std::int32_t> merges,
           std::span<const std::int32_t> merged, std::span<const std::int32_t> special, BpeSettings settings);

  const BpeSettings& settings() const { return settings_; }
  std::int32_t size() const { return static_cast<std::int32_t>(offsets_.size() - 1); }
  std::string_view token(std::int32_t id) const {
    const auto i = static_cast<std::size_t>(id);
    return {data_.data() + offsets_[i], static_cast<std::size_t>(offsets_[i + 1] - offsets_[i])};
  }

  // What a token stands for in a decoded text: of <0x00> to <0xFF> the byte, where those are in use.
  std::string_view spelling(std::int32_t id) const {
    if (fallback_.empty() || fallback_[static_cast<std::size_t>(id)] < 0) return token(id);
    return {&kBytes[static_cast<std::size_t>(fallback_[static_cast<std::size_t>(id)])], 1};
  }

  // The merges, by what they merge.
  const MergeTable& pairs() const { return pairs_; }
  // The place of the merge of two tokens in the order of preference, or kNoRank.
  std::uint32_t rank(std::int32_t left, std::int32_t right) const { return pairs_.find(left, right).rank; }
  RankedToken byte_pair(unsigned char first, unsigned char second) const {
    return byte_pairs_[static_cast<std::size_t>(first) << 8 | second];
  }
  std::uint32_t byte_rank(unsigned char first, unsigned char second) const {
    return byte_pair(first, second).rank;
  }
  std::int32_t merged(std::uint32_t rank) const { return merged_[rank]; }
  std::size_t merges() const { return merged_.size(); }

  std::int32_t byte_token(unsigned char byte) const { return bytes_[byte]; }
  // Whether a merge may reach over the place before bytes[at], 0 < at < size: whether some merge makes a
  // token that has the bytes around there where they stand. Beyond ASCII three bytes are asked for, by a
  // filter that may say yes too often.
  bool may_join(const unsigned char* bytes, std::size_t at, std::size_t size) const {
    const std::uint8_t uses = pair_uses(bytes + at - 1);
    if (uses == 0) return false;
    if (((bytes[at - 1] | bytes[at]) & 0x80) == 0) return true;
    return ((uses & kBegins) || (at >= 2 && triple(bytes + at - 2))) &&
           ((uses & kEnds) || (at + 1 < size && triple(bytes + at - 1)));
  }
  // The same for a place with two bytes on either side, whatever words they are of, in two steps: most places
  // need the first alone.
  bool joins_pair(const unsigned char* at) const { return pair_uses(at - 1) != 0; }
  bool joins_triples(const unsigned char* at) const {
    const std::uint8_t uses = pair_uses(at - 1);
    return (((uses & kBegins) != 0) | triple(at - 2)) & (((uses & kEnds) != 0) | triple(at - 1));
  }
  // The same for the place between two characters of three bytes in UTF-8, by the last two bytes of the one
  // and the first two of the other: bit b of wide_begins(a) and bit a of wide_ends(b), where a byte is known
  // by its lower bits.
  std::uint16_t wide_begins(std::uint32_t last_two) const { return wide_begins_[last_two]; }
  std::uint64_t wide_ends(std::uint32_t first_two) const { return wide_ends_[first_two]; }
  // The token of a character, with the end-of-word mark behind it where that is part of the symbol.
  std::int32_t character_token(std::string_view character, bool last) const;
  // The token with these bytes, special ones aside, or kNoToken.
  std::int32_t find(std::string_view bytes) const;
  std::size_t longest() const { return longest_; }

  // How many of the smallest symbols a token is made of.
  std::int32_t symbols(std::int32_t id) const { return symbols_[static_cast<std::size_t>(id)]; }
  std::int32_t mark() const { return mark_; }

 private:
  static bool bit(const std::vector<std::uint64_t>& bits, std::size_t i) {
    return bits[i >> 6] >> (i & 63) & 1;
  }
  static std::size_t triple_bit(const unsigned char* bytes) {
    const std::uint32_t triple =
        static_cast<std::uint32_t>(bytes[0]) << 16 | static_cast<std::uint32_t>(bytes[1]) << 8 | bytes[2];
    return triple * 0x9E3779B1u >> 13;
  }
  bool triple(const unsigned char* bytes) const { return bit(triples_, triple_bit(bytes)); }
  static std::size_t pair_place(const unsigned char* bytes) {
    return static_cast<std::size_t>(bytes[1]) << 8 | bytes[0];  // one load, where byte 0 is the low end
  }
  std::uint8_t pair_uses(const unsigned char* bytes) const { return pair_uses_[pair_place(bytes)]; }
  void index_joints(std::string_view token);
  void index_wide_joints();
  void index_tokens(std::span<const std::int32_t> special);
  void index_symbols();
  void index_merges(std::span<const std::int32_t> merges, std::span<const std::int32_t> merged);
  void count_characters(std::span<const std::int32_t> merges, std::span<const std::int32_t> merged);

  std::string data_;
  std::vector<std::int64_t> offsets_;
  BpeSettings settings_;
  MergeTable pairs_;
  std::vector<std::int32_t> merged_;
  std::vector<RankedToken> byte_pairs_;
  // Of the tokens that merges make: where two bytes stand side by side in them, and which three do.
  enum PairUse : std::uint8_t { kInside = 1, kBegins = 2, kEnds = 4 };
  std::vector<std::uint8_t> pair_uses_;
  std::vector<std::uint64_t> triples_;
  std::vector<std::uint16_t> wide_begins_;
  std::vector<std::uint64_t> wide_ends_;
  std::vector<std::int32_t> table_;  // of tokens by their bytes
  std::vector<std::int32_t> symbols_;
  std::vector<std::int16_t> fallback_;  // the byte of each token that stands for one, or -1
  static const std::array<char, 256> kBytes;
  std::array<std::int32_t, 256> bytes_{};
  std::array<std::array<std::int32_t, 128>, 2> ascii_{};
  std::size_t table_mask_ = 0;
  std::size_t longest_ = 0;
  std::int32_t mark_ = kNoToken;
};

}  // namespace fastnlp
