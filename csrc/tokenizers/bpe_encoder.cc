#include "tokenizers/bpe_encoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "support/checks.h"
#include "tokenizers/characters.h"
#include "tokenizers/pretokenizer.h"

namespace fastnlp {
namespace {

constexpr std::size_t kBatch = 32;  // words whose entries of the cache are on their way at once

template <class T>
T* at_least(std::vector<T>& values, std::size_t n) {
  if (values.size() < n) values.resize(n);
  return values.data();
}

// Whether the next eight bytes are.
bool all_ascii(const char* p) {
  std::uint64_t bytes;
  std::memcpy(&bytes, p, 8);
  return (bytes & 0x8080808080808080u) == 0;
}

}  // namespace

BpeEncoder::BpeEncoder(std::shared_ptr<const BpeModel> model, std::string pretokenizer,
                       std::vector<SpecialToken> special_tokens)
    : TextEncoder(std::move(special_tokens)),
      model_(std::move(model)),
      pretokenizer_(std::move(pretokenizer)),
      scan_(with_pattern(pretokenizer_,
                         [](auto pattern) -> Scan { return &BpeEncoder::scan<decltype(pattern)>; })),
      ascii_cuts_(pretokenizer_ == "gpt2" ? gpt2_ascii_cuts() : nullptr) {
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

// The ends of up to kBatch words from p on; their number.
template <class Pattern>
std::size_t BpeEncoder::cut_words(const char* p, const Stretch& stretch, const char** ends) const {
  std::size_t n = 0;
  while (n < kBatch && p < stretch.end) {
    if (ascii_cuts_ != nullptr && stretch.end - p >= 8 && all_ascii(p)) {
      n += ascii_cuts_(p, stretch.end, ends + n, kBatch - n);
      if (n > 0) p = ends[n - 1];
      if (n >= kBatch || p == stretch.end) break;
    }
    ends[n++] = p = Pattern::next(p, stretch.limit);
  }
  return n;
}

template <class Pattern>
void BpeEncoder::scan_cached(Worker& worker, const Stretch& stretch, EncodedIds& output) const {
  // While words of one batch are looked up, the lines of the next one's are on their way.
  struct Batch {
    std::size_t n;
    const char* bounds[kBatch + 2 * kAsciiBlock];
    WordCache::Key keys[kBatch + kAsciiBlock];
  };
  Batch batches[2];
  WordCache& cache = worker.cache;
  const bool all_are_words = is_word(" ", " " + 1);
  const auto cut = [&](const char* p, Batch& batch) {
    batch.bounds[0] = p;
    batch.n = cut_words<Pattern>(p, stretch, batch.bounds + 1);
    for (std::size_t i = 0; i < batch.n; ++i) {
      const char* const begin = batch.bounds[i];
      const auto length = static_cast<std::size_t>(batch.bounds[i + 1] - begin);
      if (length > WordCache::kLongest) continue;
      batch.keys[i] = WordCache::key(begin, length, static_cast<std::size_t>(stretch.limit - begin));
      cache.prefetch(batch.keys[i]);
    }
    return batch.bounds[batch.n];
  };
  const char* p = cut(stretch.begin, batches[0]);
  for (int turn = 0; batches[turn].n > 0; turn ^= 1) {
    const Batch& batch = batches[turn];
    batches[turn ^ 1].n = 0;
    if (p < stretch.end) p = cut(p, batches[turn ^ 1]);
    const auto bytes = static_cast<std::size_t>(batch.bounds[batch.n] - batch.bounds[0]);
    std::int32_t* ids = output.reserve(bytes + batch.n + WordCache::kSpare);
    for (std::size_t i = 0; i < batch.n; ++i) {
      const char* const begin = batch.bounds[i];
      const auto length = static_cast<std::size_t>(batch.bounds[i + 1] - begin);
      if (!all_are_words && !is_word(begin, batch.bounds[i + 1])) continue;
      if (length > WordCache::kLongest) {
        ids += merge_word(worker, begin, length, ids);
        continue;
      }
      std::size_t count = cache.find(batch.keys[i], begin, length, ids);
      if (count == 0) {
        count = merge_word(worker, begin, length, ids);
        cache.insert(batch.keys[i], begin, length, ids, count);
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
  const std::size_t count = worker.merger.merge(worker.symbols.data(), ranks, n, worker.interruption);
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
    std::size_t end = begin + 1;
    while (end < length && model_->may_join(bytes + begin, end - begin, length - begin)) ++end;
    const std::size_t n = end - begin;
    count += n == 3 ? merge_three(worker, bytes + begin, ids + count)
                    : merge_part(worker, bytes + begin, n, ids + count);
    begin = end;
  }
  return count;
}

std::size_t BpeEncoder::merge_part(Worker& worker, const unsigned char* bytes, std::size_t n,
                                   std::int32_t* ids) const {
  if (n > kMostSymbols) refuse("text", "words of fewer than 2^31 bytes", std::to_string(n));
  ids[0] = model_->byte_token(bytes[0]);
  if (n == 1) return 1;
  std::uint32_t* ranks = at_least(worker.ranks, n);
  for (std::size_t i = 1; i < n; ++i) {
    ids[i] = model_->byte_token(bytes[i]);
    ranks[i - 1] = model_->byte_rank(bytes[i - 1], bytes[i]);
  }
  return worker.merger.merge(ids, ranks, n, worker.interruption);
}

// Three bytes are what a Chinese character has.
std::size_t BpeEncoder::merge_three(Worker& worker, const unsigned char* bytes, std::int32_t* ids) const {
  const std::uint32_t key = std::uint32_t{1} << 24 | static_cast<std::uint32_t>(bytes[0]) << 16 |
                            static_cast<std::uint32_t>(bytes[1]) << 8 | bytes[2];
  Worker::Three& known = worker.threes[key * 0x9E3779B1u >> (32 - Worker::kThreeBits)];
  if (known.key != key) {
    std::int32_t found[3];
    std::fill(found + merge_part(worker, bytes, 3, found), found + 3, kNoToken);
    known = {key, {found[0], found[1], found[2]}};
  }
  std::size_t count = 0;
  for (const std::int32_t id : known.ids) {
    if (id == kNoToken) break;
    ids[count++] = id;
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
  const std::size_t count =
      worker.merger.merge_dropping(symbols, ranks, n, request.dropped, draws, worker.interruption);
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
