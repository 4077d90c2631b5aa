#include "tokenizers/byte_trie.h"

#include <bit>

namespace fastnlp {
namespace {

std::uint64_t key_of(std::uint32_t node, char byte) {
  return (static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(byte)) + 1;
}

}  // namespace

ByteTrie::ByteTrie(std::size_t bytes) { edges_.assign(std::bit_ceil(2 * bytes + 2), {0, 0, -1}); }

void ByteTrie::add(std::string_view text, std::int32_t id) {
  std::uint32_t node = 0;
  Edge* edge = nullptr;
  for (const char byte : text) {
    const std::uint64_t key = key_of(node, byte);
    edge = &edges_[slot(key)];
    if (edge->key == 0) *edge = {key, nodes_++, -1};
    node = edge->target;
  }
  if (edge != nullptr) edge->id = id;
}

std::size_t ByteTrie::slot(std::uint64_t key) const {
  const std::size_t mask = edges_.size() - 1;
  std::size_t i = (key * 0x9E3779B97F4A7C15u >> 32) & mask;
  while (edges_[i].key != 0 && edges_[i].key != key) i = (i + 1) & mask;
  return i;
}

ByteTrie::Match ByteTrie::longest(std::string_view text) const {
  Match match{-1, 0};
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const Edge& edge = edges_[slot(key_of(node, text[i]))];
    if (edge.key == 0) break;
    node = edge.target;
    if (edge.id >= 0) match = {edge.id, i + 1};
  }
  return match;
}

}  // namespace fastnlp
