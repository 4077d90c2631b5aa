#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "sampling/huffman.h"
#include "support/philox.h"
#include "training/tables.h"
#include "training/word2vec.h"
#include "training/word2vec_worker.h"

using namespace fastnlp;

namespace {

constexpr std::int64_t kVocabulary = 30, kDim = 20, kPitch = 32;

struct alignas(64) Row {
  float values[kPitch];
};

Table table_of(std::vector<Row>& rows) {
  return {reinterpret_cast<float*>(rows.data()), static_cast<std::int64_t>(rows.size()), kPitch};
}

// Two tables that start from their seeds, and words in sentences of seven to train them on.
struct Problem {
  explicit Problem(std::int64_t tokens) {
    for (std::int64_t i = 0; i < tokens; ++i) {
      const Block words = philox::block(5, Stream::kShuffle, 0, static_cast<std::uint64_t>(i), 0);
      ids.push_back(static_cast<std::int32_t>(below(words[0], kVocabulary)));
      if (i % 7 == 0) offsets.push_back(i);
    }
    offsets.push_back(tokens);
    for (int i = 0; i < kVocabulary; ++i) noise.push_back(i + 1.0);
    fill_uniform(table_of(input), kDim, 0.5f, 1, 1);
    fill_uniform(table_of(output), kDim, 0.5f, 2, 1);
  }
  Word2Vec model(const std::string& simd, bool deterministic = false) const {
    return Word2Vec(ids, offsets, keep, noise,
                    {.dim = kDim,
                     .window = 3,
                     .negatives = 7,
                     .sharing = Sharing::kCenter,
                     .deterministic = deterministic,
                     .seed = 1,
                     .lr = 0.05,
                     .min_lr = 0.0,
                     .epochs = 1},
                    simd.c_str());
  }
  // Of negatives that a center shares, or of a tree.
  Word2VecPlan plan(const std::string& simd, const TreePaths* tree) const {
    Word2VecPlan found{.ids = ids,
                       .offsets = offsets,
                       .keep = std::vector<std::uint32_t>(kVocabulary, threshold(1.0)),
                       .noise = {},
                       .options = {.dim = kDim, .window = 3, .sharing = Sharing::kCenter},
                       .parts = {},
                       .tree = {},
                       .columns = 6,
                       .kernels = word2vec_kernels(simd.c_str()),
                       .piece = 1'000,
                       .longest_stretch = 1'000};
    if (tree) {
      found.tree = {tree->path, tree->offsets};
      found.columns = kVocabulary;
    } else {
      found.noise.emplace(noise);
    }
    return found;
  }

  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> offsets;
  std::vector<double> keep = std::vector<double>(kVocabulary, 0.75), noise;
  std::vector<Row> input = std::vector<Row>(kVocabulary), output = std::vector<Row>(kVocabulary);
};

// Sum of squares, and of the products of neighbours: a wrong number anywhere in the table shows in them.
struct Fingerprint {
  explicit Fingerprint(const std::vector<Row>& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::int64_t d = 0; d < kPitch; ++d) {
        squares += static_cast<double>(rows[i].values[d]) * rows[i].values[d];
        if (i > 0) neighbours += static_cast<double>(rows[i].values[d]) * rows[i - 1].values[d];
      }
    }
  }
  double squares = 0.0, neighbours = 0.0;
};

bool near(double value, double expected) { return std::fabs(value - expected) < 2e-5 * std::fabs(expected); }

}  // namespace

// The expected numbers are those of tests/oracles/word2vec.py in float64, so that machines on which the
// Python tests cannot run are held to the oracle too.
TEST(every_instruction_set_trains_the_numbers_of_the_oracle) {
  for (const std::string& simd : word2vec_supported()) {
    Problem problem(900);
    const SliceReport report =
        problem.model(simd).train(table_of(problem.input), table_of(problem.output), 0, 0, 1, 1e9);
    CHECK(report.kept == 674 && report.pairs == 1818);
    const Fingerprint input(problem.input), output(problem.output);
    // The order of updates follows the sizes of blocks, and these the lanes of a vector.
    const auto is = [&](double value, double avx512, double avx2, double baseline) {
      return near(value, simd == "avx512" ? avx512 : simd == "avx2" ? avx2 : baseline);
    };
    CHECK(is(problem.input[0].values[0], -0.3274607, -0.3265952, -0.3255763));
    CHECK(is(problem.output[29].values[19], 0.4358854, 0.4287853, 0.4280638));
    CHECK(is(input.squares, 89.569121, 93.356065, 93.455642));
    CHECK(is(output.squares, 102.737926, 99.906741, 99.789544));
    CHECK(is(input.neighbours, 51.526711, 55.063537, 55.169513));
  }
}

TEST(a_slice_ends_after_a_whole_unit_and_the_next_goes_on) {
  Problem whole(50'000), sliced(50'000);
  const Word2Vec model = whole.model("baseline");
  CHECK(model.units() == 13);
  CHECK(model.train(table_of(whole.input), table_of(whole.output), 0, 0, 1, 1e9).next_unit == 13);
  for (std::int64_t unit = 0; unit < 13; ++unit) {
    CHECK(model.train(table_of(sliced.input), table_of(sliced.output), 0, unit, 1, 0.0).next_unit ==
          unit + 1);
  }
  for (std::size_t i = 0; i < whole.input.size(); ++i) {
    for (std::int64_t d = 0; d < kPitch; ++d) {
      CHECK(whole.input[i].values[d] == sliced.input[i].values[d]);
      CHECK(whole.output[i].values[d] == sliced.output[i].values[d]);
    }
  }
}

