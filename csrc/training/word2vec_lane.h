// A stretch of the corpus that one thread trains in a round; see word2vec_rounds.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "training/word2vec_touched.h"
#include "training/word2vec_worker.h"

namespace fastnlp {

class Word2VecLane {
 public:
  Word2VecLane(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch);

  // Everything that needs no table: the words that begin in [begin, end), what is drawn for them, and the
  // rows that they will touch.
  void prepare(std::int64_t begin, std::int64_t end, float lr, Numbers& numbers);
  void train(const Word2VecWorker& scratch);

  TouchedRows& inputs() { return inputs_; }
  TouchedRows& outputs() { return plan_.noise ? words_ : nodes_; }
  void add_to(SliceReport& report) const { worker_.add_to(report); }

 private:
  // The lists of the first `words` words, whose entries are rows shifted left by `shift`, with the rows
  // numbered anew.
  struct Lists {
    std::vector<std::int32_t> entries;  // at least as many as the lists hold
    std::vector<std::int64_t> offsets;
  };
  void number(std::span<const std::int32_t> entries, std::span<const std::int64_t> offsets, std::size_t words,
              int shift, IdNumbers& numbers, TouchedRows& rows, Lists& numbered);

  const Word2VecPlan& plan_;
  Table input_, output_;
  Word2VecWorker worker_;
  TouchedRows words_, inputs_, nodes_;
  Lists parts_, paths_;
};

}  // namespace fastnlp
