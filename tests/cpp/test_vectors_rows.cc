#include <bit>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "vectors/word2vec_rows.h"

using namespace fastnlp;

TEST(every_finite_float_survives_text) {
  std::mt19937 generator(1);
  for (int i = 0; i < 20000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(generator()));
    if (!std::isfinite(value)) continue;
    const std::string_view token = "w";
    const std::string text = format_text_rows({&token, 1}, &value, 1, 1, 0);
    float back = 0.0f;
    const ParsedRows parsed = parse_text_rows(text, true, 1, {&back, 1}, 1);
    CHECK(parsed.tokens.size() == 1 && parsed.consumed == static_cast<std::int64_t>(text.size()));
    CHECK(std::bit_cast<std::uint32_t>(back) == std::bit_cast<std::uint32_t>(value));
  }
}

// However a block is cut, the rows come out the same.
TEST(a_cut_anywhere_waits_for_the_rest) {
  const std::string_view tokens[] = {"a", "New York", "b"};
  const float table[] = {1.5f, -2.0f, 3e-9f, 4.0f, 5.0f, 6.0f};
  const std::string text = format_text_rows(tokens, table, 2, 2, 0);
  const std::string_view words[] = {"a", "NewYork", "b"};
  const std::string binary = format_binary_rows(words, table, 2, 2, 0);
  for (const bool is_text : {true, false}) {
    const std::string& whole = is_text ? text : binary;
    const auto parse = is_text ? &parse_text_rows : &parse_binary_rows;
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
      std::vector<float> out(6);
      const std::string_view head(whole.data(), cut);
      const ParsedRows first = parse(head, false, 2, out, 1);
      const std::string_view tail = std::string_view(whole).substr(static_cast<std::size_t>(first.consumed));
      const ParsedRows second =
          parse(tail, true, 2, std::span<float>(out).subspan(2 * first.tokens.size()), 1);
      CHECK(first.tokens.size() + second.tokens.size() == 3);
      for (int i = 0; i < 6; ++i) CHECK(out[i] == table[i]);
    }
  }
}

TEST(random_bytes_are_rows_or_refused) {
  std::mt19937 generator(7);
  const std::string alphabet("ab 1.-e\t\n\r\0\xff", 12);
  std::vector<float> out(3 * 50);
  for (int i = 0; i < 50000; ++i) {
    std::string block;
    for (std::size_t length = generator() % 40; length > 0; --length)
      block += alphabet[generator() % alphabet.size()];
    for (const auto parse : {&parse_text_rows, &parse_binary_rows}) {
      try {
        const ParsedRows parsed = parse(block, generator() % 2, 1 + generator() % 3, out, 1);
        CHECK(parsed.consumed >= 0 && parsed.consumed <= static_cast<std::int64_t>(block.size()));
      } catch (const std::invalid_argument&) {
      }
    }
  }
}
