#include <algorithm>
#include <atomic>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "sampling/alias.h"
#include "sampling/batches.h"
#include "sampling/negatives.h"
#include "sampling/subsample.h"
#include "sampling/windows.h"
#include "support/parallel.h"

using namespace fastnlp;

TEST(every_index_is_visited_once_by_any_number_of_threads) {
  for (const int threads : {1, 2, 7}) {
    std::vector<std::atomic<int>> visits(1000);
    for_each_block(1000, 64, threads, [&](std::int64_t block, std::int64_t begin, std::int64_t end) {
      CHECK(begin == block * 64);
      for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    for (const auto& count : visits) CHECK(count == 1);
  }
}

TEST(an_exception_in_a_block_reaches_the_caller) {
  CHECK_THROWS(std::invalid_argument, (for_each_block(1000, 1, 4,
                                                      [](std::int64_t block, auto, auto) {
                                                        if (block == 500) throw std::invalid_argument("here");
                                                      }),
                                       0));
}

TEST(alias_probabilities_are_the_weights) {
  const std::vector<double> weights{1.0, 0.0, 2.0, 5.0};
  const std::vector<double> drawn = AliasTable(weights).probabilities();
  for (std::size_t i = 0; i < weights.size(); ++i) CHECK(std::abs(drawn[i] - weights[i] / 8.0) < 1e-9);
}

TEST(subsampling_keeps_positions_and_empty_sentences) {
  const std::vector<std::int32_t> ids{0, 1, 0, 1, 1};
  const std::vector<std::int64_t> offsets{0, 0, 3, 5, 5};
  const std::vector<double> keep{0.0, 1.0};
  const Subsample kept = subsample(ids, offsets, keep, 1, 0, 2);
  CHECK((kept.ids == Buffer<std::int32_t>{1, 1, 1}));
  CHECK((kept.positions == Buffer<std::int64_t>{1, 3, 4}));
  CHECK((kept.sentence_offsets == Buffer<std::int64_t>{0, 0, 1, 3, 3}));
}

TEST(windows_stay_in_their_sentence) {
  const std::vector<std::int32_t> ids{5, 6, 7, 8, 9};
  const std::vector<std::int64_t> offsets{0, 2, 3, 5};
  const Windows found = windows(ids, offsets, {}, {.window = 9, .shrink = false}, 1, 0, 1);
  CHECK((found.centers == Buffer<std::int32_t>{5, 6, 8, 9}));
  CHECK((found.contexts == Buffer<std::int32_t>{6, 5, 9, 8}));
  CHECK((found.positions == Buffer<std::int64_t>{0, 1, 3, 4}));
}

TEST(negatives_end_where_hardly_a_word_is_left) {
  std::vector<double> weights(100, 0.0);
  weights[0] = 1e9;
  weights[99] = 1e-9;
  const std::vector<std::int32_t> contexts{0};
  const std::vector<std::int64_t> offsets{0, 1}, positions{0};
  // 1e-18 of the weight is below the table's resolution of 2^-32 a column.
  for (const std::int32_t id : negatives(contexts, offsets, positions, {}, AliasTable(weights), 3, 1, 0, 1)) {
    CHECK(id == 99);
  }
}

TEST(any_number_of_threads_draws_the_same) {
  std::vector<std::int32_t> ids(200'000);
  std::vector<std::int64_t> offsets{0};
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * i % 1009);
  while (offsets.back() < 200'000) offsets.push_back(std::min<std::int64_t>(offsets.back() + 30, 200'000));
  const std::vector<double> keep(1009, 0.7), weights(1009, 1.0);
  const AliasTable noise(weights);
  const Subsample one = subsample(ids, offsets, keep, 1, 0, 1), four = subsample(ids, offsets, keep, 1, 0, 4);
  CHECK(one.ids == four.ids && one.positions == four.positions);
  CHECK(one.sentence_offsets == four.sentence_offsets);
  const Windows narrow = windows(one.ids, one.sentence_offsets, one.positions, {}, 1, 0, 1);
  const Windows wide = windows(one.ids, one.sentence_offsets, one.positions, {}, 1, 0, 4);
  CHECK(narrow.contexts == wide.contexts && narrow.context_offsets == wide.context_offsets);
  CHECK(narrow.centers == wide.centers && narrow.positions == wide.positions);
  const auto drawn = [&](int threads) {
    return negatives(narrow.contexts, narrow.context_offsets, narrow.positions, narrow.centers, noise, 2, 1,
                     0, threads);
  };
  CHECK(drawn(1) == drawn(4));
}

TEST(a_permutation_holds_every_index) {
  Buffer<std::int64_t> order = permutation(1000, 3, 0);
  std::sort(order.begin(), order.end());
  for (std::int64_t i = 0; i < 1000; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
}

TEST(a_row_whose_offsets_leave_the_array_is_refused) {
  const std::vector<std::int32_t> centers{1}, contexts{2};
  const std::vector<std::int64_t> offsets{0, 5}, rows{0};
  CHECK_THROWS(std::invalid_argument, padded_width({centers, contexts, offsets, {}, {}, 0}, rows));
}
