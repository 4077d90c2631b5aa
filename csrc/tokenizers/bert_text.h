// The text of BERT's vocabularies: control characters removed, ideographs words of their own, accents taken
// away and letters lower-cased if asked for, words cut at white space and around punctuation (BasicTokenizer
// of Devlin et al. 2019).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fastnlp {

struct BertTextSettings {
  bool lowercase = true;
  bool strip_accents = true;
};

// Collects the characters of one word.
class BertWord {
 public:
  void add(std::uint32_t character);
  // A mark that is taken away: marks before it and behind it keep their order.
  void end_marks() { marks_ = characters_.size(); }
  bool empty() const { return characters_.empty(); }
  std::size_t size() const { return characters_.size(); }
  const std::string& utf8();
  void clear();

 private:
  std::vector<std::uint32_t> characters_;
  std::size_t marks_ = 0;  // where the run of combining marks begins
  std::string utf8_;
};

namespace bert {

enum Flag : std::uint8_t { kRemoved = 1, kSpace = 2, kIdeograph = 4, kPunctuation = 8, kPlainMark = 16 };

std::uint8_t flags(std::uint32_t character);
// What a character becomes without accents, or in lower case: up to three others, 0 behind the last; nullptr
// where it stays.
const std::uint32_t* base(std::uint32_t character);
const std::uint32_t* lower(std::uint32_t character);
// The three parts of a Hangul syllable, 0 behind the last; false for others.
bool hangul(std::uint32_t character, std::uint32_t parts[3]);
std::uint32_t decode(const char*& p, const char* end);

}  // namespace bert

// Calls callback(word) for each word of [p, end), which is UTF-8; throws std::invalid_argument where it is
// not.
template <class Callback>
void each_bert_word(const char* p, const char* end, BertTextSettings settings, BertWord& word,
                    const Callback& callback) {
  word.clear();
  const auto finish = [&] {
    if (!word.empty()) callback(word);
    word.clear();
  };
  const auto put = [&](std::uint32_t character) {
    if (bert::flags(character) & bert::kPunctuation) {
      finish();
      word.add(character);
      finish();
    } else {
      word.add(character);
    }
  };
  const auto put_lower = [&](std::uint32_t character) {
    const std::uint32_t* others = settings.lowercase ? bert::lower(character) : nullptr;
    if (others == nullptr) return put(character);
    for (int i = 0; i < 3 && others[i] != 0; ++i) put(others[i]);
  };
  while (p < end) {
    const std::uint32_t character = bert::decode(p, end);
    const std::uint8_t flags = bert::flags(character);
    if (flags & bert::kRemoved) continue;
    if (flags & bert::kSpace) {
      finish();
      continue;
    }
    if (flags & bert::kIdeograph) finish();
    std::uint32_t parts[3];
    const std::uint32_t* others = settings.strip_accents ? bert::base(character) : nullptr;
    if (settings.strip_accents && bert::hangul(character, parts)) others = parts;
    if (others == nullptr) {
      put_lower(character);
    } else {
      for (int i = 0; i < 3 && others[i] != 0; ++i) put_lower(others[i]);
      if (others[0] == 0 && (flags & bert::kPlainMark)) word.end_marks();
    }
    if (flags & bert::kIdeograph) finish();
  }
  finish();
}

}  // namespace fastnlp
