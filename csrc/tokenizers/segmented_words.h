// Distinct words as symbols that grow together, one place for each symbol that a word began with, and a place
// without a symbol before and after each word.
//
// A symbol of length L lies on L places. Its first and its last hold its id, those between hold nothing, so
// both neighbours of a symbol are found without links: the next begins L places on, the last place of the one
// before lies next to it. Where a symbol began that has become part of a longer one, there is another id now
// or none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/checks.h"

namespace fastnlp {

class SegmentedWords {
 public:
  static constexpr std::int32_t kNone = -1;  // between words
  static constexpr std::int32_t kInside = -2;
  static constexpr std::uint64_t kMostPlaces = 0xFFFFFFF0u;

  void reserve(std::uint64_t places) {
    check(places);
    places_.reserve(places);
  }

  // Symbols of length 1, or kNone where no pair may form.
  void begin_word(std::int64_t count) {
    if (places_.empty()) places_.push_back({kNone, 0});
    constexpr std::uint32_t kMany = 0x80000000u;
    if (count < static_cast<std::int64_t>(kMany)) {
      count_ = static_cast<std::uint32_t>(count);
    } else {
      count_ = kMany | static_cast<std::uint32_t>(large_counts_.size());
      large_counts_.push_back(count);
    }
  }
  void add_symbol(std::int32_t symbol) { places_.push_back({symbol, count_}); }
  void end_word() {
    places_.push_back({kNone, 0});
    check(places_.size());
  }

  std::uint32_t size() const { return static_cast<std::uint32_t>(places_.size()); }
  std::int32_t symbol(std::uint32_t place) const { return places_[place].symbol; }
  std::int64_t count(std::uint32_t place) const {
    const std::uint32_t count = places_[place].count;
    return count < 0x80000000u ? count : large_counts_[count & 0x7FFFFFFFu];
  }
  void prefetch(std::uint32_t place) const { __builtin_prefetch(&places_[place], 1); }

  // Makes one symbol of two neighbours, which begin at `left` and at `right`.
  void join(std::uint32_t left, std::uint32_t right, std::uint32_t right_length, std::int32_t symbol) {
    places_[right - 1].symbol = kInside;
    places_[right].symbol = kInside;
    places_[left].symbol = symbol;
    places_[right + right_length - 1].symbol = symbol;
  }

 private:
  struct Place {
    std::int32_t symbol;
    std::uint32_t count;  // of the word; from 2^31 on, where it stands in large_counts_
  };

  static void check(std::uint64_t places) {
    if (places > kMostPlaces) {
      refuse("text", "distinct words of fewer than 2^32 symbols in all",
             std::to_string(places) + "; cut the text into shorter pieces, or train on a part of it");
    }
  }

  std::vector<Place> places_;
  std::vector<std::int64_t> large_counts_;
  std::uint32_t count_ = 0;
};

}  // namespace fastnlp
