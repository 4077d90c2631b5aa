"""Subword embeddings, as in the section on fastText: a word is the sum of its n-grams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from fastnlp import sampling


def get_subwords(word: str, min_n: int = 3, max_n: int = 6) -> list[str]:
    """The set G_w of the book: n-grams of the word between `<` and `>`, and the whole as a special subword.

    Args:
        word: at least one character.
        min_n: characters in the shortest n-gram.
        max_n: characters in the longest.

    Returns:
        Different subwords, the special one last.

    Raises:
        ValueError: the word is empty, or a length is out of range.

    Example:
        >>> get_subwords("where", 3, 3)
        ['<wh', 'whe', 'her', 'ere', 're>', '<where>']
    """
    return sampling.subwords(word, min_n, max_n)


class SubwordEmbedding(nn.Module):
    """v_w = sum of z_g over the subwords g of w, in the place of the centers' `nn.Embedding` in `skip_gram`.

    Every subword of the words has a vector of its own; nothing is hashed.

    Args:
        words: V words, numbered as they come.
        dim: D.
        min_n: characters in the shortest n-gram.
        max_n: characters in the longest.

    Attributes:
        subwords: U subwords, by first appearance.
        weight: (U, D) their vectors z.

    Raises:
        ValueError: a word is empty, or a length is out of range.

    Example:
        >>> embed = SubwordEmbedding(["where", "there"], 4, 3, 3)
        >>> embed(torch.tensor([[0], [1]])).shape, len(embed.subwords)
        (torch.Size([2, 1, 4]), 9)
        >>> bool(torch.isclose(embed.vector("here"), embed.weight[[2, 3, 4]].sum(0)).all())
        True
    """

    def __init__(self, words: Sequence[str], dim: int, min_n: int = 3, max_n: int = 6) -> None:
        super().__init__()
        found = sampling.ngram_vocabulary(words, min_n, max_n)
        self.subwords = found.ngrams
        self.lengths = (min_n, max_n)
        self._numbers = {subword: number for number, subword in enumerate(found.ngrams)}
        self.weight = nn.Parameter(torch.empty(len(found.ngrams), dim))
        nn.init.xavier_uniform_(self.weight)
        self.ids: torch.Tensor
        self.offsets: torch.Tensor
        self.register_buffer("ids", torch.from_numpy(found.ids.astype(np.int64)))
        self.register_buffer("offsets", torch.from_numpy(found.offsets))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """The vectors of words.

        Args:
            words: integers in [0, V), of any shape.

        Returns:
            The shape of `words` and D.
        """
        flat = words.reshape(-1)
        starts, ends = self.offsets[flat], self.offsets[flat + 1]
        counts = ends - starts
        firsts = torch.cumsum(counts, 0) - counts
        # Number k of all subwords asked for belongs to a word; it lies as far behind the start of that word's
        # in `ids` as it lies behind the first of the word's own.
        places = torch.arange(int(counts.sum()), device=flat.device)
        subwords = self.ids[places + torch.repeat_interleave(starts - firsts, counts)]
        summed = nn.functional.embedding_bag(subwords, self.weight, firsts, mode="sum")
        return summed.reshape(*words.shape, self.weight.shape[1])

    def vector(self, word: str) -> torch.Tensor:
        """The vector of any word, from those of its subwords that are known.

        Args:
            word: seen or not.

        Returns:
            (D,); zeros where no subword is known.

        Raises:
            ValueError: the word is empty.
        """
        known = [self._numbers[g] for g in get_subwords(word, *self.lengths) if g in self._numbers]
        return self.weight[known].sum(0)
