// What word2vec's threads share while they train, and what each has for itself.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <vector>

#include "sampling/alias.h"
#include "training/tables.h"
#include "training/word2vec_job.h"

namespace fastnlp {

struct Word2VecOptions {
  std::int64_t dim = 100;
  int window = 5;
  bool shrink = true;
  int negatives = 5;
  Architecture architecture = Architecture::kSkipGram;
  Sharing sharing = Sharing::kDistant;  // of several centers: needs 16 words for each, or it is kCenter
  ContextScale context_scale = {.mean_forward = true, .mean_backward = true};
  bool deterministic = false;  // the same bits for any number of threads; see word2vec_rounds.h
  std::uint64_t seed = 1;
  double lr = 0.025;
  double min_lr = 2.5e-6;
  std::int64_t epochs = 5;
};

// Subwords: the input vector of word w is composed of the rows parts[offsets[w]..offsets[w + 1]) of an input
// table of `rows` rows. Each of them gets all that the word learns, whether the vector is their mean (as in
// fastText) or their sum.
struct WordParts {
  std::span<const std::int32_t> parts;
  std::span<const std::int64_t> offsets;  // (V + 1,); empty where a word has one row, its own
  std::int64_t rows = 0;
  bool mean = true;
};

// A tree for hierarchical softmax: the way to word w is path[offsets[w]..offsets[w + 1]), each step 2 * node
// + code; see sampling/huffman.h. Without offsets there is none, and negatives are sampled.
struct WordTree {
  std::span<const std::int32_t> path;
  std::span<const std::int64_t> offsets;  // (V + 1,)
};

struct SliceReport {
  std::int64_t next_unit = 0;   // the first unit not trained yet
  std::int64_t kept = 0;        // words that survived subsampling
  std::int64_t pairs = 0;       // predictions trained: of a center from a context, or (CBOW) from all
  std::int64_t loss_pairs = 0;  // pairs the loss was measured on
  double loss = 0.0;            // sum over them of -log s(+-u.v) over the outputs of each, in nats
};

// A checked corpus with all that is drawn from it.
struct Word2VecPlan {
  std::span<const std::int32_t> ids;
  std::span<const std::int64_t> offsets;
  std::vector<std::uint32_t> keep;
  std::optional<AliasTable> noise;
  Word2VecOptions options;
  WordParts parts;
  WordTree tree;
  int columns;  // output rows that a center meets, at most
  Word2VecKernels kernels;
  std::int64_t piece;            // sentences longer than this are trained in pieces
  std::int64_t longest_stretch;  // positions that a worker collects at a time, at most
};

struct LineFree {
  void operator()(float* p) const { ::operator delete[](p, std::align_val_t{64}); }
};
// Floats that begin on a 64-byte line.
using Floats = std::unique_ptr<float[], LineFree>;
Floats zeroed_floats(std::int64_t size);

// Memory of a thread's copies of rows first.. of a table.
class HotRoom {
 public:
  HotRows copy(Table table, std::int64_t first, std::int64_t rows);
  // Adds to the table what the copies have learned since their last exchange.
  void add_to(Table table, const HotRows& hot) const;

 private:
  Floats copies_;
  std::vector<std::uint16_t> used_;
};

// One thread's buffers, reused from stretch to stretch.
class Word2VecWorker {
 public:
  Word2VecWorker(const Word2VecPlan& plan, Table input, Table output, std::int64_t epoch);

  // Takes the words that survive subsampling of the pieces (sentences, or parts of a longer one) that start
  // at a position in [begin, end).
  void collect(std::int64_t begin, std::int64_t end, float lr);
  void train() {
    plan_.kernels.train(job_);
    kept_ += job_.kept;
  }

  // Trains copies of the rows that `threads` threads would meet at the same time (all have to do so);
  // return_copies adds to the tables what they have learned since their last exchange.
  void copy_hot_rows(int threads);
  void return_copies();
  void add_to(SliceReport& report) const;
  // From here on computes where `other` does, whose turn it must not be then.
  void share_scratch(const Word2VecWorker& other);
  Word2VecJob& job() { return job_; }

 private:
  const Word2VecPlan& plan_;
  Table input_, output_;
  Word2VecJob job_;
  std::vector<std::int32_t> drawn_, word_, reach_;
  std::vector<std::int64_t> position_, first_, last_;
  Floats ring_, gradient_, hidden_, meets_;
  HotRoom hot_inputs_, hot_outputs_;
  std::vector<std::uint64_t> labels_;
  std::vector<float*> rows_, contexts_, set_rows_;
  std::int64_t kept_ = 0;
};

}  // namespace fastnlp
