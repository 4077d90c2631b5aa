#include "tokenizers/special_tokens.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "support/checks.h"
#include "text/utf8.h"
#include "tokenizers/shown.h"

namespace fastnlp {
namespace {

bool is_space(const char* p, const char* end, std::uint32_t* length) {
  const auto c = static_cast<unsigned char>(*p);
  *length = 1;
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  const Utf8Character character = multibyte_character(p, end);
  *length = character.length;
  return character.space;
}

const char* spaces_behind(const char* p, const char* end) {
  std::uint32_t length = 0;
  while (p < end && is_space(p, end, &length)) p += length;
  return p;
}

const char* spaces_before(const char* begin, const char* p) {
  for (;;) {
    const char* q = p;
    do {
      if (q == begin) return p;
      --q;
    } while ((static_cast<unsigned char>(*q) & 0xC0) == 0x80);
    std::uint32_t length = 0;
    if (!is_space(q, p, &length) || q + length != p) return p;
    p = q;
  }
}

}  // namespace

SpecialTokens::SpecialTokens(std::vector<SpecialToken> tokens) : tokens_(std::move(tokens)) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].text.empty()) {
      refuse("special_tokens[" + std::to_string(i) + "]", "at least one character", "an empty token");
    }
    bytes += tokens_[i].text.size();
  }
  edges_.assign(std::bit_ceil(2 * bytes + 2), {0, 0});
  token_of_.push_back(-1);
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    std::uint32_t node = kRoot;
    for (const char c : tokens_[i].text) {
      const std::uint64_t key = (static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(c)) + 1;
      Edge& edge = edges_[slot(key)];
      if (edge.key == 0) {
        edge = {key, static_cast<std::uint32_t>(token_of_.size())};
        token_of_.push_back(-1);
      }
      node = edge.target;
    }
    if (token_of_[node] >= 0) {
      refuse("special_tokens[" + std::to_string(i) + "]", "distinct tokens",
             shown(tokens_[i].text) + " again");
    }
    token_of_[node] = static_cast<std::int32_t>(i);
    const auto first = static_cast<unsigned char>(tokens_[i].text[0]);
    begins_[first] = true;
    only_ = i == 0 || only_ == first ? first : -2;
  }
}

std::size_t SpecialTokens::slot(std::uint64_t key) const {
  const std::size_t mask = edges_.size() - 1;
  std::size_t i = (key * 0x9E3779B97F4A7C15u >> 32) & mask;
  while (edges_[i].key != 0 && edges_[i].key != key) i = (i + 1) & mask;
  return i;
}

std::uint32_t SpecialTokens::child(std::uint32_t node, unsigned char byte) const {
  return edges_[slot((static_cast<std::uint64_t>(node) << 8 | byte) + 1)]
      .target;  // the root where there is none
}

SpecialTokens::Found SpecialTokens::find(const char* p, const char* end,
                                         const std::vector<SpecialUse>& use) const {
  const char* const begin = p;
  if (tokens_.empty()) return {end, end, 0};
  while (p < end) {
    if (only_ >= 0) {
      p = static_cast<const char*>(std::memchr(p, only_, static_cast<std::size_t>(end - p)));
      if (p == nullptr) break;
    } else {
      while (p < end && !begins_[static_cast<unsigned char>(*p)]) ++p;
      if (p == end) break;
    }
    std::uint32_t node = kRoot;
    std::int32_t longest = -1;
    for (const char* q = p; q < end; ++q) {
      node = child(node, static_cast<unsigned char>(*q));
      if (node == kRoot) break;
      const std::int32_t token = token_of_[node];
      if (token >= 0 && use[static_cast<std::size_t>(token)] != SpecialUse::kText) longest = token;
    }
    if (longest >= 0) {
      const SpecialToken& token = tokens_[static_cast<std::size_t>(longest)];
      Found found{p, p + token.text.size(), static_cast<std::size_t>(longest)};
      if (token.takes_space_before) found.begin = spaces_before(begin, found.begin);
      if (token.takes_space_behind) found.end = spaces_behind(found.end, end);
      return found;
    }
    ++p;
  }
  return {end, end, tokens_.size()};
}

}  // namespace fastnlp
