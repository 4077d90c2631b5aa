#include "tokenizers/bpe_encoder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "support/checks.h"
#include "tokenizers/characters.h"
#include "tokenizers/pretokenizer.h"

namespace fastnlp {
namespace {

constexpr std::size_t kBatch = 128;    // words whose entries of the cache are on their way at once
constexpr std::size_t kMostWide = 64;  // of them, the first ones, may have wide characters

// Whether a look at a block may be worth it: of the next eight bytes some are ASCII, and none begins a
// character of U+0000 to U+EFFF that has three bytes, as letters do that are encoded by themselves.
bool some_ascii(const char* p) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  std::uint64_t bytes;
  std::memcpy(&bytes, p, 8);
  const std::uint64_t high = bytes >> 7 & kOnes;
  const std::uint64_t wide = high & bytes >> 6 & bytes >> 5 & ~(bytes >> 4);
  const std::uint64_t last = bytes & bytes >> 1 & bytes >> 2 & bytes >> 3;  // of sixteen first bytes
  return high != kOnes && (wide & ~last) == 0;
}

// Whether a wide character, by its first byte, stands among the first eight bytes of a word.
bool some_wide(const char* word, const char* end, const char* limit) {
  if (limit - word < 8) return false;
  std::uint64_t bytes;
  std::memcpy(&bytes, word, 8);
  if (end - word < 8) bytes &= (std::uint64_t{1} << 8 * (end - word)) - 1;
  return (bytes & bytes << 1 & bytes << 2 & ~(bytes << 3) & 0x8080808080808080u) != 0;
}

}  // namespace

