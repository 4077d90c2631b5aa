// Special tokens in a text: of those that begin first the longest. A trie of all tokens in one hash table,
// and a set of their first bytes in front of it, so that their number hardly matters.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fastnlp {

enum class SpecialUse : std::uint8_t { kText, kToken, kRefused };

struct SpecialToken {
  std::string text;
  std::int32_t id;
  bool takes_space_before = false;  // white space there belongs to it
  bool takes_space_behind = false;
};

class SpecialTokens {
 public:
  explicit SpecialTokens(std::vector<SpecialToken> tokens);

  struct Found {
    const char* begin;
    const char* end;
    std::size_t token;  // its number; tokens().size() where none was found
  };
  // The next one in a text that is not read as text. `use` has one entry for each token.
  Found find(const char* p, const char* end, const std::vector<SpecialUse>& use) const;
  const std::vector<SpecialToken>& tokens() const { return tokens_; }

 private:
  static constexpr std::uint32_t kRoot = 0;
  struct Edge {
    std::uint64_t key;  // node << 8 | byte, plus 1; 0 for a free slot
    std::uint32_t target;
  };
  std::uint32_t child(std::uint32_t node, unsigned char byte) const;
  std::size_t slot(std::uint64_t key) const;

  std::vector<SpecialToken> tokens_;
  std::vector<Edge> edges_;
  std::vector<std::int32_t> token_of_;  // for each node; -1 for none
  std::array<bool, 256> begins_{};
  int only_ = -1;  // the byte that all of them begin with, where it is one
};

}  // namespace fastnlp
