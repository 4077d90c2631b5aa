#include "text/spelling.h"

#include <algorithm>

#include "support/checks.h"

namespace fastnlp {

std::string spell(std::span<const std::int32_t> ids, std::span<const std::int64_t> sentence_offsets,
                  std::span<const std::int64_t> document_offsets, std::int64_t begin, std::int64_t end,
                  std::string_view words, std::span<const std::int64_t> word_offsets) {
  const auto tokens = static_cast<std::int64_t>(ids.size());
  if (begin < 0 || end < begin || end > tokens) {
    refuse("begin and end", "0 <= begin <= end <= " + std::to_string(tokens),
           std::to_string(begin) + " and " + std::to_string(end));
  }
  if (word_offsets.empty()) refuse("word_offsets", "at least one offset", "none");
  std::string text;
  // The end of the sentence that `begin` stands in, and of the document.
  auto sentence = std::upper_bound(sentence_offsets.begin(), sentence_offsets.end(), begin);
  auto document = std::upper_bound(document_offsets.begin(), document_offsets.end(),
                                   sentence - sentence_offsets.begin() - 1);
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int32_t id = ids[static_cast<std::size_t>(i)];
    if (id < 0 || static_cast<std::size_t>(id) + 1 >= word_offsets.size()) {
      throw std::out_of_range("ids[" + std::to_string(i) + "]: expected an id in [0, " +
                              std::to_string(word_offsets.size() - 1) + "), got " + std::to_string(id));
    }
    const std::int64_t from = word_offsets[static_cast<std::size_t>(id)];
    const std::int64_t to = word_offsets[static_cast<std::size_t>(id) + 1];
    text.append(words.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
    if (sentence == sentence_offsets.end() || i + 1 < *sentence) {
      text.push_back(' ');
      continue;
    }
    text.push_back('\n');
    while (sentence != sentence_offsets.end() && *sentence <= i + 1) ++sentence;
    const auto next = sentence - sentence_offsets.begin() - 1;
    if (i + 1 < tokens && document != document_offsets.end() && *document <= next) {
      text.push_back('\n');
      while (document != document_offsets.end() && *document <= next) ++document;
    }
  }
  return text;
}

}  // namespace fastnlp
