#include "text/paragraphs.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "support/checks.h"
#include "text/utf8.h"

namespace fastnlp {
namespace {

constexpr std::string_view kBehind = "\n\n";
constexpr std::size_t kCharacters = 0x110000;

// The next byte beyond ASCII.
const char* next_multibyte(const char* p, const char* end) {
  for (; end - p >= 8; p += 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    if (word & 0x8080808080808080u) break;
  }
  while (p < end && static_cast<unsigned char>(*p) < 0x80) ++p;
  return p;
}

// The character that starts at a byte beyond ASCII, which is valid and so many bytes long.
std::uint32_t decoded(const char* p, std::uint32_t length) {
  auto code = static_cast<std::uint32_t>(static_cast<unsigned char>(*p) & (0xFF >> (length + 1)));
  for (std::uint32_t i = 1; i < length; ++i) {
    code = code << 6 | (static_cast<unsigned char>(p[i]) & 0x3F);
  }
  return code;
}

// take(character) for each beyond ASCII, until it says true.
template <class Take>
bool any_multibyte(std::string_view text, const Take& take) {
  const char* const end = text.data() + text.size();
  for (const char* p = next_multibyte(text.data(), end); p < end; p = next_multibyte(p, end)) {
    const Utf8Character character = multibyte_character(p, end);
    if (!character.valid) {
      refuse("byte " + std::to_string(p - text.data()), "UTF-8",
             std::to_string(static_cast<unsigned char>(*p)));
    }
    if (take(decoded(p, character.length))) return true;
    p += character.length;
  }
  return false;
}

// The next full stop between spaces.
const char* next_stop(const char* p, const char* end) {
  while (end - p >= 3) {
    const auto* const stop =
        static_cast<const char*>(std::memchr(p + 1, '.', static_cast<std::size_t>(end - p - 2)));
    if (stop == nullptr) break;
    if (stop[-1] == ' ' && stop[1] == ' ') return stop;
    p = stop;
  }
  return end;
}

// Paragraphs are written in a random order: the next one comes while this one is written.
void prefetch(std::string_view line) {
  constexpr std::size_t kLine = 64, kMost = 64 * kLine;
  for (std::size_t i = 0; i < std::min(line.size(), kMost); i += kLine) __builtin_prefetch(line.data() + i);
}

std::string_view stripped(const char* p, const char* end) {
  while (p < end && is_ascii_space(static_cast<unsigned char>(*p))) ++p;
  while (p < end && is_ascii_space(static_cast<unsigned char>(end[-1]))) --end;
  return {p, static_cast<std::size_t>(end - p)};
}

}  // namespace

Paragraphs::Paragraphs(std::string_view text) : seen_(kCharacters / 64) {
  any_multibyte(text, [&](std::uint32_t character) {
    seen_[character / 64] |= std::uint64_t{1} << character % 64;
    return false;
  });
  const std::string_view ends = text.find('\r') == text.npos ? "\n" : "\n\r";
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end =
        std::min(ends.size() == 1 ? text.find('\n', begin) : text.find_first_of(ends, begin), text.size());
    const char* const line = text.data() + begin;
    const char* const behind = text.data() + end;
    if (next_stop(line, behind) != behind) lines_.push_back(stripped(line, behind));
    begin = end + 1;
  }
}

std::string_view Paragraphs::operator[](std::int64_t i) const {
  if (i < 0 || i >= count()) {
    throw std::out_of_range("i: expected a paragraph in [0, " + std::to_string(count()) + "), got " +
                            std::to_string(i));
  }
  return lines_[static_cast<std::size_t>(i)];
}

std::vector<std::uint32_t> Paragraphs::characters() const {
  std::vector<std::uint32_t> all;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    for (std::uint64_t bits = seen_[i]; bits != 0; bits &= bits - 1) {
      all.push_back(static_cast<std::uint32_t>(i * 64) + static_cast<std::uint32_t>(std::countr_zero(bits)));
    }
  }
  return all;
}

std::vector<std::int64_t> Paragraphs::having(std::span<const std::uint32_t> characters) const {
  std::vector<bool> wanted(kCharacters);
  for (const std::uint32_t character : characters) wanted.at(character) = true;
  std::vector<std::int64_t> found;
  for (std::int64_t i = 0; i < count() && !characters.empty(); ++i) {
    if (any_multibyte((*this)[i], [&](std::uint32_t c) { return bool{wanted[c]}; })) found.push_back(i);
  }
  return found;
}

void Paragraphs::replace(std::int64_t i, std::string line) {
  (*this)[i];  // refuses other places
  lines_[static_cast<std::size_t>(i)] = replaced_.emplace_back(std::move(line));
}

std::size_t Paragraphs::size(std::int64_t i) const { return (*this)[i].size() + kBehind.size(); }

std::vector<std::int64_t> Paragraphs::sizes() const {
  std::vector<std::int64_t> sizes;
  sizes.reserve(lines_.size());
  for (std::int64_t i = 0; i < count(); ++i) sizes.push_back(static_cast<std::int64_t>(size(i)));
  return sizes;
}

char* Paragraphs::write(std::span<const std::int64_t> order, char* out) const {
  for (std::size_t n = 0; n < order.size(); ++n) {
    if (n + 1 < order.size()) prefetch((*this)[order[n + 1]]);
    const std::string_view line = (*this)[order[n]];
    std::transform(line.begin(), line.end(), out, [](char c) {
      return static_cast<char>(c + (static_cast<unsigned char>(c - 'A') < 26 ? 'a' - 'A' : 0));
    });
    char* const end = out + line.size();
    for (const char* stop = next_stop(out, end); stop != end; stop = next_stop(stop + 2, end)) {
      out[stop - out] = '\n';
    }
    out = std::copy(kBehind.begin(), kBehind.end(), end);
  }
  return out;
}

}  // namespace fastnlp
