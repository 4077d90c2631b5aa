"""Huffman trees, in which hierarchical softmax finds its words."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.sampling.arrays import as_integers

__all__ = ["HuffmanTree"]


class HuffmanTree:
    """A binary tree with the words for leaves, frequent ones near the root (Huffman 1952).

    Hierarchical softmax (Morin and Bengio 2005; Mikolov et al. 2013, arXiv:1310.4546, section 2.1) writes the
    probability of a word as the product of the decisions on the way from the root to its leaf, so that V
    probabilities sum to 1 and one of them costs O(log V).

    Args:
        links: (2V - 1,) int32. Entry w < V is of the leaf of word w, entry V + i of inner node i: 2 * (the
            inner node above it) + (0 for its left, 1 for its right child), -1 for the root and for what is
            not in the tree. An inner node stands above nodes of lower numbers only.
        vocabulary: V.

    Raises:
        ValueError: the links are no tree.

    Example:
        >>> tree = HuffmanTree.from_counts([8, 4, 2, 1])
        >>> [tree.code(word) for word in range(4)]
        ['1', '01', '001', '000']
        >>> tree.nodes(3)  # from the root down
        array([2, 1, 0], dtype=int32)
    """

    def __init__(self, links: NDArray[np.int32], vocabulary: int) -> None:
        self.links = links
        self.vocabulary = vocabulary
        self._paths = _core.tree_paths(links, vocabulary)

    @classmethod
    def from_counts(cls, counts: ArrayLike) -> HuffmanTree:
        """The tree of words that occur so often; O(V log V), and word2vec.c's where counts fall.

        Args:
            counts: (V,) int, >= 0; words with count 0 have no leaf.

        Returns:
            The tree.

        Raises:
            ValueError: a count is negative, or there is no word.
        """
        numbers = as_integers("counts", counts, np.int64)
        if not len(numbers):
            raise ValueError("counts: expected at least one word, got none")
        return cls(_core.huffman_links(numbers), len(numbers))

    @property
    def path(self) -> NDArray[np.int32]:
        """All paths after one another, int32: 2 * (inner node) + (0 for left, 1 for right) a step."""
        return self._paths[0]

    @property
    def path_offsets(self) -> NDArray[np.int64]:
        """(V + 1,) int64: the path of word w is path[path_offsets[w]:path_offsets[w + 1]]."""
        return self._paths[1]

    @cached_property
    def longest(self) -> int:
        """Steps of the longest path."""
        return int(np.diff(self.path_offsets).max())

    def steps(self, word: int) -> NDArray[np.int32]:
        """The path of one word, empty if it has no leaf.

        Raises:
            IndexError: there is no such word.
        """
        if not 0 <= word < self.vocabulary:
            raise IndexError(f"word: expected an id in [0, {self.vocabulary}), got {word}")
        return self.path[self.path_offsets[word] : self.path_offsets[word + 1]]

    def nodes(self, word: int) -> NDArray[np.int32]:
        """The inner nodes from the root to a word."""
        return self.steps(word) >> 1

    def code(self, word: int) -> str:
        """The turns from the root to a word: 0 for left, 1 for right."""
        return "".join(map(str, self.steps(word) & 1))

    def grown(self, counts: ArrayLike) -> HuffmanTree:
        """A tree with more words, in which the inner nodes there are keep their numbers and their places.

        The new words make a tree of their own, and one new root stands above both. So what a model has
        learned about the old words remains, at the price of one more step to each.

        Args:
            counts: (V' - V,) int, of the new words.

        Returns:
            The tree of all V' words.

        Example:
            >>> [HuffmanTree.from_counts([2, 1]).grown([5, 3]).code(word) for word in range(4)]
            ['01', '00', '11', '10']
        """
        added = as_integers("counts", counts, np.int64)
        if not (added > 0).any():
            links = np.full(2 * (self.vocabulary + len(added)) - 1, -1, np.int32)
            links[: self.vocabulary] = self.links[: self.vocabulary]
            links[self.vocabulary + len(added) :][: self.vocabulary - 1] = self.links[self.vocabulary :]
            return HuffmanTree(links, self.vocabulary + len(added))
        old, new = self.vocabulary, len(added)
        inner = int(np.diff(self.path_offsets).astype(bool).sum()) - 1  # nodes above the old words
        own = _core.huffman_links(added)
        own_inner = int((added > 0).sum()) - 1
        total = old + new
        links = np.full(2 * total - 1, -1, np.int32)
        shifted = np.where(own >= 0, own + 2 * inner, -1)
        links[:old], links[old:total] = self.links[:old], shifted[:new]
        links[total : total + inner] = self.links[old : old + inner]
        links[total + inner : total + inner + own_inner] = shifted[new : new + own_inner]
        root = inner + own_inner
        links[total + inner - 1] = 2 * root
        top = total + root - 1 if own_inner else old + int(np.flatnonzero(added)[0])
        links[top] = 2 * root + 1
        return HuffmanTree(links, total)
