#include "tokenizers/bpe_encoder.h"

#include <cstring>
#include <utility>

#include "support/checks.h"
#include "tokenizers/characters.h"
#include "tokenizers/pretokenizer.h"

namespace fastnlp {
namespace {

constexpr std::size_t kBatch = 128;  // words whose entries of the cache are on their way at once

template <class T>
T* at_least(std::vector<T>& values, std::size_t n) {
  if (values.size() < n) values.resize(n);
  return values.data();
}

}  // namespace

BpeEncoder::BpeEncoder(std::shared_ptr<const BpeModel> model, std::string pretokenizer,
                       std::vector<SpecialToken> special_tokens)
    : TextEncoder(std::move(special_tokens)),
      model_(std::move(model)),
      pretokenizer_(std::move(pretokenizer)),
      scan_(with_pattern(pretokenizer_,
                         [](auto pattern) -> Scan { return &BpeEncoder::scan<decltype(pattern)>; })) {
  for (const SpecialToken& token : this->special_tokens().tokens()) {
    if (token.id < 0 || token.id >= model_->size()) {
      refuse("special_tokens", "ids below " + std::to_string(model_->size()), std::to_string(token.id));
    }
  }
}

std::unique_ptr<TextEncoder::Worker> BpeEncoder::make_worker() const {
  return std::make_unique<Worker>(*model_);
}

const ByteTrie& BpeEncoder::tokens() const {
  std::call_once(tokens_made_, [this] {
    std::vector<bool> special(static_cast<std::size_t>(model_->size()));
    for (const SpecialToken& token : special_tokens().tokens())
      special[static_cast<std::size_t>(token.id)] = true;
    std::size_t bytes = 0;
    for (std::int32_t id = 0; id < model_->size(); ++id) bytes += model_->token(id).size();
    tokens_ = std::make_unique<ByteTrie>(bytes);
    for (std::int32_t id = 0; id < model_->size(); ++id) {
      if (!special[static_cast<std::size_t>(id)]) tokens_->add(model_->token(id), id);
    }
  });
  return *tokens_;
}

void BpeEncoder::encode(TextEncoder::Worker& worker, const EncodingRequest& request, const Stretch& stretch,
                        const char* document, EncodedIds& output) const {
  (this->*scan_)(static_cast<Worker&>(worker), request, stretch, document, output);
}

// Characters are grouped into words; white space between them stands for their bounds.
bool BpeEncoder::is_word(const char* begin, const char* end) const {
  return !model_->settings().characters || pretokenizer_ != "whitespace" ||
         !(character_at(begin, end).classes & kSpace);
}

template <class Pattern>
void BpeEncoder::scan(Worker& worker, const EncodingRequest& request, const Stretch& stretch,
                      const char* document, EncodedIds& output) const {
  if (request.mode == EncodingMode::kMerges && !request.spans) {
    scan_cached<Pattern>(worker, stretch, output);
    return;
  }
  for (const char* p = stretch.begin; p < stretch.end;) {
    const char* const word = p;
    p = Pattern::next(p, stretch.limit);
    if (!is_word(word, p)) continue;
    const auto length = static_cast<std::size_t>(p - word);
    const std::int64_t position = word - document;
    std::int32_t* ids = output.reserve(length + 1);
    std::size_t count = 0;
    switch (request.mode) {
      case EncodingMode::kMerges:
        count = merge_word(worker, word, length, ids);
        break;
      case EncodingMode::kLongest:
        count = match_longest(worker, word, length, ids);
        break;
      case EncodingMode::kDropout:
        count = drop_merges(worker, request, stretch, position, word, length, ids);
        break;
    }
    if (request.spans) add_spans(worker, request, position, word, length, ids, count, output.spans);
    output.used += count;
  }
}

template <class Pattern>
void BpeEncoder::scan_cached(Worker& worker, const Stretch& stretch, EncodedIds& output) const {
  struct Word {
    WordCache::Key key;
    const char* begin;
    std::size_t length;
  };
  Word words[kBatch];
  WordCache& cache = worker.cache;
  const bool all_are_words = is_word(" ", " " + 1);
  for (const char* p = stretch.begin; p < stretch.end;) {
    const char* const from = p;
    std::size_t n = 0;
    while (n < kBatch && p < stretch.end) {
      const char* const begin = p;
      p = Pattern::next(p, stretch.limit);
      if (!all_are_words && !is_word(begin, p)) continue;
      Word& word = words[n++];
      word.begin = begin;
      word.length = static_cast<std::size_t>(p - begin);
      if (word.length > WordCache::kLongest) continue;
      word.key = WordCache::key(begin, word.length, static_cast<std::size_t>(stretch.limit - begin));
      cache.prefetch(word.key);
    }
    std::int32_t* ids = output.reserve(static_cast<std::size_t>(p - from) + n + WordCache::kInEntry);
    for (std::size_t i = 0; i < n; ++i) {
      const Word& word = words[i];
      if (word.length > WordCache::kLongest) {
        ids += merge_word(worker, word.begin, word.length, ids);
        continue;
      }
      std::size_t count = cache.find(word.key, word.begin, word.length, ids);
      if (count == 0) {
        count = merge_word(worker, word.begin, word.length, ids);
        cache.insert(word.key, word.begin, word.length, ids, count);
      }
      ids += count;
    }
    output.used = static_cast<std::size_t>(ids - output.ids.data());
  }
}

std::size_t BpeEncoder::merge_word(Worker& worker, const char* word, std::size_t length,
                                   std::int32_t* ids) const {
  const BpeSettings& settings = model_->settings();
  if (settings.whole_words) {
    const std::int32_t id = model_->find({word, length});
    if (id != kNoToken) {
      ids[0] = id;
      return 1;
    }
  }
  if (!settings.characters) return merge_bytes(worker, word, length, ids);
  const std::size_t n = split_characters(worker, word, length);
  std::uint32_t* ranks = at_least(worker.ranks, n);
  for (std::size_t i = 0; i + 1 < n; ++i) ranks[i] = model_->rank(worker.symbols[i], worker.symbols[i + 1]);
  const std::size_t count = worker.merger.merge(worker.symbols.data(), ranks, n);
  std::memcpy(ids, worker.symbols.data(), count * sizeof *ids);
  return count;
}

std::size_t BpeEncoder::merge_bytes(Worker& worker, const char* word, std::size_t length,
                                    std::int32_t* ids) const {
  const auto* bytes = reinterpret_cast<const unsigned char*>(word);
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < length;) {
    // No token reaches beyond the end of this part, so it is merged by itself. The ids may be written in
    // place: there are never more than bytes.
    std::int32_t* part = ids + count;
    part[0] = model_->byte_token(bytes[begin]);
    std::size_t i = begin + 1;
    if (i == length || !model_->ever_joined(bytes[begin], bytes[i])) {
      ++count;
      begin = i;
      continue;
    }
    do {
      part[i - begin] = model_->byte_token(bytes[i]);
      ++i;
    } while (i < length && model_->ever_joined(bytes[i - 1], bytes[i]));
    const std::size_t n = i - begin;
    if (n > kMostSymbols) refuse("text", "words of fewer than 2^31 bytes", std::to_string(n));
    std::uint32_t* ranks = at_least(worker.ranks, n);
    for (std::size_t k = 0; k + 1 < n; ++k)
      ranks[k] = model_->byte_rank(bytes[begin + k], bytes[begin + k + 1]);
    count += worker.merger.merge(part, ranks, n);
    begin = i;
  }
  return count;
}

