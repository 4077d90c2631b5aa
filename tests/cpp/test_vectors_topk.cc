#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "support/cpu.h"
#include "vectors/analogies.h"
#include "vectors/compact_rows.h"
#include "vectors/sketch.h"
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

TEST(blocks_of_rows_find_what_the_whole_table_does) {
  const std::int64_t count = 1'300, dim = 10, k = 7;
  std::vector<float> table = normal(static_cast<std::size_t>(count * dim), 5);
  for (std::int64_t r = 900; r < 950; ++r)  // equal rows in different blocks
    std::copy_n(table.begin() + (r - 850) * dim, dim, table.begin() + r * dim);
  const std::vector<float> inverse(static_cast<std::size_t>(count), 0.3f);
  const Rows rows{table.data(), count, dim, dim};
  for (const std::int64_t queries : {1, 33}) {
    std::vector<float> asked(table.begin() + 60 * dim, table.begin() + (60 + queries) * dim);
    std::vector<std::int32_t> exclude(static_cast<std::size_t>(queries));
    for (std::int64_t q = 0; q < queries; ++q) exclude[q] = static_cast<std::int32_t>(910 + q);
    const Nearest whole = nearest(rows, inverse, asked, queries, k, exclude, 2);
    for (const std::int64_t size : {3, 241, 1'000}) {
      Nearest found;
      for (std::int64_t first = 0; first < count; first += size) {
        const std::int64_t block = std::min(size, count - first);
        found = nearest(Rows{rows.row(first), block, dim, dim}, std::span(inverse).subspan(first, block),
                        asked, queries, k, exclude, 2, first, first == 0 ? nullptr : &found);
      }
      CHECK(found.indices == whole.indices);
      CHECK(found.scores == whole.scores);
    }
  }
}

TEST(every_instruction_set_multiplies_codes_alike) {
  std::mt19937 generator(6);
  for (const std::int64_t width : {32, 64, 320}) {
    const std::int64_t count = 7;
    std::vector<std::int8_t> codes(static_cast<std::size_t>(count * width));
    std::vector<std::int16_t> query(static_cast<std::size_t>(width));
    for (auto& code : codes) code = static_cast<std::int8_t>(static_cast<int>(generator() % 255) - 127);
    for (auto& code : query)
      code = static_cast<std::int16_t>(static_cast<int>(generator() % 40'001) - 20'000);
    for (const NearestKernels* kernels : runnable()) {
      std::vector<std::int32_t> dots(static_cast<std::size_t>(count));
      kernels->codes(codes.data(), width, width, count, query.data(), dots.data());
      for (std::int64_t r = 0; r < count; ++r) {
        std::int64_t exact = 0;
        for (std::int64_t d = 0; d < width; ++d) exact += std::int64_t{codes[r * width + d]} * query[d];
        CHECK(dots[r] == exact);
      }
    }
  }
}

TEST(every_instruction_set_combines_cosines_alike) {
  for (const NearestKernels* kernels : runnable()) {
    const std::int64_t width = kernels->tile_queries, words = 5, count = 40;
    std::vector<float> cosines = normal(static_cast<std::size_t>(words * width), 9);
    for (float& cosine : cosines) cosine = std::tanh(cosine);
    std::mt19937 generator(10);
    std::vector<std::int32_t> questions(static_cast<std::size_t>(3 * count));
    for (auto& word : questions) word = static_cast<std::int32_t>(generator() % words);
    std::vector<float> thresholds = normal(static_cast<std::size_t>(count), 11);
    for (float& threshold : thresholds) threshold += 1.5f;
    for (const bool by_products : {false, true}) {
      std::vector<std::int32_t> reached(static_cast<std::size_t>(count) + 1), expected;
      std::vector<float> scores(static_cast<std::size_t>(width));
      for (std::int32_t i = 0; i < count; ++i) {
        kernels->combine(cosines.data(), questions.data() + 3 * i, by_products, scores.data());
        for (std::int64_t lane = 0; lane < width; ++lane) {
          const double a = cosines[questions[3 * i] * width + lane];
          const double b = cosines[questions[3 * i + 1] * width + lane];
          const double c = cosines[questions[3 * i + 2] * width + lane];
          const double exact = by_products ? (1 + b) / 2 * (1 + c) / 2 / ((1 + a) / 2 + 1e-6) : b - a + c;
          CHECK(std::fabs(scores[lane] - exact) < 1e-4 * (1 + std::fabs(exact)));
        }
        if (*std::max_element(scores.begin(), scores.end()) > thresholds[i]) expected.push_back(i);
      }
      reached.resize(static_cast<std::size_t>(kernels->reaching(
          cosines.data(), questions.data(), count, by_products, thresholds.data(), reached.data())));
      CHECK(reached == expected);
      CHECK(!expected.empty() && static_cast<std::int64_t>(expected.size()) < count);
    }
  }
}

TEST(a_sketch_finds_the_same_bits) {
  for (const std::int64_t dim : {1, 7, 40, 300, 1'000}) {
    const std::int64_t count = 3'000, pitch = dim + 1;
    std::vector<float> table = normal(static_cast<std::size_t>(count * pitch), 7);
    // Near neighbours that 8 bits cannot tell apart, equal rows, a row of one large number, rows without a
    // direction.
    for (std::int64_t r = 1; r < 200; ++r)
      for (std::int64_t d = 0; d < dim; ++d) table[r * pitch + d] = table[d] + 1e-3f * table[r * pitch + d];
    std::copy_n(table.begin(), dim, table.begin() + 2'000 * pitch);
    table[500 * pitch] = 1e4f;
    std::fill_n(table.begin() + 501 * pitch, dim, 0.0f);
    table[502 * pitch] = std::nanf("");
    const Rows rows{table.data(), count, dim, pitch};
    std::vector<float> inverse = row_norms(rows, 1);
    for (float& norm : inverse) norm = norm > 0.0f ? 1.0f / norm : 0.0f;
    for (const int threads : {1, 3}) {
      const Sketch sketch = sketch_rows(rows, inverse, threads);
      const SketchView view{sketch.codes, sketch.scales, sketch.errors};
      std::vector<float> asked = normal(static_cast<std::size_t>(3 * dim), 8);
      std::copy_n(table.begin(), dim, asked.begin());
      std::fill_n(asked.begin() + 2 * dim, dim, 0.0f);
      const std::vector<std::int32_t> exclude{0, -1, 2'000, 3, -1, -1};
      for (const std::int64_t k : {1, 10, 2'990, 4'000}) {
        const Nearest direct = nearest(rows, inverse, asked, 3, k, exclude, 1);
        const Nearest found = nearest_by_sketch(rows, inverse, view, asked, 3, k, exclude, threads);
        CHECK(found.indices == direct.indices);
        CHECK(found.scores == direct.scores);
      }
    }
  }
}

TEST(rows_of_fewer_bytes_find_the_bits_that_the_same_numbers_as_float32_do) {
  using Storage = StoredRows::Storage;
  std::mt19937 generator(12);
  for (const std::int64_t dim : {1, 3, 32, 45, 300}) {
    const std::int64_t count = 1'001, pitch = dim + 2;
    const auto size = static_cast<std::size_t>(count * pitch);
    // Allocated to the byte, so that a sanitizer sees what is read behind the last row.
    std::vector<std::uint16_t> halves(size - 2);
    std::vector<std::int8_t> whole(size - 2);
    for (auto& half : halves)
      half = static_cast<std::uint16_t>(generator() % 0x3C00 | (generator() & 0x8000));
    for (auto& number : whole) number = static_cast<std::int8_t>(static_cast<int>(generator() % 255) - 127);
    std::vector<float> scales = normal(static_cast<std::size_t>(count), 13);
    std::fill_n(whole.begin() + 7 * pitch, dim, std::int8_t{0});
    scales[8] = 0.0f;
    scales[9] = std::nanf("");
    halves[static_cast<std::size_t>(9 * pitch)] = 0x7C00;  // infinity
    for (const bool of_int8 : {false, true}) {
      const StoredRows stored(of_int8 ? Storage::kInt8 : Storage::kFloat16,
                              of_int8 ? static_cast<const void*>(whole.data()) : halves.data(),
                              of_int8 ? scales.data() : nullptr, count, dim, pitch);
      std::vector<float> table(static_cast<std::size_t>(count * dim));
      for (std::int64_t r = 0; r < count; ++r) {
        const std::span<float> row = std::span(table).subspan(r * dim, dim);
        if (of_int8) {
          for (std::int64_t d = 0; d < dim; ++d)
            row[d] = static_cast<float>(whole[r * pitch + d]) * scales[static_cast<std::size_t>(r)];
        } else {
          decode_half(std::span(halves).subspan(r * pitch, dim), row, 1);
        }
      }
      const Rows rows{table.data(), count, dim, dim};
      std::vector<float> inverse = row_norms(stored, 2);
      const std::vector<float> expected = row_norms(rows, 1);
      for (std::size_t r = 0; r < inverse.size(); ++r)
        CHECK(inverse[r] == expected[r] || std::isnan(expected[r]));
      for (float& norm : inverse) norm = norm > 0.0f && norm < 1e30f ? 1.0f / norm : 0.0f;
      const Sketch sketch = sketch_rows(stored, inverse, 2);
      CHECK(sketch.codes.empty() == of_int8);
      const SketchView view{sketch.codes, sketch.scales, sketch.errors};
      for (const std::int64_t queries : {2, 40}) {
        std::vector<float> asked = normal(static_cast<std::size_t>(queries * dim), 14);
        std::copy_n(table.begin() + 990 * dim, dim, asked.begin());
        const std::vector<std::int32_t> exclude(static_cast<std::size_t>(queries), 3);
        for (const std::int64_t k : {1, 12, 1'001}) {
          const Nearest direct = nearest(rows, inverse, asked, queries, k, exclude, 1);
          const Nearest found = nearest(stored, inverse, asked, queries, k, exclude, 3);
          CHECK(found.indices == direct.indices);
          CHECK(found.scores == direct.scores);
          if (queries > 2) continue;
          const Nearest sketched = nearest_by_sketch(stored, inverse, view, asked, queries, k, exclude, 3);
          CHECK(sketched.indices == direct.indices);
          CHECK(sketched.scores == direct.scores);
        }
      }
      const std::vector<std::int32_t> word_rows{0, 1, 2, 990}, questions{0, 1, 2, 3, 2, 1};
      std::vector<float> words(table.begin(), table.begin() + 3 * dim);
      words.insert(words.end(), table.begin() + 990 * dim, table.begin() + 991 * dim);
      const AnalogyQuestions all{words, word_rows, questions};
      const Nearest direct = answer_analogies(rows, inverse, all, AnalogyScore::kSum, 5, 1);
      const Nearest found = answer_analogies(stored, inverse, all, AnalogyScore::kSum, 5, 2);
      CHECK(found.indices == direct.indices);
      CHECK(found.scores == direct.scores);
    }
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
  const Nearest two{{0, 1}, {1.0f, 1.0f}};
  CHECK_THROWS(std::invalid_argument, nearest(rows, inverse, query, 1, 1, none, 1, -1));
  CHECK_THROWS(std::invalid_argument, nearest(rows, inverse, query, 1, 1, none, 1, std::int64_t{1} << 31));
  CHECK_THROWS(std::invalid_argument, nearest(rows, inverse, query, 1, 1, none, 1, 0, &two));
  const Sketch sketch = sketch_rows(rows, inverse, 1);
  const SketchView half{std::span(sketch.codes).first(32), sketch.scales, sketch.errors};
  CHECK_THROWS(std::invalid_argument, nearest_by_sketch(rows, inverse, half, query, 1, 1, none, 1));
  const SketchView short_scales{sketch.codes, std::span(sketch.scales).first(1), sketch.errors};
  CHECK_THROWS(std::invalid_argument, nearest_by_sketch(rows, inverse, short_scales, query, 1, 1, none, 1));
  const SketchView short_errors{sketch.codes, sketch.scales, std::span(sketch.errors).first(1)};
  CHECK_THROWS(std::invalid_argument, nearest_by_sketch(rows, inverse, short_errors, query, 1, 1, none, 1));
  CHECK_THROWS(std::invalid_argument, sketch_rows(rows, query, 1));
  CHECK_THROWS(std::invalid_argument, sketch_rows(rows, inverse, 0));
}
