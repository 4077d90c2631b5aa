// Character n-grams of a word between '<' and '>' (Bojanowski et al. 2017, arXiv:1607.04606), and the hash
// that fastText puts them into buckets with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastnlp {

// Lengths in code points. max_n = 0 stands for no n-grams at all.
struct NgramRule {
  int min_n = 3;
  int max_n = 6;
};
constexpr int kLongestNgram = 64;  // so that the work is linear in the length of a word

// Lengths from 1 to kLongestNgram in rising order, or max_n = 0; anything else is a std::invalid_argument.
void check_ngram_rule(NgramRule rule);

// FNV-1a over signed bytes: a byte from 0x80 on flips the upper 24 bits as well. fastText's models need it
// so.
constexpr std::uint32_t kFnvStart = 2166136261u;
constexpr std::uint32_t fnv_step(std::uint32_t hash, char c) {
  return (hash ^ static_cast<std::uint32_t>(static_cast<std::int8_t>(c))) * 16777619u;
}
constexpr std::uint32_t fasttext_hash(std::string_view text) {
  std::uint32_t hash = kFnvStart;
  for (const char c : text) hash = fnv_step(hash, c);
  return hash;
}

// The end of a line in fastText's vocabularies: a word without n-grams.
inline constexpr std::string_view kEndOfSentence = "</s>";

// A word between its marks, into a string that is used again and again.
inline void mark_word(std::string& marked, std::string_view word) {
  marked.clear();
  marked.push_back('<');
  marked.append(word);
  marked.push_back('>');
}

// f(begin, end, hash) for each n-gram of `marked`, a word with its '<' and '>', by start and then by length.
// A code point is a byte and the continuation bytes after it, so broken UTF-8 is cut as fastText cuts it. '<'
// and '>' alone are no n-grams.
template <class F>
void for_each_ngram(std::string_view marked, NgramRule rule, F f) {
  const auto continues = [&](std::size_t i) {
    return i < marked.size() && (static_cast<unsigned char>(marked[i]) & 0xC0) == 0x80;
  };
  for (std::size_t begin = 0; begin < marked.size(); ++begin) {
    if (continues(begin)) continue;
    std::uint32_t hash = kFnvStart;
    std::size_t end = begin;
    for (int n = 1; n <= rule.max_n && end < marked.size(); ++n) {
      do hash = fnv_step(hash, marked[end++]);
      while (continues(end));
      const bool mark_alone = n == 1 && (begin == 0 || end == marked.size());
      if (n >= rule.min_n && !mark_alone) f(begin, end, hash);
    }
  }
}

}  // namespace fastnlp
