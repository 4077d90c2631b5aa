#include "text/packed_words.h"

#include <stdexcept>

namespace fastnlp {

TakenWords take_words(const PackedWords& words, std::span<const std::int64_t> places) {
  std::size_t bytes = 0;
  for (const std::int64_t place : places) {
    if (place < 0 || place >= words.size()) {
      throw std::out_of_range("places: expected words in [0, " + std::to_string(words.size()) + "), got " +
                              std::to_string(place));
    }
    bytes += words[place].size();
  }
  TakenWords taken;
  taken.data.reserve(bytes);
  taken.offsets.reserve(places.size() + 1);
  taken.offsets.push_back(0);
  for (const std::int64_t place : places) {
    taken.data += words[place];
    taken.offsets.push_back(static_cast<std::int64_t>(taken.data.size()));
  }
  return taken;
}

std::string word_lines(const PackedWords& words) {
  std::string lines;
  lines.reserve(words.data.size() + static_cast<std::size_t>(words.size()));
  for (std::int64_t i = 0; i < words.size(); ++i) {
    lines += words[i];
    lines += '\n';
  }
  return lines;
}

}  // namespace fastnlp
