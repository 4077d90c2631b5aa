#include "tokenizers/wordpiece_encoder.h"

#include <array>
#include <utility>

#include "support/checks.h"
#include "tokenizers/shown.h"

namespace fastnlp {
namespace {

constexpr std::size_t kBatch = 128;

enum Ascii : std::uint8_t { kInside, kSpace, kPunctuation };

// Where words surely end. Other control characters are removed, so they stand inside a word.
constexpr std::array<Ascii, 256> kAscii = [] {
  std::array<Ascii, 256> kinds{};
  for (const unsigned char c : {' ', '\t', '\n', '\r'}) kinds[c] = kSpace;
  for (unsigned char c = '!'; c <= '~'; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9')) kinds[c] = kPunctuation;
  }
  return kinds;
}();

Ascii kind(char c) { return kAscii[static_cast<unsigned char>(c)]; }

}  // namespace

WordPieceEncoder::WordPieceEncoder(std::string_view data, std::span<const std::int64_t> offsets,
                                   std::vector<SpecialToken> special_tokens, WordPieceSettings settings)
    : TextEncoder(std::move(special_tokens)),
      settings_(std::move(settings)),
      first_(data.size()),
      further_(data.size()) {
  check_offsets("offsets", offsets, static_cast<std::int64_t>(data.size()));
  const auto size = static_cast<std::int32_t>(offsets.size() - 1);
  if (settings_.unknown < 0 || settings_.unknown >= size) {
    refuse("unknown", "an id below " + std::to_string(size), std::to_string(settings_.unknown));
  }
  for (std::int32_t id = 0; id < size; ++id) {
    const auto i = static_cast<std::size_t>(id);
    const std::string_view token = data.substr(static_cast<std::size_t>(offsets[i]),
                                               static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
    if (token.empty())
      refuse("tokens[" + std::to_string(id) + "]", "at least one character", "an empty token");
    if (first_.longest(token).length == token.size()) {
      refuse("tokens[" + std::to_string(id) + "]", "distinct tokens", shown(token) + " again");
    }
    first_.add(token, id);
    if (token.size() > settings_.prefix.size() && token.starts_with(settings_.prefix)) {
      further_.add(token.substr(settings_.prefix.size()), id);
    }
  }
  for (const SpecialToken& token : this->special_tokens().tokens()) {
    if (token.id < 0 || token.id >= size) {
      refuse("special_tokens", "ids below " + std::to_string(size), std::to_string(token.id));
    }
  }
}

std::unique_ptr<TextEncoder::Worker> WordPieceEncoder::make_worker() const {
  return std::make_unique<Worker>();
}

void WordPieceEncoder::encode(TextEncoder::Worker& lent, const EncodingRequest&, const Stretch& stretch,
                              const char*, EncodedIds& output) const {
  auto& worker = static_cast<Worker&>(lent);
  struct Run {
    WordCache::Key key;
    const char* begin;
    std::size_t length;
  };
  Run runs[kBatch];
  for (const char* p = stretch.begin; p < stretch.end;) {
    std::size_t n = 0, bytes = 0;
    while (n < kBatch && p < stretch.end) {
      const Ascii what = kind(*p);
      if (what == kSpace) {
        ++p;
        continue;
      }
      Run& run = runs[n++];
      run.begin = p++;
      if (what == kInside) {
        while (p < stretch.end && kind(*p) == kInside) ++p;
      }
      run.length = static_cast<std::size_t>(p - run.begin);
      bytes += run.length;
      if (run.length > WordCache::kLongest) continue;
      run.key = WordCache::key(run.begin, run.length, static_cast<std::size_t>(stretch.limit - run.begin));
      worker.cache.prefetch(run.key.hash);
    }
    // A character becomes three at most, and none of them more than a token.
    std::int32_t* ids = output.reserve(3 * bytes + n + WordCache::kSpare);
    for (std::size_t i = 0; i < n; ++i) {
      const Run& run = runs[i];
      if (run.length > WordCache::kLongest) {
        ids += encode_run(worker, run.begin, run.length, ids);
        continue;
      }
      std::size_t count = worker.cache.find(run.key, run.begin, run.length, ids);
      if (count == 0) {
        count = encode_run(worker, run.begin, run.length, ids);
        if (count > 0) worker.cache.insert(run.key, run.begin, run.length, ids, count);
      }
      ids += count;
    }
    output.used = static_cast<std::size_t>(ids - output.ids.data());
  }
}

std::size_t WordPieceEncoder::encode_run(Worker& worker, const char* run, std::size_t length,
                                         std::int32_t* ids) const {
  std::size_t count = 0;
  each_bert_word(run, run + length, settings_.text, worker.word,
                 [&](BertWord& word) { count += encode_word(word, ids + count); });
  return count;
}

std::size_t WordPieceEncoder::encode_word(BertWord& word, std::int32_t* ids) const {
  if (word.size() > settings_.longest_word) {
    ids[0] = settings_.unknown;
    return 1;
  }
  std::string_view rest = word.utf8();
  std::size_t count = 0;
  for (const ByteTrie* tokens = &first_; !rest.empty(); tokens = &further_) {
    const ByteTrie::Match match = tokens->longest(rest);
    if (match.id < 0) {
      ids[0] = settings_.unknown;
      return 1;
    }
    ids[count++] = match.id;
    rest.remove_prefix(match.length);
  }
  return count;
}

const char* WordPieceEncoder::cut(const char* from, const char* end) const {
  while (from < end && kind(*from) != kSpace) ++from;
  return from;
}

}  // namespace fastnlp
