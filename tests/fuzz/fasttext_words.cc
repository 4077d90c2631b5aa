// Any bytes as the words of a fastText model, and what was read through n-grams: no crash, no read beyond the
// end, no more memory than the bytes call for, and words that were accepted are written as they stood.
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "sampling/subwords.h"
#include "vectors/fasttext_words.h"

using namespace fastnlp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  FastTextWords found;
  try {
    found = parse_fasttext_words(bytes, data[0], 0);
  } catch (const std::invalid_argument&) {
    return 0;
  }
  const PackedWords words{found.data, found.offsets};
  const NgramRule rule{1 + data[1] % 8, 8 + data[1] % 57};
  const Subwords hashed = hashed_ngrams(words, rule, 1 + data[1], 1);
  const NgramVocabulary exact = ngram_vocabulary(words, rule);
  const bool has_line_end = found.data.find(kEndOfSentence) != std::string::npos;  // without hashed n-grams
  if (!has_line_end && exact.ids.size() > hashed.ids.size() + static_cast<std::size_t>(words.size())) {
    __builtin_trap();
  }
  if (found.labels != 0) return 0;
  try {
    const std::string again = format_fasttext_words(words, found.counts);
    if (again != bytes.substr(0, static_cast<std::size_t>(found.consumed))) __builtin_trap();
  } catch (const std::invalid_argument&) {  // an empty word
  }
  return 0;
}
