"""Training that begins with vectors that are there already."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fastnlp.text import Vocab
from fastnlp.vectors import WordVectors

__all__ = ["take_given"]

_log = logging.getLogger("fastnlp")

_AT_ONCE = 1 << 16  # words


def take_given(
    given: WordVectors, vocab: Vocab, take: Callable[[NDArray[np.int64], NDArray[np.float32]], None]
) -> None:
    """Hands over the vectors of those words of a vocabulary that are among the given ones.

    Args:
        given: the vectors.
        vocab: the words that are to be trained.
        take: called with (N,) ids and (N, D) vectors, some words at a time.

    Raises:
        ValueError: none of the words is among them, or a vector has a number that is not finite.

    Example:
        >>> given = WordVectors(["cat", "dog"], np.eye(2, dtype=np.float32))
        >>> take_given(given, Vocab(["a", "dog"]), lambda ids, rows: print(ids, rows))
        [1] [[0. 1.]]
    """
    index = given.key_to_index
    rows = np.array([index.get(token, -1) for token in vocab.tokens], np.int64)
    known = np.flatnonzero(rows >= 0)
    if not len(known):
        raise ValueError("vectors: expected at least one word of the corpus among them, found none")
    _log.info("%d of %d words begin with given vectors", len(known), len(rows))
    for start in range(0, len(known), _AT_ONCE):
        ids = known[start : start + _AT_ONCE]
        vectors = given[[vocab.tokens[i] for i in ids]]
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            word = vocab.tokens[ids[np.argmin(finite)]]
            raise ValueError(f"vectors: expected finite numbers, got others in that of {word!r}")
        take(ids, vectors)
