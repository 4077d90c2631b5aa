// The other ways to encode a word, and where its tokens stand.
#include <algorithm>
#include <cstring>
#include <string>

#include "support/checks.h"
#include "tokenizers/bpe_encoder.h"
#include "tokenizers/characters.h"

namespace fastnlp {

std::size_t BpeEncoder::match_longest(Worker& worker, const char* word, std::size_t length,
                                      std::int32_t* ids) const {
  const BpeSettings& settings = model_->settings();
  std::uint32_t* lengths = Worker::at_least(worker.lengths, length + 1);
  std::string marked;
  std::string_view rest(word, length);
  if (!settings.end_of_word.empty()) rest = marked = std::string(rest) + settings.end_of_word;
  const ByteTrie& tokens = this->tokens();
  std::size_t count = 0;
  bool unknown_before = false;
  Lookout lookout(worker.interruption);
  const std::size_t all = rest.size();
  while (!rest.empty()) {
    lookout.reached(all - rest.size());
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
    std::int32_t* symbols = Worker::at_least(worker.symbols, length);
    for (std::size_t i = 0; i < length; ++i)
      symbols[i] = model_->byte_token(static_cast<unsigned char>(word[i]));
  }
  std::int32_t* symbols = worker.symbols.data();
  std::uint32_t* ranks = Worker::at_least(worker.ranks, n);
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

}  // namespace fastnlp
