// word2vec (Mikolov et al. 2013, arXiv:1301.3781 and 1310.4546) over Hogwild threads (Recht et al. 2011):
// skip-gram or CBOW, by negative sampling or by hierarchical softmax, of words or of words and their n-grams.
//
// Work comes in units of up to 4,000 corpus positions. Every draw depends on the position alone and the
// learning rate on the unit alone, so where a run is cut into slices changes nothing: one thread gives the
// same bits however often it was stopped. Several threads race on the tables, as word2vec.c's do.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
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
  Sharing sharing = Sharing::kGroup;  // needs 16 words a center of a group, or it is kCenter
  ContextScale context_scale = {.mean_forward = true, .mean_backward = true};
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

class Word2Vec {
 public:
  // Keeps views of ids (T,), offsets (S + 1,), word parts and tree; the caller keeps the arrays alive. `keep`
  // (V,) are the probabilities of the subsampling rule, `noise` (V,) the weights of negatives, empty with a
  // tree; `simd` is a name of word2vec_kernels.
  Word2Vec(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
           std::span<const double> keep, std::span<const double> noise, Word2VecOptions options,
           const char* simd = nullptr, WordParts parts = {}, WordTree tree = {});

  // A unit is the positions that one thread takes at a time: 4,000, or fewer where wide windows, many
  // negatives or many dimensions would make that last over a few milliseconds.
  std::int64_t unit_size() const { return unit_; }
  // Longer sentences are trained in pieces of this length.
  std::int64_t piece_size() const { return piece_; }
  std::int64_t units() const;
  double lr_at(std::int64_t epoch, std::int64_t unit) const;

  // Trains units from `unit` on until `seconds` have passed or the epoch is over. Whole units only;
  // at least one.
  SliceReport train(Table input, Table output, std::int64_t epoch, std::int64_t unit, int threads,
                    double seconds) const;

 private:
  class Worker;

  std::span<const std::int32_t> ids_;
  std::span<const std::int64_t> offsets_;
  std::vector<std::uint32_t> keep_;
  std::optional<AliasTable> noise_;
  Word2VecOptions options_;
  WordParts parts_;
  WordTree tree_;
  int columns_;  // output rows that a center meets, at most
  Word2VecKernels kernels_;
  std::int64_t unit_;
  std::int64_t piece_;
};

// The instruction sets of this machine that there are kernels for, the fastest first: of "avx512", "avx2" and
// "baseline".
std::vector<std::string> word2vec_supported();

// The kernels of a supported instruction set, or the fastest; another name is a std::invalid_argument.
Word2VecKernels word2vec_kernels(const char* name = nullptr);

}  // namespace fastnlp
