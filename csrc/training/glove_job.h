// What one thread hands to the inner loop of GloVe: plain data, because the loop is compiled once per
// instruction set and must not share inline code with the rest of the program.
#pragma once

#include <cstdint>

namespace fastnlp {

constexpr std::int64_t kRunEntries = 32;  // entries of one row that are trained together, at most

// Entries of one row: those from `first` on in the unit.
struct GloveRun {
  std::int32_t row;
  std::int32_t size;
  std::int64_t first;
};

struct GloveJob {
  // (V, 4, pitch), 64-byte aligned. Of each word: its vector u, bias b and 1; their squared gradients; its
  // context vector v, 1 and bias c; their squared gradients. So u.v of two such rows is the whole prediction.
  float* table;
  std::int64_t pitch;  // floats, a multiple of 16 and at least dim + 2
  std::int64_t dim;
  bool symmetric;  // an entry (i, j) stands for (j, i) too
  float lr;
  float clip;       // bound of a gradient's components, times lr
  float log_x_max;  // h(x) = min(1, (x / x_max)^alpha)
  float alpha;
  const float* word_lr;     // (pitch) for u: lr, 1 for the bias, 0 for what stays
  const float* context_lr;  // (pitch) for v
  const float* bounds;      // (pitch) clip, infinite for the biases

  // The unit, its runs in the order of training.
  const GloveRun* runs;
  std::int64_t run_count;
  const std::int32_t* columns;
  const float* counts;  // 16 more than there are can be read

  // Results, added to.
  std::int64_t records;
  double loss;  // sum of h(x) (u.v + b + c - log x)^2 / 2
};

struct GloveKernel {
  void (*train)(GloveJob&);
  const char* name;
};

GloveKernel glove_kernel_baseline();
GloveKernel glove_kernel_avx2();
GloveKernel glove_kernel_avx512();

}  // namespace fastnlp
