#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check.h"
#include "tokenizers/block_cuts.h"
#include "tokenizers/bpe_trainer.h"
#include "tokenizers/piece_counter.h"
#include "tokenizers/pretokenizer.h"
#include "tokenizers/utf8_checker.h"

namespace {

std::vector<std::string> cut(std::string_view name, std::string_view text) {
  std::vector<std::string> pieces;
  fastnlp::with_pattern(name, [&](auto pattern) {
    const char* const end = text.data() + text.size();
    for (const char* p = text.data(); p < end;) {
      const char* const next = decltype(pattern)::next(p, end);
      pieces.emplace_back(p, next);
      p = next;
    }
  });
  return pieces;
}

fastnlp::BpeTrainer trained(std::string_view text, fastnlp::BpeOptions options, int threads = 1) {
  fastnlp::PieceCounter counter(options.characters ? "words" : "gpt2", true, true, threads, 1);
  counter.feed(text);
  counter.end_source();
  while (!counter.merge(1000)) {
  }
  fastnlp::BpeTrainer trainer(counter.take_table(), std::move(options));
  while (!trainer.run(0.0)) {
  }
  return trainer;
}

}  // namespace

TEST(gpt2_and_gpt4_cut_where_their_patterns_do) {
  CHECK((cut("gpt2", "It's  1 \xE4\xB8\xAD!\n\n") ==
         std::vector<std::string>{"It", "'s", " ", " 1", " \xE4\xB8\xAD", "!", "\n\n"}));
  CHECK((cut("gpt4", "a1234 'LL\n \nx") ==
         std::vector<std::string>{"a", "123", "4", " '", "LL", "\n \n", "x"}));
  CHECK((cut("whitespace", "a \t b") == std::vector<std::string>{"a", " \t ", "b"}));
  CHECK((cut("none", "a b") == std::vector<std::string>{"a b"}));
}

TEST(a_text_that_ends_anywhere_is_not_read_beyond) {
  const std::string text = "we'll see  \xC3\xA9\xF0\x9F\x98\x80 12345 'Re\r\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::vector<char> copy(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));  // for ASan
    for (const char* name : {"gpt2", "gpt4", "llama3", "o200k", "whitespace", "none"}) {
      std::string joined;
      for (const std::string& piece : cut(name, {copy.data(), size})) joined += piece;
      CHECK(joined == text.substr(0, size));
    }
  }
}

TEST(utf8_is_checked_across_blocks) {
  const std::string text = "a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80z";
  for (std::size_t cut_at = 0; cut_at <= text.size(); ++cut_at) {
    fastnlp::Utf8Checker checker;
    CHECK(!checker.feed(text.substr(0, cut_at)) && !checker.feed(text.substr(cut_at)) && !checker.end());
  }
  fastnlp::Utf8Checker checker;
  CHECK(!checker.feed("ab\xE4"));
  CHECK(checker.end() == 2);
  CHECK(checker.feed("\xB8x") == 2);
}

TEST(the_books_merges_are_learned_in_the_shortest_steps) {
  fastnlp::BpeOptions options;
  options.characters = true;
  options.ties = fastnlp::Ties::kFirstSeen;
  options.end_of_word = "_";
  options.limits.merges = 4;
  for (const bool replace : {false, true}) {
    options.replace = replace;
    const auto trainer = trained(
        "fast fast fast fast faster faster faster tall tall tall tall tall\n"
        "taller taller taller taller",
        options);
    CHECK(trainer.merges().size() == 4);
    CHECK(trainer.merges()[0].count == 9 && trainer.merges()[3].count == 7);
    const std::vector<std::string>& tokens =
        replace ? trainer.replacing()->strings() : trainer.first_tokens();
    CHECK(tokens[static_cast<std::size_t>(trainer.merges()[0].left)] == "t");
    CHECK(tokens[static_cast<std::size_t>(trainer.merges()[3].right)] == "a");
  }
}

