// One word to ids by merges.
#include <algorithm>
#include <cstring>
#include <span>

#include "support/checks.h"
#include "tokenizers/bpe_encoder.h"
#include "tokenizers/characters.h"
#include "tokenizers/short_word.h"

namespace fastnlp {
namespace {

// Whether two wide characters are of two of the classes of letters, numbers and others.
bool of_two_classes(std::uint32_t one, std::uint32_t other) {
  const auto classes = [](std::uint32_t code) { return code < 0x800 ? 0 : wide_classes(code); };
  return ((classes(one) ^ classes(other)) & (kLetter | kNumber)) != 0;
}

}  // namespace

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
  std::uint32_t* ranks = Worker::at_least(worker.ranks, n);
  for (std::size_t i = 0; i + 1 < n; ++i) ranks[i] = model_->rank(worker.symbols[i], worker.symbols[i + 1]);
  const std::size_t count = worker.merger.merge(worker.symbols.data(), ranks, n, worker.interruption);
  std::memcpy(ids, worker.symbols.data(), count * sizeof *ids);
  return count;
}

// A word that is new, with the ids before it up to `ids`. Gives where those behind it may be written; `room`
// of them are to come.
std::int32_t* BpeEncoder::wait_for_others(Worker& worker, const NewWords::Text& word, std::int32_t* ids,
                                          std::size_t room, EncodedIds& output) const {
  output.used = static_cast<std::size_t>(ids - output.ids.data());
  worker.new_words.add(word, output.used);
  if (!worker.new_words.full()) return ids;
  merge_new_words(worker, output);
  return output.reserve(room);
}

// Merges the words that wait, remembers them and puts their ids where they belong.
void BpeEncoder::merge_new_words(Worker& worker, EncodedIds& output) const {
  const std::span<NewWords::Word> words = worker.new_words.words();
  const bool bytes = !model_->settings().characters && !model_->settings().whole_words;
  ShortWord merging[NewWords::kMost];
  std::size_t at_work[NewWords::kMost], n = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    NewWords::Word& word = words[i];
    if (!bytes || word.text.length > ShortWord::kMost) {
      word.count = merge_word(worker, word.text.data, word.text.length, word.ids);
      continue;
    }
    merging[i].begin(*model_, reinterpret_cast<const unsigned char*>(word.text.data), word.text.length);
    if (merging[i].merge(*model_)) {
      at_work[n++] = i;
    } else {
      word.count = merging[i].take(word.ids);
    }
  }
  while (n > 0) {
    for (std::size_t k = 0; k < n;) {
      ShortWord& word = merging[at_work[k]];
      word.look_up();
      if (word.merge(*model_)) {
        ++k;
        continue;
      }
      words[at_work[k]].count = word.take(words[at_work[k]].ids);
      at_work[k] = at_work[--n];
    }
  }
  for (const NewWords::Word& word : words) {
    worker.cache.insert(word.text.key, word.text.data, word.text.length, word.ids, word.count);
  }
  worker.new_words.insert(output);
}

std::size_t BpeEncoder::merge_bytes(Worker& worker, const char* word, std::size_t length,
                                    std::int32_t* ids) const {
  const auto* bytes = reinterpret_cast<const unsigned char*>(word);
  Lookout lookout(worker.interruption);
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < length;) {
    // No token reaches beyond the end of this part, so it is merged by itself. The ids may be written in
    // place: there are never more than bytes.
    std::size_t end = begin + 1, stop;
    do {
      lookout.reached(end);
      stop = std::min(length, end + Lookout::kStretch);
      while (end < stop && model_->may_join(bytes + begin, end - begin, length - begin)) ++end;
    } while (end == stop && end < length);
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
  std::uint32_t* ranks = Worker::at_least(worker.ranks, n);
  for (std::size_t i = 1; i < n; ++i) {
    ids[i] = model_->byte_token(bytes[i]);
    ranks[i - 1] = model_->byte_rank(bytes[i - 1], bytes[i]);
  }
  return worker.merger.merge(ids, ranks, n, worker.interruption);
}

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

// Bytes that merge with nothing around them.
std::size_t BpeEncoder::find_or_merge(Worker& worker, const char* part, std::size_t length, const char* limit,
                                      std::int32_t* ids) const {
  if (length <= 2 || length > WordCache::kLongest) return merge_bytes(worker, part, length, ids);
  const WordCache::Key key = WordCache::key(part, length, static_cast<std::size_t>(limit - part));
  std::size_t count = worker.cache.find(key, part, length, ids);
  if (count == 0) {
    count = merge_bytes(worker, part, length, ids);
    worker.cache.insert(key, part, length, ids, count);
  }
  return count;
}

// A word with wide characters. With `runs` it may be several words, which begin where the class of wide
// characters changes: most of these stand alone, and then it does not matter which word they are of.
std::size_t BpeEncoder::merge_wide(Worker& worker, const char* word, const char* end, const char* limit,
                                   bool runs, std::int32_t* ids) const {
  std::int32_t* const first = ids;
  const std::ptrdiff_t last = std::min(end - word - 3, limit - word - 4);
  const auto at = [&](const char* p) { return p - word <= last ? wide_at(p) : kNotWide; };
  Lookout lookout(worker.interruption);
  const char* p = word;
  std::uint32_t code = at(p);
  while (p < end) {
    lookout.reached(static_cast<std::size_t>(p - word));
    if (code != kNotWide) {
      const std::uint32_t behind = at(p + 3);
      if (behind != kNotWide && !worker.wide.joins(code, behind)) [[likely]] {
        ids += worker.wide.write(code, ids);
        p += 3;
        code = behind;
        continue;
      }
    }
    // From p up to a place that nothing reaches over.
    const auto* bytes = reinterpret_cast<const unsigned char*>(p);
    const auto length = static_cast<std::size_t>(end - p);
    const std::uint32_t beginning = code;
    std::size_t n = 0;
    for (bool joined = true; joined;) {
      const std::uint32_t before = code;
      n += before == kNotWide ? 1 : 3;
      if (n == length) break;
      lookout.reached(static_cast<std::size_t>(p - word) + n);
      code = at(p + n);
      joined = before == kNotWide || code == kNotWide
                   ? model_->may_join(bytes, n, length)
                   : worker.wide.joins(before, code) && !(runs && of_two_classes(before, code));
    }
    if (n == 1) {
      *ids++ = model_->byte_token(bytes[0]);
    } else if (n == 3 && beginning != kNotWide) {
      ids += worker.wide.write(beginning, ids);
    } else {
      ids += find_or_merge(worker, p, n, limit, ids);
    }
    p += n;
  }
  return static_cast<std::size_t>(ids - first);
}

// The symbols of a word and their lengths in the text; gives their number.
std::size_t BpeEncoder::split_characters(Worker& worker, const char* word, std::size_t length) const {
  if (length >= kMostSymbols) refuse("text", "words of fewer than 2^31 bytes", std::to_string(length));
  const BpeSettings& settings = model_->settings();
  std::int32_t* symbols = Worker::at_least(worker.symbols, length + 1);
  std::uint32_t* lengths = Worker::at_least(worker.lengths, length + 1);
  std::size_t n = 0;
  bool unknown_before = false;
  Lookout lookout(worker.interruption);
  const char* const end = word + length;
  for (const char* p = word; p < end;) {
    lookout.reached(static_cast<std::size_t>(p - word));
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

}  // namespace fastnlp