// The symbols of a word and their lengths in the text; gives their number.
std::size_t BpeEncoder::split_characters(Worker& worker, const char* word, std::size_t length) const {
  if (length >= kMostSymbols) refuse("text", "words of fewer than 2^31 bytes", std::to_string(length));
  const BpeSettings& settings = model_->settings();
  std::int32_t* symbols = at_least(worker.symbols, length + 1);
  std::uint32_t* lengths = at_least(worker.lengths, length + 1);
  std::size_t n = 0;
  bool unknown_before = false;
  const char* const end = word + length;
  for (const char* p = word; p < end;) {
    std::uint32_t bytes = 1;
    if (static_cast<unsigned char>(*p) >= 0x80) {
      const Utf8Character character = multibyte_character(p, end);
      if (!character.valid) refuse("text", "UTF-8", "the bytes " + shown({p, character.length}));
      bytes = character.length;
    }
    const std::string_view character(p, bytes);
    const std::int32_t id = model_->character_token(character, p + bytes == end);
    p += bytes;
    const bool unknown = id == kNoToken && !settings.byte_fallback;
    if (id != kNoToken) {
      symbols[n] = id;
      lengths[n++] = bytes;
    } else if (settings.byte_fallback) {
      for (const char byte : character) {
        symbols[n] = model_->byte_token(static_cast<unsigned char>(byte));
        lengths[n++] = 1;
      }
    } else if (settings.unknown == kNoToken) {
      refuse("text", "characters of the vocabulary, as there is no unknown token", shown(character));
    } else if (unknown_before && settings.fuse_unknown) {
      lengths[n - 1] += bytes;
    } else {
      symbols[n] = settings.unknown;
      lengths[n++] = bytes;
    }
    unknown_before = unknown;
  }
  if (model_->mark() != kNoToken) {
    symbols[n] = model_->mark();
    lengths[n++] = 0;
  }
  return n;
}

