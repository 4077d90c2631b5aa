// word2vec (Mikolov et al. 2013, arXiv:1301.3781 and 1310.4546) over Hogwild threads (Recht et al. 2011):
// skip-gram or CBOW, by negative sampling or by hierarchical softmax, of words or of words and their n-grams.
//
// Work comes in units of up to 4,000 corpus positions. Every draw depends on the position alone and the
// learning rate on the unit alone, so where a run is cut into slices changes nothing: one thread gives the
// same bits however often it was stopped. Several threads race on the tables, as word2vec.c's do, unless the
// run is to be deterministic.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "training/tables.h"
#include "training/word2vec_job.h"
#include "training/word2vec_worker.h"

namespace fastnlp {

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
  std::int64_t piece_size() const { return plan_.piece; }
  std::int64_t units() const;
  // As asked for, but the center where several would take too much out of a small vocabulary.
  Sharing sharing() const { return plan_.options.sharing; }
  int set_size() const { return centers_of_set(plan_.options.architecture, plan_.options.sharing); }
  int set_step() const { return step_of_set(plan_.options.sharing, plan_.options.window); }
  double lr_at(std::int64_t epoch, std::int64_t unit) const;

  // Trains units from `unit` on until `seconds` have passed or `stop` is reached, which is the end of the
  // epoch where it is left out. Whole units only; at least one, if there is one.
  SliceReport train(Table input, Table output, std::int64_t epoch, std::int64_t unit, int threads,
                    double seconds, std::optional<std::int64_t> stop = {}) const;

 private:
  Word2VecPlan plan_;
  std::int64_t unit_;
};

// The instruction sets of this machine that there are kernels for, the fastest first: of "avx512", "avx2" and
// "baseline".
std::vector<std::string> word2vec_supported();

// The kernels of a supported instruction set, or the fastest; another name is a std::invalid_argument.
Word2VecKernels word2vec_kernels(const char* name = nullptr);

}  // namespace fastnlp