TEST(threads_learn_the_same) {
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += "word" + std::to_string(i % 997) + (i % 7 == 0 ? "\n" : " ");
  fastnlp::BpeOptions options;
  options.vocab_size = 600;
  const auto one = trained(text, options), three = trained(text, options, 3);
  CHECK(one.merges().size() == three.merges().size() && one.merges().size() > 100);
  for (std::size_t i = 0; i < one.merges().size(); ++i) {
    CHECK(one.merges()[i].left == three.merges()[i].left && one.merges()[i].count == three.merges()[i].count);
  }
}

TEST(symbols_out_of_range_are_refused) {
  fastnlp::SegmentedWords words;
  words.begin_word(1);
  words.add_symbol(3);
  words.end_word();
  const auto train = [&] {
    return fastnlp::MergeTrainer(std::move(words), {"a", "b"}, fastnlp::Ties::kSmallestIds, {5, 1, 0});
  };
  CHECK_THROWS(std::out_of_range, train());
}

TEST(words_of_too_many_symbols_are_refused_before_memory_is_asked_for) {
  fastnlp::SegmentedWords words;
  CHECK_THROWS(std::invalid_argument, words.reserve(std::uint64_t{1} << 32));
}

TEST(many_bytes_at_a_look_are_cut_as_one_by_one) {
  std::vector<fastnlp::BlockCuts> kernels;  // that this machine runs
#if defined(__x86_64__)
  if (fastnlp::runs_avx2()) kernels.push_back(fastnlp::gpt2_block_cuts_avx2);
#endif
  const fastnlp::BlockCuts best = fastnlp::gpt2_block_cuts();
  if (best == nullptr) return;
  if (kernels.empty() || kernels[0] != best) kernels.push_back(best);
  // All ASCII characters, those that matter more often, and some beyond.
  std::vector<std::string> parts = {" ",   " ",  " ",        "  ",           "'",        "'",   "'s",
                                    "'re", "'l", "'ll",      "n't",          "\n",       "\t",  "\r\n",
                                    "a",   "Be", "xyz",      "word",         "1",        "23",  ".",
                                    ", ",  "--", "\xC3\xA9", "\xE4\xB8\xAD", "\xC2\xA0", "\xFF"};
  for (const char* beyond :
       {"\xEF\xBF\xBD", "\xC2\xB2", "\xE2\x85\xA7", "\xF0\x9F\x98\x80", "\xF0\x9D\x9F\x98", "\xE2\x80\xA8",
        "\xF0\x90\x8C\xB0", "\xE4\xB8", "\xAD", "\xED\xA0\x80"})
    parts.emplace_back(beyond);
  for (int c = 0; c < 128; ++c) parts.emplace_back(1, static_cast<char>(c));
  std::uint64_t state = 1;
  const auto below = [&](std::size_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state >> 33) % n;
  };
  const fastnlp::TellBeyond beyond{[](const void*, const char* p, const char* end, fastnlp::BlockBits bytes) {
                                     fastnlp::BlockBits places;
                                     return fastnlp::classes_beyond(p, end, bytes, places);
                                   },
                                   nullptr};
  std::size_t found = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    std::string text;
    const std::size_t choice = turn % 3 == 0 ? parts.size() : turn % 3 == 1 ? 27 : 23;
    for (std::size_t n = below(120); n > 0; --n) text += parts[below(choice)];
    const std::vector<char> copy(text.begin(), text.end());  // for ASan
    const char* const end = copy.data() + copy.size();
    std::vector<const char*> expected;
    for (const char* p = copy.data(); p < end;) expected.push_back(p = fastnlp::Gpt2Pattern::next(p, end));
    for (std::size_t from = 0; from <= expected.size(); ++from) {
      const std::size_t room = 1 + below(20);
      const char* const begin = from == 0 ? copy.data() : expected[from - 1];
      for (const fastnlp::BlockCuts block_cuts : kernels) {
        std::vector<const char*> cuts(room + fastnlp::kCutBlock);
        const std::size_t n = block_cuts(begin, end, cuts.data(), room, beyond);
        CHECK(n <= room + fastnlp::kCutBlock && from + n <= expected.size());
        for (std::size_t i = 0; i < n; ++i) CHECK(cuts[i] == expected[from + i]);
        found += n;
      }
    }
  }
  CHECK(found > 100000);
}