std::size_t BpeEncoder::match_longest(Worker& worker, const char* word, std::size_t length,
                                      std::int32_t* ids) const {
  const BpeSettings& settings = model_->settings();
  std::uint32_t* lengths = at_least(worker.lengths, length + 1);
  std::string marked;
  std::string_view rest(word, length);
  if (!settings.end_of_word.empty()) rest = marked = std::string(rest) + settings.end_of_word;
  const ByteTrie& tokens = this->tokens();
  std::size_t count = 0;
  bool unknown_before = false;
  while (!rest.empty()) {
    ByteTrie::Match match = tokens.longest(rest);
    const bool unknown = match.id == kNoToken;
    if (unknown) {
      match.length = static_cast<unsigned char>(rest[0]) < 0x80
                         ? 1
                         : multibyte_character(rest.data(), rest.data() + rest.size()).length;
      if (settings.byte_fallback) {
        for (const char byte : rest.substr(0, match.length)) {
          lengths[count] = 1;
          ids[count++] = model_->byte_token(static_cast<unsigned char>(byte));
        }
      } else if (settings.unknown == kNoToken) {
        refuse("text", "characters of the vocabulary, as there is no unknown token",
               shown(rest.substr(0, match.length)));
      } else if (unknown_before && settings.fuse_unknown) {
        lengths[count - 1] += static_cast<std::uint32_t>(match.length);
      } else {
        lengths[count] = static_cast<std::uint32_t>(match.length);
        ids[count++] = settings.unknown;
      }
    } else {
      lengths[count] = static_cast<std::uint32_t>(match.length);
      ids[count++] = match.id;
    }
    unknown_before = unknown && !settings.byte_fallback;
    rest.remove_prefix(match.length);
  }
  return count;
}

std::size_t BpeEncoder::drop_merges(Worker& worker, const EncodingRequest& request, const Stretch& stretch,
                                    std::int64_t position, const char* word, std::size_t length,
                                    std::int32_t* ids) const {
  std::size_t n = length;
  if (model_->settings().characters) {
    n = split_characters(worker, word, length);
  } else {
    if (length > kMostSymbols) refuse("text", "words of fewer than 2^31 bytes", std::to_string(length));
    std::int32_t* symbols = at_least(worker.symbols, length);
    for (std::size_t i = 0; i < length; ++i)
      symbols[i] = model_->byte_token(static_cast<unsigned char>(word[i]));
  }
  std::int32_t* symbols = worker.symbols.data();
  std::uint32_t* ranks = at_least(worker.ranks, n);
  for (std::size_t i = 0; i + 1 < n; ++i) ranks[i] = model_->rank(symbols[i], symbols[i + 1]);
  // A word is known by its document and its place there.
  PhiloxStream draws(
      request.seed, Stream::kDropout, request.epoch,
      static_cast<std::uint64_t>(stretch.document) << 40 | static_cast<std::uint64_t>(position));
  const std::size_t count = worker.merger.merge_dropping(symbols, ranks, n, request.dropped, draws);
  std::memcpy(ids, symbols, count * sizeof *ids);
  return count;
}

void BpeEncoder::add_spans(Worker& worker, const EncodingRequest& request, std::int64_t position,
                           const char* word, std::size_t length, const std::int32_t* ids, std::size_t count,
                           std::vector<std::int64_t>& spans) const {
  const BpeSettings& settings = model_->settings();
  const std::int64_t end = position + static_cast<std::int64_t>(length);
  const auto add = [&](std::int64_t bytes) {
    const std::int64_t begin = position;
    position = std::min(end, position + bytes);
    spans.insert(spans.end(), {begin, position});
  };
  if (request.mode == EncodingMode::kLongest) {
    for (std::size_t i = 0; i < count; ++i) add(worker.lengths[i]);
    return;
  }
  if (!settings.characters || count == 1) {
    for (std::size_t i = 0; i < count; ++i) {
      add(count == 1 ? end - position : static_cast<std::int64_t>(model_->token(ids[i]).size()));
    }
    return;
  }
  const std::size_t symbols = split_characters(worker, word, length);
  std::size_t symbol = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t bytes = 0;
    for (std::int32_t k = 0; k < model_->symbols(ids[i]) && symbol < symbols; ++k)
      bytes += worker.lengths[symbol++];
    add(bytes);
  }
}

const char* BpeEncoder::cut(const char* from, const char* end) const {
  // Every pattern but "none" cuts behind a letter that something else follows, whatever stands around them.
  if (pretokenizer_ == "none") return end;
  const bool only_at_spaces = pretokenizer_ == "whitespace";
  const char* p = from;
  while (p < end && (static_cast<unsigned char>(*p) & 0xC0) == 0x80) ++p;
  bool letter = false;
  while (p < end) {
    const Character c = character_at(p, end);
    if (letter && (only_at_spaces ? (c.classes & kSpace) != 0 : (c.classes & (kLetter | kNumber)) == 0))
      return p;
    letter = (c.classes & kLetter) != 0;
    p += c.length;
  }
  return end;
}

}  // namespace fastnlp
