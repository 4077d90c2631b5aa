#include "tokenizers/bert_text.h"

#include <algorithm>
#include <iterator>

#include "support/checks.h"
#include "text/utf8.h"
#include "tokenizers/bert_characters_data.h"
#include "tokenizers/shown.h"

namespace fastnlp {
namespace {

template <std::size_t N>
const std::uint32_t* look_up(const std::uint32_t (&table)[N][4], std::uint32_t character) {
  const auto* found =
      std::lower_bound(std::begin(table), std::end(table), character,
                       [](const auto& entry, std::uint32_t wanted) { return entry[0] < wanted; });
  return found != std::end(table) && (*found)[0] == character ? *found + 1 : nullptr;
}

std::uint32_t combining(std::uint32_t character) {
  if (character < bert::kCombining[0][0]) return 0;
  const auto* found =
      std::lower_bound(std::begin(bert::kCombining), std::end(bert::kCombining), character,
                       [](const auto& entry, std::uint32_t wanted) { return entry[0] < wanted; });
  return found != std::end(bert::kCombining) && (*found)[0] == character ? (*found)[1] : 0;
}

void append_utf8(std::string& text, std::uint32_t c) {
  const auto byte = [&](std::uint32_t value) { text += static_cast<char>(value); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6);
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3F));
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}

}  // namespace

namespace bert {

std::uint8_t flags(std::uint32_t character) { return kFlags[kBlockOf[character >> 7]][character & 127]; }

const std::uint32_t* base(std::uint32_t character) {
  return character < 0xC0 ? nullptr : look_up(kBase, character);
}

const std::uint32_t* lower(std::uint32_t character) {
  if (character < 0x80 && (character < 'A' || character > 'Z')) return nullptr;
  return look_up(kLower, character);
}

bool hangul(std::uint32_t character, std::uint32_t parts[3]) {
  // Unicode 16.0, section 3.12.
  constexpr std::uint32_t kFirst = 0xAC00, kLast = 0xD7A3, kMedials = 21, kFinals = 28;
  if (character < kFirst || character > kLast) return false;
  const std::uint32_t index = character - kFirst, last = index % kFinals;
  parts[0] = 0x1100 + index / (kMedials * kFinals);
  parts[1] = 0x1161 + index / kFinals % kMedials;
  parts[2] = last == 0 ? 0 : 0x11A7 + last;
  return true;
}

std::uint32_t decode(const char*& p, const char* end) {
  const auto byte = [&](int i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(p[i])); };
  if (byte(0) < 0x80) return static_cast<std::uint32_t>(*p++);
  const Utf8Character found = multibyte_character(p, end);
  if (!found.valid) refuse("text", "UTF-8", "the bytes " + shown({p, found.length}));
  std::uint32_t character = byte(0) & (0xFFu >> (found.length + 1));
  for (int i = 1; i < static_cast<int>(found.length); ++i) character = character << 6 | (byte(i) & 0x3F);
  p += found.length;
  return character;
}

}  // namespace bert

void BertWord::add(std::uint32_t character) {
  characters_.push_back(character);
  const std::uint32_t order = combining(character);
  if (order == 0) {
    marks_ = characters_.size();
    return;
  }
  // Canonical order: within a run of marks by class, those of one class as they came.
  std::size_t i = characters_.size() - 1;
  for (; i > marks_ && combining(characters_[i - 1]) > order; --i) characters_[i] = characters_[i - 1];
  characters_[i] = character;
}

const std::string& BertWord::utf8() {
  utf8_.clear();
  for (const std::uint32_t character : characters_) append_utf8(utf8_, character);
  return utf8_;
}

void BertWord::clear() {
  characters_.clear();
  marks_ = 0;
}

}  // namespace fastnlp
