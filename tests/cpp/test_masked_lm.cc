#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "sampling/masked_lm.h"
#include "sampling/shuffled.h"

using namespace fastnlp;

namespace {

// Twelve sentences of 1 to 12 tokens in four documents; ids 4 to 9, and four special ones below.
struct Text {
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> sentences{0}, documents{0, 2, 3, 8, 12};
  std::vector<std::uint8_t> flags{1, 1, 1, 1, 0, 0, 0, 0, 0, 0};
  std::vector<std::int32_t> drawable{4, 5, 6, 7, 8, 9};

  Text() {
    for (std::int64_t s = 1; s <= 12; ++s) sentences.push_back(sentences.back() + s);
    for (std::int64_t t = 0; t < sentences.back(); ++t) ids.push_back(static_cast<std::int32_t>(4 + t % 6));
  }
  Bounds bounds() const { return {sentences, documents}; }
  MaskedLmOptions options(std::int64_t max_len, bool packed) const {
    return {.max_len = max_len,
            .cls = 0,
            .sep = 1,
            .pad = 3,
            .pairs = {.room = max_len - 3,
                      .packed = packed,
                      .short_limit = threshold(0.3),
                      .random_limit = threshold(0.5)},
            .masks = {.most = max_len,
                      .mask_limit = threshold(0.8),
                      .random_limit = threshold(0.9),
                      .mask = 2,
                      .flags = flags,
                      .drawable = drawable},
            .seed = 5};
  }
};

}  // namespace

TEST(an_order_that_is_never_written_down_holds_every_number) {
  for (const std::int64_t n : {1, 2, 3, 255, 256, 257, 5000}) {
    const Shuffled order(n, 1, 2, 3);
    std::vector<std::int64_t> seen;
    for (std::int64_t i = 0; i < n; ++i) seen.push_back(order[i]);
    std::sort(seen.begin(), seen.end());
    for (std::int64_t i = 0; i < n; ++i) CHECK(seen[static_cast<std::size_t>(i)] == i);
  }
  const std::int64_t far = Shuffled(std::int64_t{1} << 62, 1, 2, 3)[(std::int64_t{1} << 62) - 1];
  CHECK(far >= 0 && far < std::int64_t{1} << 62);
}

TEST(pairs_lie_in_the_text_and_as_many_are_written_as_counted) {
  const Text text;
  for (const bool packed : {false, true}) {
    const MaskedLm core(text.ids, text.bounds(), text.options(12, packed));
    for (std::uint32_t epoch = 0; epoch < 50; ++epoch) {
      const PairRules& rules = core.options().pairs;
      const auto counts = count_pairs(text.bounds(), rules, 5, epoch, 2);
      std::vector<Pair> pairs(static_cast<std::size_t>(counts.back()));
      write_pairs(text.bounds(), rules, 5, epoch, counts, 2, pairs.data());
      CHECK(packed || pairs.size() == 8);
      std::vector<std::int64_t> numbers(pairs.size());
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i);
      CHECK(core.longest(pairs, numbers) <= 12);
      for (const Pair& pair : pairs) {
        const Truncated cut = truncated(pair, 9, 5, epoch);
        CHECK(cut.a_tokens > 0 && cut.b_tokens > 0 && cut.a_tokens + cut.b_tokens <= 9);
        CHECK(cut.a >= pair.a && cut.a + cut.a_tokens <= pair.a + pair.a_tokens);
        CHECK(cut.b >= pair.b() && cut.b + cut.b_tokens <= pair.b() + pair.b_tokens);
      }
    }
  }
}

TEST(a_row_of_running_text_goes_round_the_end) {
  const Text text;
  const MaskedLm core(text.ids, text.bounds(), text.options(9, true));
  CHECK(core.full_rows() == (78 + 4) / 7);
  const std::int64_t rows = core.full_rows();
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < rows; ++i) numbers.push_back(i);
  const auto size = static_cast<std::size_t>(rows);
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i <= rows; ++i) starts.push_back(9 * i);
  std::vector<std::int32_t> tokens(size * 9), segments(size * 9), lengths(size), positions(size),
      labels(size);
  std::vector<float> weights(size);
  for (std::uint32_t epoch = 0; epoch < 100; ++epoch) {
    core.fill_full(numbers, epoch, 1,
                   {.starts = starts.data(),
                    .predictions = 1,
                    .tokens = tokens.data(),
                    .segments = segments.data(),
                    .lengths = lengths.data(),
                    .positions = positions.data(),
                    .weights = weights.data(),
                    .labels = labels.data()});
    CHECK(std::all_of(lengths.begin(), lengths.end(), [](std::int32_t n) { return n == 9; }));
    CHECK(std::all_of(labels.begin(), labels.end(), [](std::int32_t id) { return id >= 4; }));
  }
}

TEST(offsets_that_do_not_rise_are_refused) {
  const Text text;
  const std::vector<std::int64_t> documents{0, 2, 2, 12};
  CHECK_THROWS(std::invalid_argument,
               MaskedLm(text.ids, Bounds{text.sentences, documents}, text.options(9, true)));
  const std::vector<std::int64_t> numbers{1};
  const MaskedLm core(text.ids, text.bounds(), text.options(9, true));
  CHECK_THROWS(std::out_of_range, core.longest(std::vector<Pair>(1), numbers));
}