BpeEncoder::BpeEncoder(std::shared_ptr<const BpeModel> model, std::string pretokenizer,
                       std::vector<SpecialToken> special_tokens)
    : TextEncoder(std::move(special_tokens)),
      model_(std::move(model)),
      pretokenizer_(std::move(pretokenizer)),
      scan_(with_pattern(pretokenizer_,
                         [](auto pattern) -> Scan { return &BpeEncoder::scan<decltype(pattern)>; })),
      block_cuts_(pretokenizer_ == "gpt2" ? gpt2_block_cuts() : nullptr),
      make_keys_(fastnlp::make_keys()),
      wide_apart_(!model_->settings().characters && !model_->settings().whole_words) {
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

struct BpeEncoder::Batch {
  std::size_t n;
  std::uint64_t wide;  // a bit for each of the first kMostWide words that has wide characters
  bool keyed;          // all words have keys
  const char* bounds[kBatch + 2 * kCutBlock];
  CacheKeys<kBatch + kCutBlock> keys;  // of words that are neither wide nor too long for the cache

  bool is_wide(std::size_t i) const { return i < kMostWide && (wide >> i & 1) != 0; }
};

BeyondAscii BpeEncoder::tell_beyond(const void* encoder, const char* p, const char* end, BlockBits beyond) {
  const auto& self = *static_cast<const BpeEncoder*>(encoder);
  BlockBits places;
  BeyondAscii found = classes_beyond(p, end, beyond, places);
  if (!self.wide_apart_) return found;
  const auto* bytes = reinterpret_cast<const unsigned char*>(p);
  places &= ~BlockBits{0} >> 1 & ~BlockBits{3};  // those with two bytes on either side
  BlockBits joined = 0;
  for (BlockBits left = places; left != 0; left &= left - 1) {
    const int at = std::countr_zero(left);
    joined |= static_cast<BlockBits>(self.model_->joins_pair(bytes + at)) << at;
  }
  found.apart = places & ~joined;
  for (; joined != 0; joined &= joined - 1) {
    const int at = std::countr_zero(joined);
    found.apart |= static_cast<BlockBits>(!self.model_->joins_triples(bytes + at)) << at;
  }
  return found;
}

// Up to kBatch words from p on, and some more. Words of wide characters alone may be one; words with other
// characters beyond ASCII may be several, cut where no merge reaches over.
template <class Pattern>
void BpeEncoder::cut_words(const char* p, const Stretch& stretch, Batch& batch) const {
  const char** const ends = batch.bounds + 1;
  batch.bounds[0] = p;
  const TellBeyond beyond{&BpeEncoder::tell_beyond, this};
  std::size_t n = 0;
  std::uint64_t wide = 0;
  while (n < kBatch && p < stretch.end) {
    if (block_cuts_ != nullptr && stretch.end - p >= 8 && some_ascii(p)) {
      n += block_cuts_(p, stretch.end, ends + n, kBatch - n, beyond);
      if (n > 0) p = ends[n - 1];
      if (p == stretch.end) break;
    }
    if (n + 2 > kMostWide) break;  // two may be added
    const char* begin = p;
    if (Pattern::kRunsOfOneClass && wide_apart_ && (*p & 0xF0) == 0xE0) {
      p = wide_runs(p, stretch.end, stretch.limit).last;
      if (p != begin) {
        wide |= std::uint64_t{1} << n;
        ends[n++] = begin = p;
      }
    }
    p = Pattern::next(p, stretch.limit);
    if (wide_apart_ && p - begin >= 3) {
      wide |= static_cast<std::uint64_t>(some_wide(begin, p, stretch.limit)) << n;
    }
    ends[n++] = p;
  }
  batch.n = n;
  batch.wide = wide;
}

// The keys of a batch whose words are cut.
void BpeEncoder::make_keys(const char* limit, Batch& batch) const {
  batch.keyed = batch.wide == 0;
  std::uint64_t others[(kBatch + kCutBlock) / 64];  // whose keys are still to be made
  if (make_keys_ != nullptr) {
    make_keys_(batch.bounds, batch.n, limit, {batch.keys.low, batch.keys.high, batch.keys.hash}, others);
  } else {
    std::fill(std::begin(others), std::end(others), ~std::uint64_t{0});
  }
  for (std::size_t first = 0; first < batch.n; first += 64) {
    const std::size_t left = batch.n - first;
    std::uint64_t words =
        others[first / 64] & (left < 64 ? (std::uint64_t{1} << left) - 1 : ~std::uint64_t{0});
    for (; words != 0; words &= words - 1) {
      const std::size_t i = first + static_cast<std::size_t>(std::countr_zero(words));
      const char* const begin = batch.bounds[i];
      const auto length = static_cast<std::size_t>(batch.bounds[i + 1] - begin);
      if (length > WordCache::kLongest || batch.is_wide(i)) {
        batch.keyed = false;
        batch.keys.hash[i] = 0;
      } else {
        batch.keys.set(i, WordCache::key(begin, length, static_cast<std::size_t>(limit - begin)));
      }
    }
  }
}

template <class Pattern>
void BpeEncoder::scan_cached(Worker& worker, const Stretch& stretch, EncodedIds& output) const {
  // While words of one batch are looked up, the lines of the next one's are on their way.
  Batch batches[2];
  WordCache& cache = worker.cache;
  const bool all_are_words = is_word(" ", " " + 1);
  const auto cut = [&](const char* p, Batch& batch) {
    cut_words<Pattern>(p, stretch, batch);
    make_keys(stretch.limit, batch);
    for (std::size_t i = 0; i < batch.n; ++i) cache.prefetch(batch.keys.hash[i]);
    return batch.bounds[batch.n];
  };
  worker.new_words.clear();
  const auto find_or_wait = [&](const WordCache::Key& key, const char* begin, std::size_t length,
                                std::int32_t* ids, std::size_t room) {
    const std::size_t count = cache.find(key, begin, length, ids);
    if (count != 0) [[likely]]
      return ids + count;
    return wait_for_others(worker, {key, begin, length}, ids, room, output);
  };
  const char* p = cut(stretch.begin, batches[0]);
  for (int turn = 0; batches[turn].n > 0; turn ^= 1) {
    const Batch& batch = batches[turn];
    batches[turn ^ 1].n = 0;
    if (p < stretch.end) p = cut(p, batches[turn ^ 1]);
    const auto bytes = static_cast<std::size_t>(batch.bounds[batch.n] - batch.bounds[0]);
    const std::size_t room = bytes + batch.n + WordCache::kSpare;
    std::int32_t* ids = output.reserve(room);
    if (batch.keyed && all_are_words) {
      for (std::size_t i = 0; i < batch.n; ++i) {
        const char* const begin = batch.bounds[i];
        const auto length = static_cast<std::size_t>(batch.bounds[i + 1] - begin);
        ids = find_or_wait(batch.keys.at(i), begin, length, ids, room);
      }
    } else {
      for (std::size_t i = 0; i < batch.n; ++i) {
        const char* const begin = batch.bounds[i];
        const char* const end = batch.bounds[i + 1];
        const auto length = static_cast<std::size_t>(end - begin);
        if (!all_are_words && !is_word(begin, end)) continue;
        if (batch.is_wide(i)) {
          ids += merge_wide(worker, begin, end, stretch.limit, Pattern::kRunsOfOneClass, ids);
        } else if (length > WordCache::kLongest) {
          ids += merge_word(worker, begin, length, ids);
        } else {
          ids = find_or_wait(batch.keys.at(i), begin, length, ids, room);
        }
      }
    }
    output.used = static_cast<std::size_t>(ids - output.ids.data());
  }
  if (!worker.new_words.empty()) merge_new_words(worker, output);
}

const char* BpeEncoder::cut(const char* from, const char* end) const {
  // Every pattern but "none" cuts behind a letter that something else follows, whatever stands around them.
  if (pretokenizer_ == "none") return end;
  const bool only_at_spaces = pretokenizer_ == "whitespace", goes_on = pretokenizer_ == "o200k";
  const char* p = from;
  while (p < end && continues(*p)) ++p;
  bool letter = false;
  while (p < end) {
    const Character c = character_at(p, end);
    const bool ended = goes_on ? ends_letters<O200kPattern>(c, p) : ends_letters<Gpt2Pattern>(c, p);
    if (letter && (only_at_spaces ? (c.classes & kSpace) != 0 : ended && !(c.classes & kNumber))) return p;
    letter = (c.classes & kLetter) != 0;
    p += c.length;
  }
  return end;
}

}  // namespace fastnlp
