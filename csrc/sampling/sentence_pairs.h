// Pairs of stretches of sentences, the second one following the first or drawn at random: what BERT learns
// next-sentence prediction from (Devlin et al. 2019, appendix A.2).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fastnlp {

// Where sentences begin (in tokens) and documents (in sentences); none of them is empty.
struct Bounds {
  std::span<const std::int64_t> sentences;  // (S + 1,)
  std::span<const std::int64_t> documents;  // (D + 1,)

  std::int64_t count() const { return static_cast<std::int64_t>(documents.size()) - 1; }
};

// Throws unless the offsets rise, from 0 to the end of what they divide.
void check_bounds(const Bounds& bounds, std::int64_t tokens);

struct PairRules {
  std::int64_t room = 0;           // tokens of both together: max_len without [CLS] and two [SEP]
  bool packed = true;              // else each sentence meets its neighbour, as in the book
  bool other_document = true;      // a random B is not of A's document; else any document's
  bool drop_long = false;          // pairs that are too long are left out; else `truncated`
  std::uint32_t short_limit = 0;   // how likely a packed pair aims at a random length (`threshold`)
  std::uint32_t random_limit = 0;  // how likely B is random
};

// Two stretches of tokens.
struct Pair {
  std::int64_t a = 0, b_coded = 0;          // first tokens
  std::int32_t a_tokens = 0, b_tokens = 0;  // 2^31 - 1 at most

  bool is_next() const { return b_coded >= 0; }
  std::int64_t b() const { return is_next() ? b_coded : ~b_coded; }
  std::int64_t tokens() const { return std::int64_t{a_tokens} + b_tokens; }
};
static_assert(sizeof(Pair) == 24);

constexpr std::int64_t kDocumentsAtOnce = 512;

// How many pairs the documents before each block of kDocumentsAtOnce give in an epoch, and last all of them.
std::vector<std::int64_t> count_pairs(const Bounds& bounds, const PairRules& rules, std::uint64_t seed,
                                      std::uint32_t epoch, int threads);

// Writes the pairs in the order of the corpus, each block's from where `count_pairs` says on.
//
// Packed: sentences, two at least, are taken until they have as many tokens as the pair aims at (`room`, or
// with `short_limit` a length uniform in 2..room) or the document ends. B are those behind a cut drawn
// between two of them, or, if the draw says so, sentences from a random one of another document on; what
// the cut left over then begins the next pair. A sentence that is left alone begins none:
// google-research/bert gives it a random B, by which more than half of the pairs are random, and known by
// their lengths. Draws: Stream::kPairs at A's first token. Block 0: is it short, the length, the cut, is B
// random; block 1: words 0 and 1 the document, 2 and 3 the sentence.
void write_pairs(const Bounds& bounds, const PairRules& rules, std::uint64_t seed, std::uint32_t epoch,
                 std::span<const std::int64_t> counts, int threads, Pair* pairs);

// Takes what exceeds `room` from the longer of both, from B where they are equal, one token at a time and at
// its front or back at random.
struct Truncated {
  std::int64_t a = 0, b = 0;
  std::int64_t a_tokens = 0, b_tokens = 0;
};
Truncated truncated(const Pair& pair, std::int64_t room, std::uint64_t seed, std::uint32_t epoch);

}  // namespace fastnlp
