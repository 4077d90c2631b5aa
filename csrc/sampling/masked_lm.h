// Rows for a masked language model: [CLS] A [SEP] B [SEP], or full rows of running text, hidden in part and
// padded.
#pragma once

#include <cstdint>
#include <span>

#include "sampling/masking.h"
#include "sampling/sentence_pairs.h"

namespace fastnlp {

struct MaskedLmOptions {
  std::int64_t max_len = 0;                // tokens of a row, special ones too
  std::int32_t cls = 0, sep = 0, pad = 0;  // ids
  PairRules pairs;
  MaskRules masks;
  std::uint64_t seed = 0;
};

// What a batch is written to, row by row; see fastnlp/sampling/bert_batch.py.
struct BertRows {
  const std::int64_t* starts = nullptr;  // (B + 1,) where each row's tokens and its padding lie
  std::int64_t predictions = 0;          // M
  std::int32_t* tokens = nullptr;
  std::int32_t* segments = nullptr;
  std::int32_t* lengths = nullptr;
  std::int32_t* positions = nullptr;
  float* weights = nullptr;
  std::int32_t* labels = nullptr;
  std::int32_t* is_next = nullptr;  // not written where rows are no pairs
};

class MaskedLm {
 public:
  // The corpus must live as long as this. Ids are checked as they are read.
  MaskedLm(std::span<const std::int32_t> ids, const Bounds& bounds, const MaskedLmOptions& options);

  const MaskedLmOptions& options() const { return options_; }
  const Bounds& bounds() const { return bounds_; }

  // Rows of running text in an epoch, the same in each. The text is a ring of the tokens of all documents and
  // a [SEP] behind each; an epoch begins at a random place of it (Stream::kPairs, position 0, words 0 and 1)
  // and leaves out what fills no row. A ring that is shorter than a row is one.
  std::int64_t full_rows() const;

  std::int64_t full_length() const;

  // Tokens of the row that a pair becomes.
  std::int64_t length(const Pair& pair) const;
  // The longest row among some pairs of an epoch; throws std::out_of_range where a number is not that of a
  // pair, and std::invalid_argument where a pair does not lie in the corpus.
  std::int64_t longest(std::span<const Pair> pairs, std::span<const std::int64_t> numbers) const;

  // `numbers` say which of the pairs become rows; they have been through `longest`.
  void fill_pairs(std::span<const Pair> pairs, std::span<const std::int64_t> numbers, std::uint32_t epoch,
                  int threads, const BertRows& rows) const;
  // Throws std::out_of_range where a number is not that of a row.
  void fill_full(std::span<const std::int64_t> numbers, std::uint32_t epoch, int threads,
                 const BertRows& rows) const;

 private:
  class Writer;

  void prefetch(const Pair& pair) const;
  std::int64_t ring() const { return static_cast<std::int64_t>(ids_.size()) + bounds_.count(); }

  std::span<const std::int32_t> ids_;
  Bounds bounds_;
  MaskedLmOptions options_;
  NeverPredicted never_;
};

}  // namespace fastnlp
