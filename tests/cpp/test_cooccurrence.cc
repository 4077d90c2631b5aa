#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.h"
#include "sampling/cooccurrence.h"
#include "sampling/row_sums.h"
#include "sampling/sentence_bounds.h"
#include "support/file.h"

using namespace fastnlp;

TEST(a_window_ends_where_its_sentence_does) {
  const std::vector<std::int64_t> begins{0, 1, 64, 70, 200, 300};  // the last is the end of the text
  SentenceBounds bounds;
  bounds.reset(301);
  for (const std::int64_t at : begins) bounds.begins_at(at);
  for (std::int64_t token = 0; token < 300; ++token) {
    const auto next = std::upper_bound(begins.begin(), begins.end(), token);
    for (const std::int64_t window : {1, 5, 63, 64, 65, 129, 1000}) {
      CHECK(bounds.before(token, window) == std::min(window, token - *(next - 1)));
      CHECK(bounds.after(token, window) == std::min(window, *next - token - 1));
    }
  }
}

TEST(rows_come_out_in_order_near_and_far_between) {
  RowSums<std::int64_t> sums(100'000);
  for (const std::int32_t stride : {1, 7, 9'999}) {
    std::vector<std::int32_t> columns;
    std::vector<std::int64_t> values;
    for (std::int32_t column = 99'999; column >= 0; column -= stride) {
      sums.add(column, column + 1);
      sums.add(column, 1);
    }
    sums.drain(columns, values);
    CHECK(std::is_sorted(columns.begin(), columns.end()));
    CHECK(static_cast<std::int32_t>(columns.size()) == 99'999 / stride + 1);
    for (std::size_t i = 0; i < columns.size(); ++i) CHECK(values[i] == columns[i] + 2);
  }
}

TEST(weights_are_exact_until_they_would_overflow) {
  const DistanceWeights ten = DistanceWeights::make(10, true, 1'000'000);
  CHECK(ten.scale == 2520.0);
  for (std::int64_t d = 1; d <= 10; ++d) CHECK(ten.at[static_cast<std::size_t>(d)] * d == 2520);
  for (const std::int64_t most : {std::int64_t{1}, std::int64_t{1} << 40}) {
    const DistanceWeights far = DistanceWeights::make(1000, true, most);
    double sum = 0.0;
    for (std::int64_t d = 1; d <= 1000; ++d) {
      const auto weight = static_cast<double>(far.at[static_cast<std::size_t>(d)]);
      CHECK(std::abs(weight * static_cast<double>(d) / far.scale - 1.0) < static_cast<double>(d) / far.scale);
      sum += weight;
    }
    CHECK(2.0 * sum * static_cast<double>(most) < 0x1.0p63);
  }
  CHECK(DistanceWeights::make(5, false, 9).scale == 1.0);
  CHECK_THROWS(std::invalid_argument, DistanceWeights::make(10000, true, std::int64_t{1} << 50));
}

TEST(what_the_system_refuses_carries_its_number) {
  CHECK_THROWS(FileError, File::open("/nowhere/at/all"));
  CHECK_THROWS(FileError, File::temporary("/nowhere/at/all"));
  File file = File::temporary("/tmp");
  file.write(10, "abc", 3);
  CHECK(file.size() == 13);
  char back[4] = {};
  file.read(10, back, 3);
  CHECK(std::string(back) == "abc");
  try {
    file.read(11, back, 3);
    CHECK(false);
  } catch (const FileError& error) {
    CHECK(error.code() == 0);
  }
}
