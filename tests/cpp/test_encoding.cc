#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "tokenizers/bert_text.h"
#include "tokenizers/bpe_decoder.h"
#include "tokenizers/bpe_encoder.h"
#include "tokenizers/encoding_job.h"
#include "tokenizers/word_cache.h"
#include "tokenizers/word_keys.h"
#include "tokenizers/wordpiece_encoder.h"

namespace {

using fastnlp::BpeModel;

// The 256 bytes, then tokens that merges of two tokens make, given as text.
std::shared_ptr<const BpeModel> model(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string data;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::string> tokens;
  const auto add = [&](const std::string& token) {
    tokens.push_back(token);
    data += token;
    offsets.push_back(static_cast<std::int64_t>(data.size()));
  };
  for (int byte = 0; byte < 256; ++byte) add(std::string(1, static_cast<char>(byte)));
  const auto id = [&](const std::string& token) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] == token) return static_cast<std::int32_t>(i);
    }
    throw std::logic_error("no such token");
  };
  std::vector<std::int32_t> merges, merged;
  for (const auto& [left, right] : pairs) {
    add(left + right);
    merges.insert(merges.end(), {id(left), id(right)});
    merged.push_back(static_cast<std::int32_t>(tokens.size() - 1));
  }
  return std::make_shared<const BpeModel>(data, offsets, merges, merged, std::span<const std::int32_t>{},
                                          fastnlp::BpeSettings{});
}

std::vector<std::int32_t> encode(fastnlp::TextEncoder& encoder, std::string_view text, int threads = 1,
                                 std::vector<fastnlp::SpecialUse> uses = {}) {
  fastnlp::EncodingRequest request;
  request.specials = std::move(uses);
  fastnlp::EncodingJob job(encoder, request, {text}, threads);
  while (!job.step(0)) {  // a step gets on however short it is
  }
  const auto result = job.take();
  return {result.ids.data(), result.ids.data() + result.ids.size()};
}

