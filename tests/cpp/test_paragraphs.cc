#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "text/packed_words.h"
#include "text/paragraphs.h"

using fastnlp::Paragraphs;

namespace {

std::string written(const Paragraphs& paragraphs, const std::vector<std::int64_t>& order) {
  std::size_t size = 0;
  for (const std::int64_t i : order) size += paragraphs.size(i);
  std::string text(size, '?');
  CHECK(paragraphs.write(order, text.data()) == text.data() + size);
  return text;
}

}  // namespace

TEST(paragraphs_are_lines_with_a_full_stop_between_spaces) {
  const std::string text =
      " = T = \r\n One Two . Three .\tfour\n\na.b .c\r \t\x1dX . . Y . \x1f\nend . \xC3\x89.";
  const Paragraphs paragraphs(text);
  CHECK(paragraphs.count() == 3);
  CHECK(paragraphs[0] == "One Two . Three .\tfour");
  CHECK(paragraphs[1] == "X . . Y .");
  // The space between two full stops divides once.
  CHECK(written(paragraphs, {2, 0}) == "end \n \xC3\x89.\n\none two \n three .\tfour\n\n");
  CHECK(written(paragraphs, {1, 1}) == "x \n . y .\n\nx \n . y .\n\n");
  CHECK_THROWS(std::out_of_range, paragraphs[3]);
  CHECK_THROWS(std::out_of_range, paragraphs[-1]);
}

TEST(paragraphs_with_a_character_are_found_and_replaced) {
  const std::string text =
      "\xC3\x89 .  1\n\xE2\x80\x83 . 2\n\xF0\x9F\x98\x80 . 3\n4 . \xC3\xA9\nno \xC3\xB1\n";
  Paragraphs paragraphs(text);
  CHECK((paragraphs.characters() == std::vector<std::uint32_t>{0xC9, 0xE9, 0xF1, 0x2003, 0x1F600}));
  CHECK((paragraphs.having(std::vector<std::uint32_t>{0xC9, 0x1F600}) == std::vector<std::int64_t>{0, 2}));
  CHECK(paragraphs.having({}).empty());
  paragraphs.replace(1, "New . one");
  CHECK(written(paragraphs, {1}) == "new \n one\n\n");
  CHECK_THROWS(std::out_of_range, (paragraphs.replace(4, ""), 0));
  CHECK_THROWS(std::invalid_argument, Paragraphs("a . b\nc \xC3"));
}

TEST(words_are_taken_and_written_as_lines) {
  const std::vector<std::int64_t> offsets = {0, 2, 3, 6}, none = {0};
  const fastnlp::PackedWords words{"tobsix", offsets};
  const auto taken = fastnlp::take_words(words, std::vector<std::int64_t>{2, 0, 2});
  CHECK(taken.data == "sixtosix");
  CHECK((taken.offsets == std::vector<std::int64_t>{0, 3, 5, 8}));
  CHECK(fastnlp::word_lines(words) == "to\nb\nsix\n");
  CHECK(fastnlp::word_lines({"", none}).empty());
  CHECK_THROWS(std::out_of_range, fastnlp::take_words(words, std::vector<std::int64_t>{3}));
  CHECK_THROWS(std::out_of_range, fastnlp::take_words(words, std::vector<std::int64_t>{-1}));
}
