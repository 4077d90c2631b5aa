// From counted pieces to a vocabulary: the alphabet, the pieces as its symbols, and the merges, in short
// steps.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/word_table.h"
#include "tokenizers/merge_trainer.h"
#include "tokenizers/replace_trainer.h"
#include "tokenizers/segmented_words.h"

namespace fastnlp {

struct BpeOptions {
  bool characters = false;  // the alphabet: the characters of the pieces, or all bytes
  bool replace = false;     // merge as the book's `str.replace` does
  Ties ties = Ties::kSmallestIds;
  std::vector<std::string> special_tokens;
  std::string end_of_word;          // a symbol behind each piece, or none
  std::int64_t vocab_size = 0;      // tokens in all; 0 where `limits.merges` says when to end
  std::int64_t limit_alphabet = 0;  // characters, the most frequent ones; 0 for all
  MergeLimits limits;
};

class BpeTrainer {
 public:
  BpeTrainer(WordTable pieces, BpeOptions options);

  // Goes on for about so many seconds. True when all is done.
  bool run(double seconds);

  std::int64_t merges_done() const;
  // Special tokens and the alphabet; what merges made follows them.
  const std::vector<std::string>& first_tokens() const { return tokens_; }
  const std::vector<Merge>& merges() const;
  // Of a merge by replacing, whose parts may be no tokens: their strings.
  const ReplaceTrainer* replacing() const { return replace_.get(); }

 private:
  enum class Stage { kAlphabet, kSegment, kTrain, kDone };

  bool count_alphabet(std::size_t pieces);
  void choose_alphabet();
  bool segment(std::size_t pieces);
  void check_mark(const WordKey& piece) const;
  void start_training();

  BpeOptions options_;
  std::unique_ptr<WordTable> pieces_;
  std::vector<std::uint64_t> order_;
  std::size_t next_ = 0;
  Stage stage_ = Stage::kAlphabet;
  std::uint64_t places_ = 1;

  std::vector<std::string> tokens_;
  std::vector<std::int32_t> byte_ids_;
  std::vector<std::int64_t> character_counts_;
  std::vector<std::int32_t> character_ids_;
  std::int32_t end_id_ = -1;
  SegmentedWords words_;
  std::unique_ptr<MergeTrainer> merge_;
  std::unique_ptr<ReplaceTrainer> replace_;
};

}  // namespace fastnlp
