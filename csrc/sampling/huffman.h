// Huffman trees over words (Huffman 1952), for hierarchical softmax (Morin and Bengio 2005; Mikolov et al.
// 2013).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "support/buffer.h"

namespace fastnlp {

// The tree of V words as one array of 2V - 1 links: node w < V is the leaf of word w, node V + i is inner
// node i, and a node's link is 2 * (inner node above it) + (0 for its left, 1 for its right child). The link
// of the root, of words without count and of inner nodes that are not needed is -1. An inner node stands
// above nodes of lower number only.
//
// O(V log V), and the tree of word2vec.c where counts fall: of equal counts the inner node goes first, then
// the word with the larger id; the first of a pair is the left child.
Buffer<std::int32_t> huffman_links(std::span<const std::int64_t> counts);

struct TreePaths {
  Buffer<std::int32_t> path;     // 2 * (inner node) + code, from the root down
  Buffer<std::int64_t> offsets;  // (V + 1,)
};

// The path to each word; an empty one for a word outside of the tree. Links that lead in circles, or nowhere,
// are a std::invalid_argument.
TreePaths tree_paths(std::span<const std::int32_t> links, std::int64_t vocabulary);

}  // namespace fastnlp