// Threads race on the tables by design, and on nothing else (under ThreadSanitizer: tests/cpp/hogwild.supp).
TEST(threads_share_out_every_unit_once) {
  Problem one(60'000), four(60'000);
  const SliceReport alone =
      one.model("baseline").train(table_of(one.input), table_of(one.output), 0, 0, 1, 1e9);
  const SliceReport shared =
      four.model("baseline").train(table_of(four.input), table_of(four.output), 0, 0, 4, 1e9);
  CHECK(shared.kept == alone.kept && shared.pairs == alone.pairs && shared.loss_pairs == alone.loss_pairs);
  CHECK(shared.next_unit == alone.next_unit);
  CHECK(std::fabs(shared.loss - alone.loss) < 0.05 * alone.loss);
}

// Workers in turns of a sentence or two, as on a machine with a core for each: where threads outnumber the
// cores they take turns of milliseconds instead, in which copies are exchanged many times.
TEST(threads_that_go_on_together_learn_what_one_learns) {
  const std::vector<std::int64_t> counts(kVocabulary, 30);
  const TreePaths tree = tree_paths(huffman_links(counts), kVocabulary);
  for (const bool with_tree : {false, true}) {
    double alone = 0.0;
    for (const int threads : {1, 2, 3, 4, 8, 9, 32}) {
      Problem problem(40'000);
      const Word2VecPlan plan = problem.plan("baseline", with_tree ? &tree : nullptr);
      std::vector<std::unique_ptr<Word2VecWorker>> workers;
      for (int i = 0; i < threads; ++i) {
        workers.push_back(
            std::make_unique<Word2VecWorker>(plan, table_of(problem.input), table_of(problem.output), 0));
        workers.back()->copy_hot_rows(threads);
      }
      for (std::int64_t begin = 0, turn = 0; begin < 40'000; begin += 14, ++turn) {
        Word2VecWorker& worker = *workers[static_cast<std::size_t>(turn % threads)];
        worker.collect(begin, begin + 14, 0.05f);
        worker.train();
      }
      SliceReport report;
      for (const auto& worker : workers) worker->add_to(report);
      const double loss = report.loss / static_cast<double>(report.loss_pairs);
      if (threads == 1) alone = loss;
      CHECK(std::fabs(loss - alone) < 0.02 * alone);
    }
  }
}

// Nobody else trains here, so exchanging copies may change nothing but the last bits.
TEST(a_thread_that_trains_copies_of_hot_rows_learns_what_it_would_without) {
  const std::vector<std::int64_t> counts(kVocabulary, 30);
  const TreePaths tree = tree_paths(huffman_links(counts), kVocabulary);
  for (const std::string& simd : word2vec_supported()) {
    for (const bool with_tree : {false, true}) {
      Problem plain(900), copied(900);
      const Word2VecPlan plan = plain.plan(simd, with_tree ? &tree : nullptr);
      for (const int threads : {1, 2, 5, 64}) {
        Problem& problem = threads == 1 ? plain : (copied = Problem(900));
        Word2VecWorker worker(plan, table_of(problem.input), table_of(problem.output), 0);
        worker.copy_hot_rows(threads);
        for (const HotRows& hot : {worker.job().hot_inputs, worker.job().hot_outputs}) {
          CHECK(hot.rows == (threads == 1 || threads == 64 ? 0 : kVocabulary / 8));
        }
        for (std::int64_t begin = 0; begin < 900; begin += 300) {
          worker.collect(begin, begin + 300, 0.05f);
          worker.train();
        }
        worker.return_copies();
        for (std::size_t i = 0; i < problem.input.size(); ++i) {
          for (std::int64_t d = 0; d < kDim; ++d) {
            CHECK(std::fabs(plain.input[i].values[d] - problem.input[i].values[d]) < 1e-5f);
            CHECK(std::fabs(plain.output[i].values[d] - problem.output[i].values[d]) < 1e-5f);
          }
        }
      }
    }
  }
}

TEST(tables_start_from_their_seed_on_any_number_of_threads) {
  std::vector<Row> one(20'000), four(20'000);
  fill_uniform(table_of(one), kDim, 0.5f, 9, 1);
  fill_uniform(table_of(four), kDim, 0.5f, 9, 4);
  for (std::size_t i = 0; i < one.size(); ++i) {
    for (std::int64_t d = 0; d < kPitch; ++d) {
      CHECK(one[i].values[d] == four[i].values[d]);
      CHECK(d < kDim ? std::fabs(one[i].values[d]) <= 0.5f : one[i].values[d] == 0.0f);
    }
  }
}

TEST(deterministic_rounds_give_the_same_bits_on_any_number_of_threads) {
  Problem one(5'000);
  const SliceReport alone =
      one.model("baseline", true).train(table_of(one.input), table_of(one.output), 0, 0, 1, 1e9);
  CHECK(alone.next_unit == 6);
  for (const int threads : {2, 5, 20}) {
    Problem many(5'000);
    const SliceReport shared =
        many.model("baseline", true).train(table_of(many.input), table_of(many.output), 0, 0, threads, 1e9);
    CHECK(shared.kept == alone.kept && shared.pairs == alone.pairs && shared.loss == alone.loss);
    for (std::size_t i = 0; i < one.input.size(); ++i) {
      for (std::int64_t d = 0; d < kPitch; ++d) {
        CHECK(one.input[i].values[d] == many.input[i].values[d]);
        CHECK(one.output[i].values[d] == many.output[i].values[d]);
      }
    }
  }
}
