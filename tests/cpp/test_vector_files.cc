#include <bit>
#include <cmath>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "vectors/compact_rows.h"
#include "vectors/decimal.h"
#include "vectors/word_index.h"

using namespace fastnlp;

namespace {

struct Packed {
  explicit Packed(const std::vector<std::string>& words) {
    offsets.push_back(0);
    for (const std::string& word : words) {
      data += word;
      offsets.push_back(static_cast<std::int64_t>(data.size()));
    }
  }
  PackedWords view() const { return {data, offsets}; }

  std::string data;
  std::vector<std::int64_t> offsets;
};

}  // namespace

TEST(common_decimals_are_those_of_strtof) {
  std::mt19937_64 generator(1);
  for (int i = 0; i < 200000; ++i) {
    const std::uint64_t draw = generator();
    std::string text = draw & 1 ? "-" : "";
    text += std::to_string((draw >> 8) % (draw & 2 ? 10 : 2000));
    const auto digits = (draw >> 2) & 15;
    if (digits != 0) text += '.';
    for (std::uint64_t d = 0; d < digits; ++d) text += static_cast<char>('0' + (generator() % 10));
    if ((draw & 0xC0) == 0) {
      text += 'e';
      text += std::to_string(static_cast<int>((draw >> 40) % 50) - 30);
    }
    const std::size_t length = text.size();
    text += " 0.5 999999999999999999999999999999";
    float value = 0.0f;
    const char* end = parse_common_decimal(text.data(), value);
    float any = 0.0f;
    CHECK(parse_decimal({text.data(), length}, any) == Number::kFinite);
    const auto expected = std::bit_cast<std::uint32_t>(std::strtof(text.c_str(), nullptr));
    CHECK(std::bit_cast<std::uint32_t>(any) == expected);
    if (end != nullptr) {
      CHECK(end == text.data() + length);
      CHECK(std::bit_cast<std::uint32_t>(value) == expected);
    }
  }
}

TEST(words_of_any_length_are_found_and_no_others) {
  std::vector<std::string> words = {""};
  for (int i = 0; i < 5000; ++i)
    words.push_back(std::string(static_cast<std::size_t>(i % 40), 'x') + std::to_string(i));
  const Packed packed(words);
  const WordIndex index = build_word_index(packed.view());
  const IndexedWords indexed(packed.view(), index.slots, index.salt);
  for (std::size_t row = 0; row < words.size(); ++row) {
    CHECK(indexed.find(words[row]) == static_cast<std::int64_t>(row));
    CHECK(indexed.word(static_cast<std::int64_t>(row)) == words[row]);
    CHECK(indexed.find(words[row] + "?") == -1);
  }
  CHECK_THROWS(std::out_of_range, indexed.word(5001));
  CHECK_THROWS(std::out_of_range, indexed.word(-1));
}

TEST(equal_words_and_wrong_offsets_are_refused) {
  CHECK_THROWS(std::invalid_argument, build_word_index(Packed({"a", "b", "a"}).view()));
  Packed packed({"a", "b"});
  packed.offsets[1] = 7;
  CHECK_THROWS(std::invalid_argument, build_word_index(packed.view()));
}

TEST(an_index_of_any_bytes_reads_nothing_outside) {
  const Packed packed({"one", "two", "three"});
  const WordIndex good = build_word_index(packed.view());
  std::mt19937_64 generator(2);
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::int64_t> offsets = packed.offsets;
    std::vector<std::uint64_t> slots = good.slots;
    offsets[generator() % offsets.size()] = static_cast<std::int64_t>(generator() >> (generator() % 64));
    slots[generator() % slots.size()] = generator() >> (generator() % 64);
    // The hash of a word, so that its tag fits, over a row that does not.
    for (std::uint64_t& slot : slots) {
      if (slot != 0 && generator() % 4 == 0) slot = (slot & 0xFFFFFFFF00000000u) | (generator() % 9);
    }
    const IndexedWords indexed({packed.data, offsets}, slots, good.salt);
    for (const char* word : {"one", "two", "three", "four", ""}) {
      try {
        const std::int64_t row = indexed.find(word);
        CHECK(row == -1 || indexed.word(row) == word);
      } catch (const std::invalid_argument&) {
      }
    }
  }
  CHECK_THROWS(std::invalid_argument, IndexedWords({packed.data, packed.offsets}, {}, 0));
  CHECK_THROWS(std::invalid_argument, IndexedWords({packed.data, {}}, good.slots, 0));
}

TEST(a_full_table_ends_a_search) {
  const Packed packed({"one"});
  const std::vector<std::uint64_t> slots(1 << 12, 1);
  CHECK(IndexedWords(packed.view(), slots, 0).find("nobody") == -1);
}

TEST(int8_rows_come_back_within_half_a_step) {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  std::vector<float> rows(50 * 7);
  for (float& x : rows) x = normal(generator);
  std::vector<std::int8_t> values(rows.size());
  std::vector<float> scales(50), back(rows.size());
  encode_int8(rows, 7, 0, values, scales);
  decode_int8(values, scales, back, 2);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(std::fabs(back[i] - rows[i]) <= 0.5001f * scales[i / 7]);
  }
  rows[8] = NAN;
  CHECK_THROWS(std::invalid_argument, encode_int8(rows, 7, 0, values, scales));
  CHECK_THROWS(std::invalid_argument, encode_int8(rows, 6, 0, values, scales));
  CHECK_THROWS(std::invalid_argument, decode_int8(values, scales, {back.data(), 3}, 1));
  const std::vector<std::uint16_t> halves(5);
  CHECK_THROWS(std::invalid_argument, decode_half(halves, {back.data(), 3}, 1));
}
