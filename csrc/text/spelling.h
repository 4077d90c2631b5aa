// From ids back to text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fastnlp {

// The tokens in [begin, end) of a corpus: a space between words, a sentence a line, an empty line between
// documents. Word i is words[word_offsets[i]] to words[word_offsets[i + 1]]. Offsets have been checked; ids
// are checked here.
std::string spell(std::span<const std::int32_t> ids, std::span<const std::int64_t> sentence_offsets,
                  std::span<const std::int64_t> document_offsets, std::int64_t begin, std::int64_t end,
                  std::string_view words, std::span<const std::int64_t> word_offsets);

}  // namespace fastnlp
