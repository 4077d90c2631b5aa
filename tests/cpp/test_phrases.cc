#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "check.h"
#include "support/philox.h"
#include "text/phrase_counter.h"
#include "text/phrase_joiner.h"
#include "text/spelling.h"

using namespace fastnlp;

namespace {

struct Text {
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> offsets = {0};
};

// Words drawn evenly, in sentences of up to `longest` words.
Text random_text(std::int64_t tokens, std::uint32_t vocabulary, std::uint32_t longest) {
  PhiloxStream draws(7, Stream::kShuffle, 0, 0);
  Text text;
  while (static_cast<std::int64_t>(text.ids.size()) < tokens) {
    for (std::uint32_t n = below(draws.next(), longest + 1); n > 0; --n) {
      text.ids.push_back(static_cast<std::int32_t>(below(draws.next(), vocabulary)));
    }
    text.offsets.push_back(static_cast<std::int64_t>(text.ids.size()));
  }
  return text;
}

using Triple = std::tuple<std::int32_t, std::int32_t, std::vector<std::int32_t>>;

// Every pair with the connector words between, in the obvious way.
std::map<Triple, std::int64_t> pairs_of(const Text& text, const std::vector<std::int32_t>& connectors,
                                        std::size_t longest) {
  std::map<Triple, std::int64_t> counts;
  for (std::size_t s = 0; s + 1 < text.offsets.size(); ++s) {
    std::int32_t before = -1;
    std::vector<std::int32_t> between;
    for (std::int64_t i = text.offsets[s]; i < text.offsets[s + 1]; ++i) {
      const std::int32_t id = text.ids[static_cast<std::size_t>(i)];
      if (std::find(connectors.begin(), connectors.end(), id) == connectors.end()) {
        if (before >= 0) ++counts[{before, id, between}];
        before = id;
        between.clear();
      } else if (between.size() == longest) {
        before = -1;
      } else {
        between.push_back(id);
      }
    }
  }
  return counts;
}

FoundPhrases found(const Text& text, std::int64_t vocabulary, const std::vector<std::int32_t>& connectors,
                   PhraseRule rule, int threads, std::int64_t memory) {
  PhraseCounter counter(text.ids, text.offsets, vocabulary, connectors, {}, rule, threads, memory, 42);
  while (!counter.advance(0)) {  // a step gets on however short it is
  }
  return counter.take();
}

void check_counts(const FoundPhrases& phrases, const std::map<Triple, std::int64_t>& expected,
                  std::int64_t least) {
  CHECK(phrases.different_pairs == static_cast<std::int64_t>(expected.size()));
  std::map<Triple, std::int64_t> counts;
  for (std::size_t i = 0; i < phrases.first.size(); ++i) {
    const auto from = phrases.between.begin() + phrases.between_offsets[i];
    const auto to = phrases.between.begin() + phrases.between_offsets[i + 1];
    counts[{phrases.first[i], phrases.second[i], {from, to}}] = phrases.counts[i];
  }
  std::map<Triple, std::int64_t> frequent;
  for (const auto& [triple, count] : expected) {
    if (count > least) frequent[triple] = count;
  }
  CHECK(counts == frequent);
}

// gensim's scoring with a tiny threshold: every pair that occurs more often than min_count.
constexpr PhraseRule kAll{PhraseScoring::kGensim, 1, 1e-9};

}  // namespace

