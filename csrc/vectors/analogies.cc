#include "vectors/analogies.h"

#include <algorithm>
#include <string>
#include <vector>

#include "support/checks.h"
#include "support/parallel.h"
#include "vectors/topk_candidates.h"

namespace fastnlp {
namespace {

class Answering {
 public:
  Answering(const StoredRows& rows, std::span<const float> inverse_norms, const AnalogyQuestions& questions,
            AnalogyScore score, std::int64_t k, std::int64_t first_row, const Nearest* so_far)
      : kernels_(nearest_kernels()),
        rows_(rows),
        inverse_norms_(inverse_norms),
        questions_(questions),
        by_products_(score == AnalogyScore::kProduct),
        k_(k),
        first_row_(first_row),
        so_far_(so_far),
        words_(static_cast<std::int64_t>(questions.word_rows.size())),
        asked_(static_cast<std::int64_t>(questions.asked.size()) / 3),
        units_(unit_queries(questions.words, words_, rows.dim)) {}

  Nearest run(int threads) const;

 private:
  void answer(Range tiles, Best* best) const;
  void pack(std::int64_t first, std::int64_t count, float* packed, float* room) const;

  const NearestKernels& kernels_;
  const StoredRows rows_;
  std::span<const float> inverse_norms_;
  const AnalogyQuestions questions_;
  bool by_products_;
  std::int64_t k_;
  std::int64_t first_row_;
  const Nearest* so_far_;
  std::int64_t words_;
  std::int64_t asked_;
  std::vector<float> units_;
};

// `count` rows of length 1, interleaved as packed[d][row]; zeros behind them.
void Answering::pack(std::int64_t first, std::int64_t count, float* packed, float* room) const {
  const std::int64_t width = kernels_.tile_queries;
  std::fill(packed, packed + rows_.dim * width, 0.0f);
  const Rows block = rows_.block(first, count, room);
  for (std::int64_t r = 0; r < count; ++r) {
    const float scale = inverse_norms_[static_cast<std::size_t>(first + r)];
    if (scale == 0.0f) continue;
    const float* const row = block.row(r);
    for (std::int64_t d = 0; d < rows_.dim; ++d) packed[d * width + r] = row[d] * scale;
  }
}

void Answering::answer(Range tiles, Best* best) const {
  const std::int64_t width = kernels_.tile_queries;
  std::vector<float> packed(static_cast<std::size_t>(rows_.dim * width)), room(rows_.room(width));
  std::vector<float> cosines(static_cast<std::size_t>(words_ * width)), peaks(cosines.size());
  const std::vector<float> ones(static_cast<std::size_t>(words_), 1.0f);
  std::vector<float> thresholds(static_cast<std::size_t>(asked_));
  for (std::int64_t q = 0; q < asked_; ++q) thresholds[static_cast<std::size_t>(q)] = best[q].threshold();
  std::vector<std::int32_t> reached(static_cast<std::size_t>(asked_) + 1);
  std::vector<float> scores(static_cast<std::size_t>(width));
  for (std::int64_t tile = tiles.first; tile < tiles.last; ++tile) {
    const std::int64_t first = tile * width, count = std::min(width, rows_.count - first);
    pack(first, count, packed.data(), room.data());
    kernels_.tile(units_.data(), rows_.dim, words_, packed.data(), rows_.dim, ones.data(), cosines.data(),
                  peaks.data());
    const std::int64_t found = kernels_.reaching(cosines.data(), questions_.asked.data(), asked_,
                                                 by_products_, thresholds.data(), reached.data());
    for (std::int64_t i = 0; i < found; ++i) {
      const std::int32_t q = reached[static_cast<std::size_t>(i)];
      const std::int32_t* const asked = questions_.asked.data() + 3 * std::int64_t{q};
      kernels_.combine(cosines.data(), asked, by_products_, scores.data());
      for (std::int64_t r = 0; r < count; ++r) {
        const auto index = static_cast<std::int32_t>(first_row_ + first + r);
        const float score = scores[static_cast<std::size_t>(r)];
        if (!(score > best[q].threshold())) continue;
        const bool own = std::any_of(asked, asked + 3, [&](std::int32_t word) {
          return questions_.word_rows[static_cast<std::size_t>(word)] == index;
        });
        if (!own) best[q].offer({score, index});
      }
      thresholds[static_cast<std::size_t>(q)] = best[q].threshold();
    }
  }
}

Nearest Answering::run(int threads) const {
  const std::int64_t width = kernels_.tile_queries, tiles = (rows_.count + width - 1) / width;
  const double work = static_cast<double>(rows_.count) * static_cast<double>(words_ * rows_.dim + asked_);
  const std::int64_t parts =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(work / kWorthAThread), 1,
                               std::min<std::int64_t>(threads, std::max<std::int64_t>(tiles, 1)));
  std::vector<Candidate> heaps(static_cast<std::size_t>(parts * asked_ * k_));
  std::vector<Best> best(static_cast<std::size_t>(parts * asked_));
  for (std::size_t i = 0; i < best.size(); ++i) {
    best[i].places = std::span(heaps).subspan(i * static_cast<std::size_t>(k_), static_cast<std::size_t>(k_));
    const std::size_t q = i % static_cast<std::size_t>(asked_);
    if (so_far_ != nullptr) best[i].floor = so_far_->scores[(q + 1) * static_cast<std::size_t>(k_) - 1];
  }
  on_threads(static_cast<int>(parts),
             [&](int t) { answer(part(tiles, parts, t), best.data() + t * asked_); });

  Nearest out;
  out.indices.assign(static_cast<std::size_t>(asked_ * k_), -1);
  out.scores.assign(out.indices.size(), kNothing);
  std::vector<Candidate> merged;
  for (std::int64_t q = 0; q < asked_; ++q) {
    merged.clear();
    if (so_far_ != nullptr) append_found(*so_far_, q, k_, merged);
    for (std::int64_t t = 0; t < parts; ++t) {
      const Best& of_part = best[static_cast<std::size_t>(t * asked_ + q)];
      merged.insert(merged.end(), of_part.places.begin(),
                    of_part.places.begin() + static_cast<std::ptrdiff_t>(of_part.used));
    }
    keep_best(merged, q, k_, out);
  }
  return out;
}

}  // namespace

Nearest answer_analogies(const StoredRows& rows, std::span<const float> inverse_norms,
                         const AnalogyQuestions& questions, AnalogyScore score, std::int64_t k, int threads,
                         std::int64_t first_row, const Nearest* so_far) {
  const auto words = static_cast<std::int64_t>(questions.word_rows.size());
  check_search(rows, inverse_norms, questions.words, words, k, {}, threads, first_row);
  if (questions.asked.size() % 3 != 0) {
    refuse("asked", "three words a question", std::to_string(questions.asked.size()) + " words");
  }
  const auto asked = static_cast<std::int64_t>(questions.asked.size()) / 3;
  check_ids("asked", questions.asked, words);
  check_so_far(so_far, asked, k);
  if (asked == 0) return {};
  return Answering(rows, inverse_norms, questions, score, k, first_row, so_far).run(threads);
}

}  // namespace fastnlp
