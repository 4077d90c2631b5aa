// How far a window reaches inside a sentence: one bit a token says where sentences begin.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace fastnlp {

class SentenceBounds {
 public:
  // Tokens are counted from `first` on; at least one token before every one that is asked about by `before`,
  // or its whole window, must be there.
  void reset(std::int64_t tokens) { bits_.assign(static_cast<std::size_t>(tokens / 64) + 2, 0); }
  void begins_at(std::int64_t token) {
    bits_[static_cast<std::size_t>(token / 64)] |= std::uint64_t{1} << (token % 64);
  }

  // Tokens of the same sentence before `token`, `window` at most.
  std::int64_t before(std::int64_t token, std::int64_t window) const {
    auto word = static_cast<std::size_t>(token / 64);
    std::uint64_t bits = bits_[word] << (63 - token % 64);
    std::int64_t seen = 0;  // tokens between `token` and the top of `bits`
    for (std::int64_t in_word = token % 64 + 1; bits == 0; in_word = 64) {
      seen += in_word;
      if (seen >= window || word == 0) return window;
      bits = bits_[--word];
    }
    return std::min<std::int64_t>(window, seen + std::countl_zero(bits));
  }

  // Tokens of the same sentence after `token`, `window` at most.
  std::int64_t after(std::int64_t token, std::int64_t window) const {
    auto word = static_cast<std::size_t>((token + 1) / 64);
    std::uint64_t bits = bits_[word] >> ((token + 1) % 64);
    std::int64_t seen = 0;
    for (std::int64_t in_word = 64 - (token + 1) % 64; bits == 0; in_word = 64) {
      seen += in_word;
      if (seen >= window || word + 1 == bits_.size()) return window;
      bits = bits_[++word];
    }
    return std::min<std::int64_t>(window, seen + std::countr_zero(bits));
  }

 private:
  std::vector<std::uint64_t> bits_;
};

}  // namespace fastnlp
