"""Vectors of character n-grams, and words made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.text import WordList
from fastnlp.vectors.table import threads_to_use

__all__ = ["NgramRows"]


@dataclass(frozen=True)
class NgramRows:
    """The vectors of character n-grams in buckets, and how words are made of them.

    Attributes:
        rows: (U, 4 D) uint8, the bytes of float32 rows, at any address: a view of a table, or a mapped file.
        row_bucket: (U,) int32 rising, the bucket of each row; empty where row = bucket.
        buckets: how many buckets there are; those without a row stand for zeros.
        min_n: characters in the shortest n-gram.
        max_n: characters in the longest; 0 for no n-grams.
        composition: "mean", as fastText has it, or "sum".
    """

    rows: NDArray[np.uint8]
    row_bucket: NDArray[np.int32]
    buckets: int
    min_n: int = 3
    max_n: int = 6
    composition: Literal["mean", "sum"] = "mean"

    def compose(
        self,
        words: WordList,
        own: NDArray[np.int64] | None = None,
        word_rows: NDArray[np.uint8] | None = None,
        threads: int | None = None,
    ) -> NDArray[np.float32]:
        """The vectors of words from their own rows, if they have any, and those of their n-grams.

        Args:
            words: N words.
            own: (N,) int64 rows of `word_rows`; -1, and None for all, where a word has none.
            word_rows: (V, 4 D) uint8, the bytes of float32 rows.
            threads: None is one per CPU; the result does not depend on it.

        Returns:
            (N, D) float32.

        Raises:
            IndexError: a row does not exist.
        """
        if own is None:
            own = np.full(len(words), -1, np.int64)
        out = np.empty((len(words), self.rows.shape[1] // 4), np.float32)
        _core.compose_vectors(
            words.data,
            words.offsets,
            own,
            self.rows[:0] if word_rows is None else word_rows,
            self.rows,
            self.row_bucket,
            self.buckets,
            self.min_n,
            self.max_n,
            self.composition == "mean",
            out,
            threads_to_use(threads),
        )
        return out
