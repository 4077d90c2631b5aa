#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "sampling/subwords.h"
#include "text/ngrams.h"
#include "vectors/fasttext_words.h"
#include "vectors/subword_vectors.h"

using namespace fastnlp;

namespace {

std::vector<std::string> ngrams_of(std::string_view word, NgramRule rule) {
  std::string marked;
  mark_word(marked, word);
  std::vector<std::string> out;
  for_each_ngram(marked, rule, [&](std::size_t begin, std::size_t end, std::uint32_t hash) {
    out.push_back(marked.substr(begin, end - begin));
    CHECK(hash == fasttext_hash(out.back()));
  });
  return out;
}

const std::vector<std::int64_t> kOneWord{0, 5};
const PackedWords kWhere{"where", kOneWord};

FloatRows rows_of(const std::vector<float>& values, std::int64_t dim) {
  return {reinterpret_cast<const std::byte*>(values.data()), static_cast<std::int64_t>(values.size()) / dim,
          4 * dim};
}

}  // namespace

TEST(where_has_the_ngrams_of_the_book) {
  CHECK((ngrams_of("where", {3, 3}) == std::vector<std::string>{"<wh", "whe", "her", "ere", "re>"}));
}

TEST(marks_alone_are_no_ngrams) {
  CHECK((ngrams_of("a", {1, 2}) == std::vector<std::string>{"<a", "a", "a>"}));
}

TEST(a_code_point_is_never_cut) {
  CHECK((ngrams_of("é", {1, 3}) == std::vector<std::string>{"<é", "<é>", "é", "é>"}));
  // Continuation bytes belong to what stands before them, here to '<'.
  CHECK(ngrams_of("\x80\x80\xff", {1, 64}).size() == 4);
}

TEST(the_hash_widens_bytes_with_their_sign) {
  CHECK(fasttext_hash("") == 2166136261u);
  CHECK(fasttext_hash("a") == 0xE40C292Cu);  // FNV-1a's published value
  CHECK(fasttext_hash("\xff") == (2166136261u ^ 0xFFFFFFFFu) * 16777619u);
}

TEST(rules_out_of_range_are_refused) {
  CHECK_THROWS(std::invalid_argument, (hashed_ngrams(kWhere, {0, 3}, 10, 1), 0));
  CHECK_THROWS(std::invalid_argument, (hashed_ngrams(kWhere, {4, 3}, 10, 1), 0));
  CHECK_THROWS(std::invalid_argument, (hashed_ngrams(kWhere, {3, 65}, 10, 1), 0));
  CHECK_THROWS(std::invalid_argument, (hashed_ngrams(kWhere, {3, 6}, 0, 1), 0));
  CHECK(hashed_ngrams(kWhere, {3, 0}, 10, 1).ids.empty());
}

TEST(a_word_is_the_mean_or_the_sum_of_its_rows) {
  const std::vector<float> word{8.0f, 0.0f}, ngrams{1.0f, 2.0f, 3.0f, 4.0f};
  const Subwords found = hashed_ngrams(kWhere, {3, 3}, 2, 1);
  float expected[2] = {8.0f, 0.0f};
  for (const std::int32_t bucket : found.ids) {
    for (int d = 0; d < 2; ++d) expected[d] += ngrams[static_cast<std::size_t>(2 * bucket + d)];
  }
  SubwordTable table{.words = rows_of(word, 2),
                     .ngrams = rows_of(ngrams, 2),
                     .row_bucket = {},
                     .buckets = 2,
                     .rule = {3, 3},
                     .mean = false};
  const std::vector<std::int64_t> own{0};
  float out[2];
  compose_vectors(table, kWhere, own, 2, out, 1);
  CHECK(out[0] == expected[0] && out[1] == expected[1]);
  table.mean = true;
  compose_vectors(table, kWhere, own, 2, out, 1);
  CHECK(std::abs(out[0] - expected[0] / 6) < 1e-6f && std::abs(out[1] - expected[1] / 6) < 1e-6f);

  // A bucket without a row adds nothing and counts all the same.
  const std::vector<std::int32_t> kept{1};
  const std::vector<std::int64_t> none{-1};
  table.row_bucket = kept;
  const std::vector<float> zero_and_kept{0.0f, 0.0f, 3.0f, 4.0f};
  table.ngrams = {rows_of(zero_and_kept, 2).data + 8, 1, 8};
  compose_vectors(table, kWhere, none, 2, out, 1);
  float again[2];
  table.row_bucket = {};
  table.ngrams = rows_of(zero_and_kept, 2);
  compose_vectors(table, kWhere, none, 2, again, 1);
  CHECK(out[0] == again[0] && out[1] == again[1]);
}

TEST(rows_that_do_not_exist_are_refused) {
  const std::vector<float> ngrams(4);
  const SubwordTable table{.words = {},
                           .ngrams = rows_of(ngrams, 2),
                           .row_bucket = {},
                           .buckets = 3,
                           .rule = {3, 3},
                           .mean = true};
  float out[2];
  const std::vector<std::int64_t> none{-1}, first{0};
  CHECK_THROWS(std::invalid_argument, (compose_vectors(table, kWhere, none, 2, out, 1), 0));
  CHECK_THROWS(std::out_of_range, (compose_vectors(table, kWhere, first, 2, out, 1), 0));
}

TEST(words_of_a_model_survive_and_damage_is_refused) {
  const std::vector<std::int64_t> offsets{0, 2, 5}, counts{7, 1};
  const std::string bytes = format_fasttext_words({"abcde", offsets}, counts);
  const FastTextWords found = parse_fasttext_words(bytes, 2, 0);
  CHECK(found.data == "abcde" && found.offsets == offsets && found.counts == counts);
  CHECK(found.labels == 0 && found.consumed == static_cast<std::int64_t>(bytes.size()));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS(std::invalid_argument, parse_fasttext_words(std::string_view(bytes).substr(0, size), 2, 0));
  }
  CHECK_THROWS(std::invalid_argument, parse_fasttext_words(bytes, -1, 0));
  CHECK_THROWS(std::invalid_argument, parse_fasttext_words(bytes, std::int64_t{1} << 60, 0));
}
