#include "sampling/subwords.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <unordered_map>

#include "support/checks.h"
#include "support/parallel.h"

namespace fastnlp {
namespace {

constexpr std::int64_t kWordsAtOnce = 1024;

void check_words(PackedWords words) {
  check_offsets("offsets", words.offsets, static_cast<std::int64_t>(words.data.size()));
}

}  // namespace

Subwords hashed_ngrams(PackedWords words, NgramRule rule, std::int64_t buckets, int threads) {
  check_words(words);
  check_ngram_rule(rule);
  if (buckets < 1 || buckets > std::numeric_limits<std::int32_t>::max()) {
    refuse("buckets", "1 to 2^31 - 1", std::to_string(buckets));
  }
  Subwords out;
  out.offsets.resize(words.offsets.size());
  std::fill(out.offsets.begin(), out.offsets.end(), 0);
  const auto walk = [&](std::string& marked, std::int64_t i, auto f) {
    if (words[i] == kEndOfSentence) return;
    mark_word(marked, words[i]);
    for_each_ngram(marked, rule, f);
  };
  for_each_block(words.size(), kWordsAtOnce, threads, [&](auto, std::int64_t begin, std::int64_t end) {
    std::string marked;
    for (std::int64_t i = begin; i < end; ++i) {
      std::int64_t count = 0;
      walk(marked, i, [&](std::size_t, std::size_t, std::uint32_t) { ++count; });
      out.offsets[static_cast<std::size_t>(i) + 1] = count;
    }
  });
  for (std::size_t i = 1; i < out.offsets.size(); ++i) out.offsets[i] += out.offsets[i - 1];
  out.ids.resize(static_cast<std::size_t>(out.offsets.back()));
  const auto size = static_cast<std::uint32_t>(buckets);
  for_each_block(words.size(), kWordsAtOnce, threads, [&](auto, std::int64_t begin, std::int64_t end) {
    std::string marked;
    for (std::int64_t i = begin; i < end; ++i) {
      auto at = static_cast<std::size_t>(out.offsets[static_cast<std::size_t>(i)]);
      walk(marked, i, [&](std::size_t, std::size_t, std::uint32_t hash) {
        out.ids[at++] = static_cast<std::int32_t>(hash % size);
      });
    }
  });
  return out;
}

NgramVocabulary ngram_vocabulary(PackedWords words, NgramRule rule) {
  check_words(words);
  check_ngram_rule(rule);
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> numbers;
  NgramVocabulary out;
  out.offsets.push_back(0);
  out.word_offsets.push_back(0);
  const auto number = [&](std::string_view ngram) {
    const auto found = numbers.find(ngram);
    if (found != numbers.end()) return found->second;
    if (numbers.size() == std::numeric_limits<std::int32_t>::max()) {
      refuse("words", "fewer than 2^31 different n-grams", "more");
    }
    const auto next = static_cast<std::int32_t>(numbers.size());
    numbers.emplace(ngram, next);
    out.data.append(ngram);
    out.offsets.push_back(static_cast<std::int64_t>(out.data.size()));
    return next;
  };
  std::string marked;
  std::vector<std::int64_t> last_word;  // the word that each n-gram was last met in
  for (std::int64_t i = 0; i < words.size(); ++i) {
    mark_word(marked, words[i]);
    const std::string_view whole = marked;
    const auto add = [&](std::string_view ngram) {
      const auto id = static_cast<std::size_t>(number(ngram));
      if (id == last_word.size()) last_word.push_back(-1);
      if (last_word[id] != i) out.ids.push_back(static_cast<std::int32_t>(id));
      last_word[id] = i;
    };
    for_each_ngram(whole, rule, [&](std::size_t begin, std::size_t end, std::uint32_t) {
      if (end - begin < whole.size()) add(whole.substr(begin, end - begin));
    });
    add(whole);
    out.word_offsets.push_back(static_cast<std::int64_t>(out.ids.size()));
  }
  return out;
}

}  // namespace fastnlp
