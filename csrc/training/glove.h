// GloVe (Pennington et al. 2014): u.v + b + c is fitted to log X[i, j] for every pair that X counts, weighted
// by h(x) = min(1, (x / x_max)^alpha), by AdaGrad over Hogwild threads.
//
// The unit of work, its order and what is drawn are those of glove_units.h: functions of (seed, epoch, unit).
// One thread gives the same bits however often it was stopped; several race on the table.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "support/buffer.h"
#include "training/glove_job.h"
#include "training/glove_units.h"
#include "training/tables.h"
#include "training/word2vec.h"

namespace fastnlp {

struct GloveOptions {
  std::int64_t dim = 50;
  bool symmetric = true;
  double x_max = 100.0;
  double alpha = 0.75;
  double lr = 0.05;
  double clip = 100.0;  // of the components of the vectors' gradients
  std::uint64_t seed = 1;
  std::int64_t memory = std::int64_t{1} << 30;  // bytes, for shuffling
};

class Glove {
 public:
  // The matrix stands in files as `CooccurrenceCounter` writes them.
  Glove(MatrixFiles matrix, std::int64_t header, std::int64_t vocabulary, GloveOptions options,
        const std::string& temporary, const char* simd = nullptr);

  double prepare(double seconds) { return units_.prepare(seconds); }  // before the first `train`
  std::int64_t units() const { return units_.units(); }
  std::int64_t records() const { return units_.records(); }

  // Trains units from `unit` on until `seconds` have passed or `stop` is reached, which is the end of the
  // epoch where it is left out; at least one, if there is one. The table is that of GloveJob.
  SliceReport train(Table table, std::int64_t epoch, std::int64_t unit, int threads, double seconds,
                    std::optional<std::int64_t> stop = {});

  // What unit `unit` of the epoch trains: its runs in their order.
  void read(std::int64_t epoch, std::int64_t unit, GloveUnit& into);

 private:
  void order_units(std::int64_t epoch);

  std::int64_t vocabulary_;
  GloveOptions options_;
  GloveKernel kernel_;
  std::int64_t pitch_;
  GloveUnits units_;
  std::vector<float> rates_;    // (3, pitch): GloveJob's word_lr, context_lr and bounds
  Buffer<std::int64_t> order_;  // of the units of `ordered_`
  std::int64_t ordered_ = -1;   // epoch
};

// Floats of a row of GloveJob's table, for vectors of D.
constexpr std::int64_t glove_pitch(std::int64_t dim) { return (dim + 2 + 15) / 16 * 16; }

// Vectors and biases uniform in [-1/2D, 1/2D), as Stanford's program begins; squares 1. A word's numbers
// depend on the seed and its id alone.
void fill_glove(Table table, std::int64_t dim, std::uint64_t seed, int threads);

}  // namespace fastnlp
