#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "check.h"
#include "support/cpu.h"
#include "vectors/analogies.h"
#include "vectors/topk_kernels.h"

namespace {

using namespace fastnlp;

std::vector<float> normal(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> draw;
  std::vector<float> values(size);
  for (float& value : values) value = draw(generator);
  return values;
}

struct Table {
  std::int64_t count, dim;
  std::vector<float> numbers, inverse;

  Table(std::int64_t rows, std::int64_t width) : count(rows), dim(width) {
    numbers = normal(static_cast<std::size_t>(count * dim), 1);
    std::fill_n(numbers.begin() + 3 * dim, dim, 0.0f);
    numbers[static_cast<std::size_t>(4 * dim)] = std::nanf("");
    inverse = row_norms(rows_of(0, count), 1);
    for (float& norm : inverse) norm = norm > 0.0f ? 1.0f / norm : 0.0f;
  }
  Rows rows_of(std::int64_t first, std::int64_t some) const {
    return {numbers.data() + first * dim, some, dim, dim};
  }
  double cosine(std::int64_t a, std::int64_t b) const {
    if (inverse[a] == 0.0f || inverse[b] == 0.0f) return 0.0;
    double dot = 0.0;
    for (std::int64_t d = 0; d < dim; ++d) dot += double{numbers[a * dim + d]} * numbers[b * dim + d];
    return dot * inverse[a] * inverse[b];
  }
};

}  // namespace

TEST(analogies_are_answered_as_their_definitions_say) {
  const std::int64_t k = 5;
  for (const std::int64_t count : {6, 70, 333}) {
    const Table table(count, 20);
    std::vector<std::int32_t> word_rows;
    for (std::int32_t row = 0; row < count; row += 2) word_rows.push_back(row == 4 ? 5 : row);
    std::vector<float> words;
    for (const std::int32_t row : word_rows)
      words.insert(words.end(), table.numbers.begin() + row * table.dim,
                   table.numbers.begin() + (row + 1) * table.dim);
    std::mt19937 generator(2);
    std::vector<std::int32_t> asked(3 * 50);
    for (auto& word : asked) word = static_cast<std::int32_t>(generator() % word_rows.size());
    const AnalogyQuestions questions{words, word_rows, asked};
    for (const AnalogyScore kind : {AnalogyScore::kSum, AnalogyScore::kProduct}) {
      const Nearest found = answer_analogies(table.rows_of(0, count), table.inverse, questions, kind, k, 1);
      const Nearest shared = answer_analogies(table.rows_of(0, count), table.inverse, questions, kind, k, 3);
      CHECK(shared.indices == found.indices);
      CHECK(shared.scores == found.scores);
      Nearest blocks;
      for (std::int64_t first = 0; first < count; first += 100) {
        const std::int64_t some = std::min<std::int64_t>(100, count - first);
        blocks = answer_analogies(table.rows_of(first, some), std::span(table.inverse).subspan(first, some),
                                  questions, kind, k, 2, first, first == 0 ? nullptr : &blocks);
      }
      CHECK(blocks.indices == found.indices);
      for (std::size_t q = 0; q < 50; ++q) {
        std::vector<double> scores(static_cast<std::size_t>(count));
        std::vector<std::int32_t> order;
        for (std::int32_t row = 0; row < count; ++row) {
          double of_word[3];
          bool own = false;
          for (int i = 0; i < 3; ++i) {
            const std::int32_t word = word_rows[asked[3 * q + i]];
            of_word[i] = table.cosine(word, row);
            own |= word == row;
          }
          const auto [a, b, c] = of_word;
          scores[row] =
              kind == AnalogyScore::kSum ? b - a + c : (1 + b) / 2 * ((1 + c) / 2) / ((1 + a) / 2 + 1e-6);
          if (!own) order.push_back(row);
        }
        std::sort(order.begin(), order.end(), [&](auto x, auto y) { return scores[x] > scores[y]; });
        const std::size_t answers = std::min(order.size(), static_cast<std::size_t>(k));
        for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
          const std::int32_t index = found.indices[q * k + i];
          CHECK((index >= 0) == (i < answers));
          if (index < 0) continue;
          const double bound = 2e-6 * (1.0 + std::fabs(scores[index]));
          CHECK(std::fabs(scores[index] - scores[order[i]]) < bound);
          CHECK(std::fabs(found.scores[q * k + i] - scores[index]) < bound);
        }
      }
    }
  }
}

TEST(bad_analogies_are_refused) {
  const Table table(9, 4);
  const std::vector<float> words(8, 1.0f), half(7, 1.0f);
  const std::vector<std::int32_t> rows{1, 2}, asked{0, 1, 1}, outside{0, 1, 2}, broken{0, 1};
  const Rows all = table.rows_of(0, 9);
  const Nearest other{{0}, {0.0f}};
  const auto ask = [&](const AnalogyQuestions& questions, std::int64_t k, int threads,
                       const Nearest* so_far) {
    return answer_analogies(all, table.inverse, questions, AnalogyScore::kSum, k, threads, 0, so_far);
  };
  CHECK_THROWS(std::invalid_argument, ask({half, rows, asked}, 1, 1, nullptr));
  CHECK_THROWS(std::out_of_range, ask({words, rows, outside}, 1, 1, nullptr));
  CHECK_THROWS(std::invalid_argument, ask({words, rows, broken}, 1, 1, nullptr));
  CHECK_THROWS(std::invalid_argument, ask({words, rows, asked}, 0, 1, nullptr));
  CHECK_THROWS(std::invalid_argument, ask({words, rows, asked}, 1, 0, nullptr));
  CHECK_THROWS(std::invalid_argument, ask({words, rows, asked}, 2, 1, &other));
  CHECK(ask({words, rows, {}}, 1, 1, nullptr).indices.empty());
}
