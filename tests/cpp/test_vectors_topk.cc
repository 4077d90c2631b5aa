#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "support/cpu.h"
#include "vectors/topk.h"
#include "vectors/topk_kernels.h"

namespace {

using namespace fastnlp;

std::vector<const NearestKernels*> runnable() {
  std::vector<const NearestKernels*> all{&kNearestBaseline};
#if defined(__x86_64__)
  if (runs_avx2()) all.push_back(&kNearestAvx2);
  if (runs_avx512()) all.push_back(&kNearestAvx512);
#endif
  return all;
}

std::vector<float> normal(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> draw;
  std::vector<float> values(size);
  for (float& value : values) value = draw(generator);
  return values;
}

}  // namespace

TEST(every_instruction_set_scores_what_double_precision_does) {
  for (const NearestKernels* kernels : runnable()) {
    for (const std::int64_t dim : {1, 3, 16, 31, 100, 128, 129, 300}) {
      const std::int64_t count = 29, pitch = dim + 3, width = kernels->tile_queries;
      const std::vector<float> rows = normal(static_cast<std::size_t>(count * pitch), 1);
      const std::vector<float> packed = normal(static_cast<std::size_t>(dim * width), 2);
      std::vector<float> inverse(static_cast<std::size_t>(count), 0.5f);
      inverse[4] = 0.0f;
      std::vector<float> scores(static_cast<std::size_t>(count * width)), peaks(scores.size());
      kernels->tile(rows.data(), pitch, count, packed.data(), dim, inverse.data(), scores.data(),
                    peaks.data());
      for (std::int64_t q = 0; q < width; ++q) {
        std::vector<float> query(static_cast<std::size_t>(dim)), single(static_cast<std::size_t>(count));
        for (std::int64_t d = 0; d < dim; ++d) query[d] = packed[d * width + q];
        kernels->single(rows.data(), pitch, count, query.data(), dim, inverse.data(), single.data());
        std::int64_t group_start = 0, group = 0;
        float peak = -1e30f;
        for (std::int64_t r = 0; r < count; ++r) {
          double exact = 0.0, size = 0.0;
          for (std::int64_t d = 0; d < dim; ++d) {
            exact += static_cast<double>(rows[r * pitch + d]) * query[d] * inverse[r];
            size += std::fabs(static_cast<double>(rows[r * pitch + d]) * query[d]);
          }
          const double bound = 1e-6 * (size + 1.0);
          CHECK(std::fabs(scores[r * width + q] - exact) < bound);
          CHECK(std::fabs(single[r] - exact) < bound);
          peak = std::max(peak, scores[r * width + q]);
          const bool whole = group_start + kernels->tile_rows <= count;
          if (!whole || r + 1 == group_start + kernels->tile_rows) {
            CHECK(peaks[group * width + q] == peak);
            peak = -1e30f;
            group_start = r + 1;
            ++group;
          }
        }
      }
    }
  }
}

TEST(equal_rows_come_by_index_whoever_finds_them) {
  const std::vector<float> table(300 * 7, 1.0f);
  const Rows rows{table.data(), 300, 7, 7};
  const std::vector<float> inverse(300, 0.37796447f);
  for (const std::int64_t queries : {1, 9, 50}) {
    const std::vector<float> asked(static_cast<std::size_t>(queries * 7), 2.0f);
    const std::vector<std::int32_t> exclude(static_cast<std::size_t>(queries), 1);
    const Nearest found = nearest(rows, inverse, asked, queries, 3, exclude, 4);
    for (std::int64_t q = 0; q < queries; ++q) {
      CHECK(found.indices[q * 3] == 0 && found.indices[q * 3 + 1] == 2 && found.indices[q * 3 + 2] == 3);
    }
  }
}

TEST(any_number_of_threads_finds_the_same_rows) {
  const std::int64_t count = 50'000, dim = 24;
  const std::vector<float> table = normal(static_cast<std::size_t>(count * dim), 3);
  const Rows rows{table.data(), count, dim, dim};
  std::vector<float> inverse = row_norms(rows, 1);
  CHECK(row_norms(rows, 4) == inverse);
  for (float& norm : inverse) norm = 1.0f / norm;
  for (const std::int64_t queries : {2, 40}) {  // few are compared one by one, and the rows shared out
    const std::vector<float> asked = normal(static_cast<std::size_t>(queries * dim), 4);
    const Nearest one = nearest(rows, inverse, asked, queries, 5, {}, 1);
    const Nearest four = nearest(rows, inverse, asked, queries, 5, {}, 4);
    CHECK(one.indices == four.indices);
    CHECK(one.scores == four.scores);
  }
}

TEST(bad_searches_are_refused) {
  const std::vector<float> table(6, 1.0f), inverse(2, 1.0f), query(3, 1.0f);
  const std::vector<float> broken{1.0f, std::nanf(""), 1.0f};
  const std::vector<std::int32_t> none, three{1, 2, 3};
  const Rows rows{table.data(), 2, 3, 3};
  CHECK_THROWS(std::invalid_argument, nearest(rows, query, query, 1, 1, none, 1));
  CHECK_THROWS(std::invalid_argument, nearest(rows, inverse, inverse, 1, 1, none, 1));
  CHECK_THROWS(std::invalid_argument, nearest(rows, inverse, broken, 1, 1, none, 1));
  CHECK_THROWS(std::invalid_argument, nearest(rows, inverse, query, 1, 0, none, 1));
  CHECK_THROWS(std::invalid_argument, nearest(rows, inverse, query, 1, std::int64_t{1} << 62, none, 1));
  CHECK_THROWS(std::invalid_argument, nearest(rows, inverse, query, 1, 1, none, 0));
  CHECK_THROWS(std::invalid_argument, row_norms(rows, 0));
  CHECK_THROWS(std::invalid_argument, nearest(rows, inverse, table, 2, 1, three, 1));
  CHECK(nearest(rows, inverse, {}, 0, 1, none, 1).indices.empty());
}
