#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "text/stream_encoder.h"
#include "text/token_counter.h"
#include "text/utf8.h"
#include "text/word_table.h"

using fastnlp::kEndOfLine;
using fastnlp::kEndOfSource;

namespace {

using Stream = std::vector<std::int32_t>;

void append(Stream& stream, const auto& more) { stream.insert(stream.end(), more.begin(), more.end()); }

// A text as its stream in numbers of first appearance, cut into blocks.
Stream numbered(const std::string& text, std::size_t block, int threads, bool replace = false) {
  fastnlp::TokenCounter counter(threads, 7, replace);
  counter.begin_source(true);
  Stream stream;
  for (std::size_t at = 0; at < text.size(); at += block) {
    append(stream, counter.feed(std::string_view(text).substr(at, block)));
  }
  append(stream, counter.end_source());
  while (!counter.merge(3)) {
  }
  const auto words = counter.words();
  Stream numbers;
  for (const std::int32_t entry : stream) {
    // Whether a run of blank lines is shortened depends on the blocks; what it means does not.
    const std::size_t n = numbers.size();
    if (entry == kEndOfLine && n >= 2 && numbers[n - 1] == kEndOfLine && numbers[n - 2] == kEndOfLine)
      continue;
    numbers.push_back(entry >= 0 ? words.number_of[static_cast<std::size_t>(entry)] : entry);
  }
  return numbers;
}

}  // namespace

TEST(utf8_accepts_each_code_point_and_only_its_own_bytes) {
  std::size_t valid = 0;
  for (unsigned lead = 0x80; lead < 0x100; ++lead) {
    for (unsigned second = 0; second < 0x100; ++second) {
      const char two[] = {static_cast<char>(lead), static_cast<char>(second), '\x80', '\x80'};
      const auto character = fastnlp::multibyte_character(two, two + 4);
      if (character.valid) valid += character.length == 2 ? 1 : character.length == 3 ? 64 : 4096;
    }
  }
  CHECK(valid == 0x110000 - 0x80 - 0x800);  // all but ASCII and the surrogates
  const char cut[] = "\xF0\x9F\x98";
  for (int length = 1; length <= 3; ++length) {
    const auto character = fastnlp::multibyte_character(cut, cut + length);
    CHECK(!character.valid && character.length == static_cast<std::uint32_t>(length));
  }
}

TEST(white_space_is_found_from_both_ends) {
  const std::string text =
      "ab\xE3\x80\x80"
      "c\xC2\xA0"
      "de";
  const char* begin = text.data();
  CHECK(fastnlp::after_first_space(begin, begin + text.size()) == begin + 5);
  CHECK(fastnlp::after_last_space(begin, begin + text.size()) == begin + 8);
  CHECK(fastnlp::after_first_space(begin, begin + 4) == begin + 4);  // cut inside U+3000
  CHECK(fastnlp::after_last_space(begin, begin + 4) == begin);
  CHECK(fastnlp::after_last_space(begin + 8, begin + 10) == begin + 8);
}

TEST(a_table_counts_words_of_every_length_through_its_growth) {
  fastnlp::WordTable table(1);
  std::vector<std::string> words;
  for (int i = 0; i < 20000; ++i)
    words.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i % 40), 'x'));
  words.push_back(std::string(1, '\0'));
  words.push_back(std::string(2, '\0'));
  for (std::int64_t round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      const auto key = table.key(words[i].data(), static_cast<std::uint32_t>(words[i].size()));
      CHECK(table.count(key, round * 100000 + static_cast<std::int64_t>(i), 2) == i);
    }
  }
  CHECK(table.size() == words.size());
  std::vector<std::uint64_t> slots(words.size());
  std::size_t visited = 0;
  for (std::uint64_t part = 0; part < fastnlp::WordTable::kParts; ++part) {
    table.for_each_slot(part, [&](std::uint64_t slot) {
      slots[table.entry(slot).id] = slot;
      ++visited;
    });
  }
  CHECK(visited == words.size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto entry = table.entry(slots[i]);
    CHECK(table.find(entry.key) == static_cast<std::int64_t>(i));
    CHECK(std::string(entry.key.data, entry.key.length) == words[i]);
    CHECK(entry.count == 4);
    CHECK(table.first_position(i) == static_cast<std::int64_t>(i));
    CHECK(entry.key.hash == table.key(words[i].data(), static_cast<std::uint32_t>(words[i].size())).hash);
  }
}