TEST(phrases_are_counted_exactly_in_several_passes) {
  const Text text = random_text(600'000, 1500, 90);
  const auto expected = pairs_of(text, {}, 0);
  const FoundPhrases roomy = found(text, 1500, {}, kAll, 1, std::int64_t{1} << 30);
  CHECK(roomy.passes == 1);
  check_counts(roomy, expected, 1);
  for (const int threads : {1, 3}) {
    const FoundPhrases tight = found(text, 1500, {}, kAll, threads, std::int64_t{1} << 24);
    CHECK(tight.passes > 1);
    CHECK(tight.first == roomy.first && tight.second == roomy.second && tight.counts == roomy.counts);
    CHECK(tight.scores == roomy.scores && tight.different_pairs == roomy.different_pairs);
  }
}

TEST(phrases_with_connector_words_are_counted_exactly) {
  const std::vector<std::int32_t> connectors = {4, 2, 9};  // two bits each: 32 fit
  const Text text = random_text(100'000, 12, 100'000);
  const auto expected = pairs_of(text, connectors, 32);
  for (const int threads : {1, 4}) {
    check_counts(found(text, 12, connectors, kAll, threads, std::int64_t{1} << 24), expected, 1);
  }
  Text run;  // 32 connector words belong to a pair, 33 to none
  for (const int gap : {32, 33}) {
    run.ids.push_back(0);
    run.ids.insert(run.ids.end(), static_cast<std::size_t>(gap), 2);
    run.ids.push_back(1);
    run.offsets.push_back(static_cast<std::int64_t>(run.ids.size()));
  }
  CHECK(pairs_of(run, connectors, 32).size() == 1);
  CHECK(found(run, 12, connectors, kAll, 1, std::int64_t{1} << 24).different_pairs == 1);
}

TEST(phrases_refuse_bad_corpora) {
  const std::vector<std::int32_t> ids = {0, 3}, none, twice = {1, 1};
  const std::vector<std::int64_t> offsets = {0, 2}, bad = {0, 3};
  constexpr std::int64_t kMemory = 1 << 24;
  PhraseCounter counter(ids, offsets, 3, none, none, kAll, 2, kMemory, 0);
  CHECK_THROWS(std::out_of_range, counter.advance(1));
  CHECK_THROWS(std::logic_error, counter.take());
  CHECK_THROWS(std::invalid_argument, PhraseCounter(ids, bad, 4, none, none, kAll, 1, kMemory, 0));
  CHECK_THROWS(std::invalid_argument, PhraseCounter(ids, offsets, 4, twice, none, kAll, 1, kMemory, 0));
  CHECK_THROWS(std::invalid_argument, PhraseCounter(ids, offsets, 4, none, none, kAll, 1, kMemory - 1, 0));
  CHECK_THROWS(std::invalid_argument, PhraseCounter(ids, offsets, 4, none, none, kAll, 0, kMemory, 0));
}

TEST(phrases_are_joined_from_the_left_for_any_number_of_threads) {
  // 0 1 and 1 2 overlap; 3 is a connector word; 0 3 2 is a phrase with one.
  const std::vector<std::int32_t> connectors = {3}, first = {0, 1, 0}, second = {1, 2, 2}, between = {3};
  const std::vector<std::int64_t> between_offsets = {0, 0, 0, 1};
  const std::vector<std::int32_t> becomes = {5, 6, 7};
  const PhraseList phrases{first, second, between, between_offsets, becomes};
  const Text text = random_text(400'000, 5, 150'000);
  const std::vector<std::int64_t> documents = {0, static_cast<std::int64_t>(text.offsets.size()) - 1};

  std::vector<std::int32_t> expected;
  std::vector<std::int64_t> ends;
  for (std::size_t s = 0; s + 1 < text.offsets.size(); ++s) {
    auto i = static_cast<std::size_t>(text.offsets[s]);
    const auto end = static_cast<std::size_t>(text.offsets[s + 1]);
    if (i == end) continue;
    while (i < end) {
      const auto at = [&](std::size_t k) { return i + k < end ? text.ids[i + k] : -1; };
      if (at(0) == 0 && at(1) == 1) {
        expected.push_back(5);
        i += 2;
      } else if (at(0) == 1 && at(1) == 2) {
        expected.push_back(6);
        i += 2;
      } else if (at(0) == 0 && at(1) == 3 && at(2) == 2) {
        expected.push_back(7);
        i += 3;
      } else {
        expected.push_back(at(0));
        ++i;
      }
    }
    ends.push_back(static_cast<std::int64_t>(expected.size()));
  }

  for (const int threads : {1, 3}) {
    PhraseJoiner joiner(text.ids, text.offsets, documents, 5, 8, connectors, phrases, threads);
    while (!joiner.tally(1e-5)) {
    }
    for (std::int32_t token = 0; token < 8; ++token) {
      CHECK(joiner.counts()[static_cast<std::size_t>(token)] ==
            std::count(expected.begin(), expected.end(), token));
    }
    const std::vector<std::int32_t> same = {0, 1, 2, 3, 4, 5, 6, 7};
    joiner.number(same, 8);
    PhraseJoiner::Joined all;
    for (bool done = false; !done;) {
      const PhraseJoiner::Joined piece = joiner.join();
      all.ids.insert(all.ids.end(), piece.ids.begin(), piece.ids.end());
      all.sentence_ends.insert(all.sentence_ends.end(), piece.sentence_ends.begin(),
                               piece.sentence_ends.end());
      all.document_ends.insert(all.document_ends.end(), piece.document_ends.begin(),
                               piece.document_ends.end());
      done = piece.done;
    }
    CHECK(all.ids == expected);
    CHECK(all.sentence_ends == ends);
    CHECK(all.document_ends == std::vector<std::int64_t>{static_cast<std::int64_t>(ends.size())});
    CHECK_THROWS(std::out_of_range, joiner.number(same, 7));
  }
  const std::vector<std::int32_t> outside = {5, 6, 8};
  CHECK_THROWS(std::out_of_range, PhraseJoiner(text.ids, text.offsets, documents, 5, 8, connectors,
                                               {first, second, between, between_offsets, outside}, 1));
  CHECK_THROWS(std::invalid_argument, PhraseJoiner(text.ids, text.offsets, documents, 5, 8, {}, phrases, 1));
}

TEST(a_corpus_is_spelled_a_sentence_a_line) {
  const std::vector<std::int32_t> ids = {0, 1, 1, 0, 2};
  const std::vector<std::int64_t> sentences = {0, 2, 2, 3, 5}, documents = {0, 2, 4}, words = {0, 1, 3, 4};
  const std::string all = "a bb\n\nbb\na c\n";
  CHECK(spell(ids, sentences, documents, 0, 5, "abbc", words) == all);
  for (std::int64_t cut = 0; cut <= 5; ++cut) {
    CHECK(spell(ids, sentences, documents, 0, cut, "abbc", words) +
              spell(ids, sentences, documents, cut, 5, "abbc", words) ==
          all);
  }
  CHECK_THROWS(std::invalid_argument, spell(ids, sentences, documents, 0, 6, "abbc", words));
}
