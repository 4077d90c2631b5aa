// Puts a token in the place of each phrase of a corpus, from the left, over threads.
//
// A phrase is joined where its words stand: the first and the second word of a pair, with the connector words
// between them if it has any. A word in a phrase is in no other. A text is cut where a word can end no
// phrase, so the pieces between such places are joined independently of one another.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "text/phrase_words.h"

namespace fastnlp {

// Phrase i: the words first[i], between[between_offsets[i]] to between[between_offsets[i + 1]], second[i]; it
// becomes the token becomes[i].
struct PhraseList {
  std::span<const std::int32_t> first, second, between;
  std::span<const std::int64_t> between_offsets;
  std::span<const std::int32_t> becomes;
};

class PhraseJoiner {
 public:
  // Keeps views of ids (T,), sentence and document offsets. Tokens lie in [0, size): the words of the corpus
  // in [0, vocabulary), and what phrases become.
  PhraseJoiner(std::span<const std::int32_t> ids, std::span<const std::int64_t> sentence_offsets,
               std::span<const std::int64_t> document_offsets, std::int64_t vocabulary, std::int64_t size,
               std::span<const std::int32_t> connectors, PhraseList phrases, int threads);
  ~PhraseJoiner();

  // The first time over the text: counts tokens for so many seconds; true when done.
  bool tally(double seconds);
  // After it, for each token: how often it occurs, and the place of its first occurrence (-1: none).
  const std::vector<std::int64_t>& counts() const { return counts_; }
  const std::vector<std::int64_t>& places() const { return places_; }

  // The second time: tokens get the ids final_ids (size,), or -1 to be dropped, below `kept`.
  void number(std::span<const std::int32_t> final_ids, std::int64_t kept);
  struct Joined {
    std::vector<std::int32_t> ids;
    std::vector<std::int64_t> sentence_ends;  // in tokens since the start
    std::vector<std::int64_t> document_ends;  // in sentences since the start
    bool done = false;
  };
  // The next few million tokens. A sentence or document of which nothing is left is none.
  Joined join();

 private:
  struct Table;
  struct Run;
  class Counts;
  class Ids;

  std::vector<Run> plan() const;
  template <class Sink>
  std::int64_t read(const Run& run, Sink& sink) const;
  template <class Sink>
  std::int64_t read_pairs(std::int64_t begin, std::int64_t end, bool open, Sink& sink) const;
  template <class Sink>
  std::int64_t read_gaps(std::int64_t begin, std::int64_t end, bool open, Sink& sink) const;

  std::span<const std::int32_t> ids_;
  std::span<const std::int64_t> sentence_offsets_, document_offsets_;
  GapCode gaps_;
  std::vector<Role> roles_;
  std::unique_ptr<Table> table_;
  int threads_;
  std::int64_t size_;

  std::int64_t next_ = 0;  // position
  std::vector<std::int64_t> counts_, places_;
  std::vector<Counts> tallies_;

  std::vector<std::int32_t> final_ids_;
  std::int64_t tokens_ = 0, sentence_start_ = 0, sentences_ = 0, document_start_ = 0, document_ = 0;
};

}  // namespace fastnlp