TEST(words_are_merged_by_rank_however_long) {
  const auto words = model({{"a", "a"}, {"aa", "aa"}, {"b", "a"}});
  fastnlp::BpeEncoder encoder(words, "none", {});
  CHECK(encode(encoder, "aaaaaab") == (std::vector<std::int32_t>{257, 256, 'b'}));
  CHECK(encode(encoder, "baaa") == (std::vector<std::int32_t>{'b', 256, 'a'}));
  const auto many = encode(encoder, std::string(100'003, 'a'));
  CHECK(many.size() == 25'002 && many[0] == 257 && many[25'000] == 256 && many[25'001] == 'a');
}

TEST(threads_and_small_steps_change_nothing) {
  const auto words = model({{"t", "h"}, {"th", "e"}, {" ", "the"}, {"o", "x"}});
  fastnlp::BpeEncoder encoder(words, "gpt2", {{"<s>", 'S'}});
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += i % 1000 == 0 ? "<s>fox" : i % 7 == 0 ? "\n\nox 12" : " the";
  const std::vector<fastnlp::SpecialUse> allowed{fastnlp::SpecialUse::kToken};
  const auto one = encode(encoder, text, 1, allowed);
  CHECK(one == encode(encoder, text, 5, allowed));
  CHECK(one.size() > 200'000 && one.size() < text.size());
  CHECK_THROWS(std::invalid_argument, encode(encoder, text, 3, {fastnlp::SpecialUse::kRefused}));
  std::string bytes(fastnlp::decoded_size(*words, one), '\0');
  fastnlp::decode(*words, one, bytes.data());
  CHECK(bytes.substr(0, 10) == "Sfox the t");
}

TEST(threads_put_many_texts_in_order_with_their_places) {
  const auto words = model({{"t", "h"}, {"th", "e"}, {" ", "the"}});
  fastnlp::BpeEncoder encoder(words, "gpt2", {{"<s>", 'S'}});
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 3'000; ++i) {
    texts.push_back(i % 3 == 0 ? "" : "<s>");
    for (std::size_t k = 0; k < i % 100; ++k) texts.back() += k % 5 == 0 ? " xyz" : " the";
  }
  fastnlp::EncodingRequest request;
  request.spans = true;
  request.specials = {fastnlp::SpecialUse::kToken};
  const auto result_of = [&](int threads) {
    fastnlp::EncodingJob job(encoder, request, {texts.begin(), texts.end()}, threads);
    while (!job.step(0)) {
    }
    return job.take();
  };
  const auto one = result_of(1), four = result_of(4);
  CHECK(one.offsets == four.offsets && one.spans == four.spans);
  CHECK(std::equal(one.ids.data(), one.ids.data() + one.ids.size(), four.ids.data(),
                   four.ids.data() + four.ids.size()));
  CHECK(one.offsets[2] - one.offsets[1] == 5 && one.spans.size() == 2 * one.ids.size());
  CHECK(one.ids.data()[one.offsets[2999]] == 'S');
}

TEST(a_special_token_that_is_refused_is_named_with_its_place_on_any_number_of_threads) {
  const auto words = model({});
  fastnlp::BpeEncoder encoder(words, "gpt2", {{"<s>", 'S'}});
  std::vector<std::string> texts(2'000, std::string(500, 'x'));
  texts[1'500] += "<s>";
  for (const int threads : {1, 3}) {
    fastnlp::EncodingRequest request;
    request.specials = {fastnlp::SpecialUse::kRefused};
    fastnlp::EncodingJob job(encoder, request, {texts.begin(), texts.end()}, threads);
    std::string message;
    try {
      while (!job.step(0)) {
      }
    } catch (const std::invalid_argument& error) {
      message = error.what();
    }
    CHECK(message.find("at byte 500 of text 1500") != std::string::npos);
  }
}

TEST(ids_out_of_range_are_refused) {
  const auto words = model({});
  for (const std::int32_t bad : {-1, 256}) {
    const std::vector<std::int32_t> ids{5, bad};
    CHECK_THROWS(std::out_of_range, fastnlp::decoded_size(*words, ids));
  }
}

TEST(the_cache_gives_what_was_put_in) {
  fastnlp::WordCache cache;
  std::vector<std::string> words;
  for (int i = 0; i < 300'000; ++i)
    words.push_back(std::string(static_cast<std::size_t>(i % 50), 'x') + std::to_string(i));
  std::int32_t found[64];
  int hits = 0;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      std::vector<std::int32_t> ids(1 + i % 9, static_cast<std::int32_t>(i));
      const auto key = fastnlp::WordCache::key(word.data(), word.size(), word.size());
      const std::uint32_t count = cache.find(key, word.data(), word.size(), found);
      if (count != 0) {
        ++hits;
        CHECK(count == ids.size() && found[0] == ids[0] && found[count - 1] == ids[0]);
      } else {
        cache.insert(key, word.data(), word.size(), ids.data(), ids.size());
      }
    }
  }
  CHECK(hits > 1000);
}

TEST(the_cache_keeps_words_while_it_grows_and_long_ones_from_the_first_time_on) {
  fastnlp::WordCache cache;
  std::vector<std::string> words;
  for (int i = 0; i < 20'000; ++i) {
    words.push_back(std::string(static_cast<std::size_t>(i % 3) * 8, 'x') + std::to_string(i));
  }
  const auto ids_of = [](std::size_t i) {
    return std::vector<std::int32_t>(1 + i % 5, static_cast<std::int32_t>(i));
  };
  std::int32_t found[64];
  std::size_t known = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto key = fastnlp::WordCache::key(words[i].data(), words[i].size(), words[i].size());
    CHECK(cache.find(key, words[i].data(), words[i].size(), found) == 0);
    cache.insert(key, words[i].data(), words[i].size(), ids_of(i).data(), ids_of(i).size());
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto key = fastnlp::WordCache::key(words[i].data(), words[i].size(), words[i].size());
    const std::uint32_t count = cache.find(key, words[i].data(), words[i].size(), found);
    if (count == 0) continue;
    ++known;
    CHECK(std::vector<std::int32_t>(found, found + count) == ids_of(i));
  }
  // 20,000 words would not fit in the first table; what is lost had three words in a line.
  CHECK(known > 18'000);
}

TEST(keys_made_many_at_once_are_those_made_one_by_one) {
  const fastnlp::MakeKeys many = fastnlp::make_keys();
  if (many == nullptr) return;
  std::uint64_t state = 1;
  const auto below = [&](std::size_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state >> 33) % n;
  };
  std::size_t made = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    std::vector<std::size_t> ends{0};
    const std::size_t n = below(140), longest = turn % 3 == 0 ? 70 : 18;
    for (std::size_t i = 0; i < n; ++i) ends.push_back(ends.back() + 1 + below(longest));
    std::vector<char> text(ends.back() + below(20));  // for ASan
    for (char& c : text) c = static_cast<char>(below(256));
    const char* const limit = text.data() + text.size();
    std::vector<const char*> bounds;
    for (const std::size_t end : ends) bounds.push_back(text.data() + end);
    bounds.resize(n + 1 + 8);
    fastnlp::CacheKeys<144> keys;
    std::uint64_t others[3] = {};
    many(bounds.data(), n, limit, {keys.low, keys.high, keys.hash}, others);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t length = ends[i + 1] - ends[i];
      const auto readable = static_cast<std::size_t>(limit - bounds[i]);
      const bool left = (others[i / 64] >> i % 64 & 1) != 0;
      CHECK(left == (length > fastnlp::kKeyInline || readable < 16));
      if (left) continue;
      const fastnlp::CacheKey key = fastnlp::WordCache::key(bounds[i], length, readable);
      CHECK(keys.low[i] == key.low && keys.high[i] == key.high && keys.hash[i] == key.hash);
      ++made;
    }
    for (std::size_t i = n; i < 192; ++i) CHECK((others[i / 64] >> i % 64 & 1) == 0);
  }
  CHECK(made > 100'000);
}

TEST(bert_text_is_cut_into_words) {
  fastnlp::BertWord word;
  std::vector<std::string> words;
  const std::string text =
      "A\xE2\x80\x8B"
      "b \xE4\xB8\xAD!";
  fastnlp::each_bert_word(text.data(), text.data() + text.size(), {true, true}, word,
                          [&](fastnlp::BertWord& found) { words.push_back(found.utf8()); });
  CHECK(words == (std::vector<std::string>{"ab", "\xE4\xB8\xAD", "!"}));
  const std::string cut = "a\xC3";
  CHECK_THROWS(std::invalid_argument, fastnlp::each_bert_word(cut.data(), cut.data() + 2, {true, true}, word,
                                                              [](fastnlp::BertWord&) {}));
}

TEST(word_pieces_are_the_longest) {
  const std::string data = "[UNK]un##aff##able";
  const std::vector<std::int64_t> offsets{0, 5, 7, 12, 18};
  fastnlp::WordPieceEncoder encoder(data, offsets, {}, {});
  CHECK(encode(encoder, "UNaffable unx") == (std::vector<std::int32_t>{1, 2, 3, 0}));
}

TEST(every_merge_is_found_and_nothing_else) {
  for (const std::int32_t n : {0, 1, 3, 50, 1000, 60000}) {
    std::vector<std::int32_t> pairs;
    std::vector<fastnlp::RankedToken> merges;
    for (std::int32_t k = 0; k < n; ++k) {  // tokens 0 to 255 side by side, and with those behind
      pairs.insert(pairs.end(), {k % 256, k / 256 * 7});
      merges.push_back({static_cast<std::uint32_t>(k), 1000 + k});
    }
    const fastnlp::MergeTable table(pairs, merges);
    std::size_t right = 0;
    for (std::int32_t k = 0; k < n; ++k) {
      const fastnlp::RankedToken found = table.find(k % 256, k / 256 * 7);
      right += found.rank == static_cast<std::uint32_t>(k) && found.token == 1000 + k;
      const fastnlp::RankedToken none = table.find(k % 256, k / 256 * 7 + 1);
      right += none.rank == fastnlp::kNoRank && none.token == fastnlp::kNoToken;
    }
    CHECK(right == 2 * static_cast<std::size_t>(n));
    CHECK(table.find(-1, 0).rank == fastnlp::kNoRank && table.find(0, -1).rank == fastnlp::kNoRank);
  }
}

TEST(pairs_of_one_bucket_find_room) {
  // The hash of a pair is known to everybody, so there are pairs whose hashes begin alike.
  std::vector<std::int32_t> pairs;
  std::vector<fastnlp::RankedToken> merges;
  for (std::int32_t left = 0; merges.size() < 3000; ++left) {
    for (std::int32_t right = 0; right < 4096; ++right) {
      if (fastnlp::MergeTable::hash(left, right) >> 54 != 7) continue;
      pairs.insert(pairs.end(), {left, right});
      merges.push_back({static_cast<std::uint32_t>(merges.size()), left});
    }
  }
  const fastnlp::MergeTable table(pairs, merges);
  std::size_t right = 0;
  for (std::size_t k = 0; k < merges.size(); ++k) {
    right += table.find(pairs[2 * k], pairs[2 * k + 1]).rank == k;
  }
  CHECK(right == merges.size());
}

TEST(new_words_that_wait_stand_where_they_belong) {
  const auto words = model({{"a", "b"}, {" ", "a"}, {"b", "b"}, {" a", "bb"}, {"ab", "b"}, {"bb", "bb"}});
  // Words of 1 to 70 letters in an order without rule, of which some come again at once, some later.
  std::string text;
  std::uint32_t state = 1;
  std::vector<std::string> pieces;
  for (int i = 0; i < 3000; ++i) {
    state = state * 1664525u + 1013904223u;
    std::string piece = " ";
    std::uint32_t letters = state;
    for (std::uint32_t k = 0; k < 1 + (state >> 24) % 70; ++k, letters = letters >> 1 | letters << 31) {
      piece += (letters & 1) != 0 ? 'b' : 'a';
    }
    pieces.push_back(i % 3 == 2 ? pieces[pieces.size() - 1 - (state >> 8) % 2] : piece);
    text += pieces.back();
  }
  std::vector<std::int32_t> expected;
  for (const std::string& piece : pieces) {
    fastnlp::BpeEncoder alone(words, "none", {});
    const auto ids = encode(alone, piece);
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  fastnlp::BpeEncoder encoder(words, "gpt2", {});
  CHECK(encode(encoder, text) == expected);
  CHECK(encode(encoder, text) == expected);  // from the cache
}

}  // namespace