TEST(the_stream_does_not_depend_on_blocks_or_threads) {
  std::string text = "\xEF\xBB\xBF";  // longer than three threads' worth
  for (int i = 0; i < 60000; ++i) {
    text += std::to_string(i % 1000 * i % 777) + (i % 3 == 0 ? "\xC3\xA9" : "") +
            (i % 11 == 0  ? "\n"
             : i % 7 == 0 ? "\xE3\x80\x80"
                          : " ");
    if (i % 1000 == 0) text += "\n\n\n" + std::string(50, 'y') + "\n";
  }
  const Stream whole = numbered(text, text.size(), 1);
  CHECK(whole.back() == kEndOfSource && whole[0] == 0);
  for (const std::size_t block : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{4096},
                                  std::size_t{100001}, text.size()}) {
    for (const int threads : {1, 2, 5}) CHECK(numbered(text, block, threads) == whole);
  }
}

TEST(a_bad_byte_is_named_with_its_place_in_any_block) {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += "line of text\n";
  text += "x\xFFy\n";
  const std::string expected =
      "byte 0xff at offset 650001, line 50001: expected UTF-8, but no character starts with it";
  for (const std::size_t block : {std::size_t{7}, std::size_t{1000}, std::size_t{1000000}}) {
    std::string message;
    try {
      numbered(text, block, 3);
    } catch (const std::invalid_argument& error) {
      message = error.what();
    }
    CHECK(message == expected);
  }
  CHECK(numbered("a\xFF", 1, 1, true) == numbered("a\xEF\xBF\xBD", 9, 1));
}

TEST(words_given_one_by_one_may_hold_anything_but_nothing) {
  fastnlp::TokenCounter counter(2, 7, false);
  counter.add_word("New York");
  counter.add_word(" ");
  counter.end_sentence();
  Stream stream;
  append(stream, counter.take_sentences());
  CHECK((stream == Stream{0, 2, kEndOfLine}));
  CHECK_THROWS(std::invalid_argument, (counter.add_word(""), 0));
  CHECK_THROWS(std::logic_error, counter.words());
  while (!counter.merge(1)) {
  }
  CHECK(counter.words().bytes == "New York ");
  CHECK_THROWS(std::logic_error, (counter.add_word("late"), 0));
  CHECK_THROWS(std::logic_error, counter.feed("late"));
  CHECK_THROWS(std::logic_error, counter.end_source());
}

TEST(the_encoder_drops_splits_and_bounds) {
  // words 0 and 1 are kept, 2 is dropped, 3 becomes "1 0"
  fastnlp::StreamEncoder encoder({0, 1, -1, -2}, {0, 2}, {1, 0}, 2, fastnlp::Documents::kBlankLine);
  const Stream stream = {0,          3, kEndOfLine,   2, kEndOfLine,  kEndOfLine,
                         kEndOfLine, 1, kEndOfSource, 2, kEndOfSource};
  const auto out = encoder.encode(stream);
  CHECK((Stream(out.ids.begin(), out.ids.end()) == Stream{0, 1, 0, 1}));
  CHECK((out.sentence_ends == std::vector<std::int64_t>{3, 4}));
  CHECK((out.document_ends == std::vector<std::int64_t>{1, 2}));
  fastnlp::StreamEncoder shared({0, 1, -1, -2}, {0, 2}, {1, 0}, 2, fastnlp::Documents::kBlankLine);
  const auto again = shared.encode(stream, 4, 1);
  CHECK(again.ids == out.ids && again.sentence_ends == out.sentence_ends);
  CHECK(again.document_ends == out.document_ends);
  CHECK_THROWS(std::invalid_argument, encoder.encode(Stream{4}));
  CHECK_THROWS(std::invalid_argument, encoder.encode(Stream{-3}));
  CHECK_THROWS(std::out_of_range, fastnlp::StreamEncoder({2}, {0}, {}, 2, fastnlp::Documents::kLine));
  CHECK_THROWS(std::out_of_range, fastnlp::StreamEncoder({-2}, {0}, {}, 2, fastnlp::Documents::kLine));
}
