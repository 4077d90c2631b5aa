// Analogies "a is to b as c is to what", all questions at once. A test asks about few different words: their
// cosines with a stretch of the table are computed once, as a matrix product, and each question adds or
// multiplies three lines of it.
#pragma once

#include <cstdint>
#include <span>

#include "vectors/topk.h"

namespace fastnlp {

struct AnalogyQuestions {
  std::span<const float> words;             // (W, dim): the vectors of the words asked about, of any length
  std::span<const std::int32_t> word_rows;  // (W,): their rows in the table, which are no answer; -1 for none
  std::span<const std::int32_t> asked;      // (N, 3): the places in `words` of a, b and c
};

enum class AnalogyScore {
  kSum,      // 3CosAdd: cos(b) - cos(a) + cos(c)
  kProduct,  // 3CosMul: (1 + cos(b)) / 2 (1 + cos(c)) / 2 / ((1 + cos(a)) / 2 + 1e-6)
};

// The k rows of highest score for each question, equal ones in order of index, without the question's own.
// Arguments are those of `nearest`; a table may come in blocks of rows, in their order.
Nearest answer_analogies(const StoredRows& rows, std::span<const float> inverse_norms,
                         const AnalogyQuestions& questions, AnalogyScore score, std::int64_t k, int threads,
                         std::int64_t first_row = 0, const Nearest* so_far = nullptr);

}  // namespace fastnlp
