#include "vectors/fasttext_words.h"

#include <cstring>
#include <stdexcept>

#include "support/checks.h"

namespace fastnlp {
namespace {

constexpr std::size_t kAfterWord = sizeof(std::int64_t) + 1;

[[noreturn]] void damaged(std::int64_t place, const std::string& reason) {
  throw std::invalid_argument("byte " + std::to_string(place) + ": " + reason);
}

}  // namespace

FastTextWords parse_fasttext_words(std::string_view bytes, std::int64_t entries, std::int64_t place) {
  // Before anything is allocated: an entry has at least a NUL, a count and a kind.
  if (entries < 0 || static_cast<std::uint64_t>(entries) > bytes.size() / (kAfterWord + 1)) {
    damaged(place, std::to_string(entries) + " words do not fit in the " + std::to_string(bytes.size()) +
                       " bytes that follow");
  }
  FastTextWords out;
  out.offsets.reserve(static_cast<std::size_t>(entries) + 1);
  out.counts.reserve(static_cast<std::size_t>(entries));
  out.offsets.push_back(0);
  std::size_t at = 0;
  for (std::int64_t i = 0; i < entries; ++i) {
    const std::size_t end = bytes.find('\0', at);
    if (end == std::string_view::npos || bytes.size() - end - 1 < kAfterWord) {
      damaged(place + static_cast<std::int64_t>(at),
              "the file ends within word " + std::to_string(i) + " of " + std::to_string(entries));
    }
    std::int64_t count = 0;
    std::memcpy(&count, bytes.data() + end + 1, sizeof count);
    const char kind = bytes[end + kAfterWord];
    if (count < 0 || (kind != 0 && kind != 1)) {
      damaged(place + static_cast<std::int64_t>(end) + 1,
              "expected the count and the kind of word " + std::to_string(i) + ", got " +
                  std::to_string(count) + " and " + std::to_string(kind));
    }
    out.labels += kind;
    out.data.append(bytes.substr(at, end - at));
    out.offsets.push_back(static_cast<std::int64_t>(out.data.size()));
    out.counts.push_back(count);
    at = end + 1 + kAfterWord;
  }
  out.consumed = static_cast<std::int64_t>(at);
  return out;
}

std::string format_fasttext_words(PackedWords words, std::span<const std::int64_t> counts) {
  check_offsets("offsets", words.offsets, static_cast<std::int64_t>(words.data.size()));
  if (static_cast<std::int64_t>(counts.size()) != words.size()) {
    refuse("counts", std::to_string(words.size()) + ", one per word", std::to_string(counts.size()));
  }
  std::string out;
  out.reserve(words.data.size() + counts.size() * (kAfterWord + 1));
  for (std::int64_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.empty() || word.find('\0') != std::string_view::npos) {
      refuse("words[" + std::to_string(i) + "]",
             "a word without NUL bytes, which end one in fastText's files",
             word.empty() ? "an empty one" : "one that has them");
    }
    out.append(word);
    out.push_back('\0');
    char bytes[sizeof(std::int64_t)];
    std::memcpy(bytes, &counts[static_cast<std::size_t>(i)], sizeof bytes);
    out.append(bytes, sizeof bytes);
    out.push_back('\0');  // the kind: a word
  }
  return out;
}

}  // namespace fastnlp
