"""The words of a picture: looked up, each once, refused where they have no direction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.vectors import WordVectors

__all__ = ["different_words", "first_words", "unit_rows"]


def different_words(words: Iterable[str]) -> list[str]:
    """Words in their order, each once.

    Raises:
        TypeError: it is a single string, or something in it is not a string.

    Example:
        >>> different_words(["cat", "dog", "cat"])
        ['cat', 'dog']
    """
    if isinstance(words, str):
        raise TypeError(f"words: expected a list of words, got the string {words!r}")
    listed = list(dict.fromkeys(words))
    for word in listed:
        if not isinstance(word, str):
            raise TypeError(f"words: expected str, got {word!r}")
    return listed


def first_words(vectors: WordVectors, count: int) -> tuple[list[str], NDArray[np.float64]]:
    """The first words and their vectors scaled to length 1, without those that have no direction.

    Files have rows of zeros for unknown words; a word that somebody asked for is another matter.

    Args:
        vectors: V words.
        count: how many rows to look at.

    Returns:
        N words and (N, D) float64.

    Raises:
        ValueError: fewer than two words have a direction.

    Example:
        >>> table = np.array([[0, 0], [3, 4], [0, 2]], np.float32)
        >>> first_words(WordVectors(["<unk>", "cat", "dog"], table), 3)[0]
        ['cat', 'dog']
    """
    units = vectors.unit_vectors(np.arange(min(count, len(vectors)))).astype(np.float64)
    directed = np.flatnonzero(np.isfinite(units).all(axis=1) & (np.abs(units).max(axis=1) > 0))
    if len(directed) < 2:
        raise ValueError(f"vectors: expected at least two words with a direction, got {len(directed)}")
    return [vectors.index_to_key[row] for row in directed], units[directed]


def unit_rows(vectors: WordVectors, words: list[str]) -> NDArray[np.float64]:
    """The vectors of words, scaled to length 1.

    Args:
        vectors: where they are looked up; unseen words of `SubwordVectors` are composed.
        words: N words.

    Returns:
        (N, D) float64.

    Raises:
        KeyError: words are unknown; the message names them.
        ValueError: a vector is zero or not finite, and so has no direction.

    Example:
        >>> unit_rows(WordVectors(["cat"], np.array([[3, 4]], np.float32)), ["cat"])
        array([[0.6, 0.8]])
    """
    rows: list[NDArray[Any]] = []
    unknown: list[tuple[str, KeyError]] = []
    for word in words:
        try:
            rows.append(vectors.get_vector(word))
        except KeyError as error:
            unknown.append((word, error))
    if len(unknown) == 1:
        raise unknown[0][1]
    if unknown:
        names = ", ".join(repr(word) for word, _ in unknown[:10]) + (", ..." if len(unknown) > 10 else "")
        raise KeyError(f"{len(unknown)} words are not among the {len(vectors):,}: {names}")
    table = np.array(rows, np.float64).reshape(len(words), vectors.vector_size)
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = np.linalg.norm(table, axis=1)
    for word, length in zip(words, lengths, strict=True):
        if not (np.isfinite(length) and length > 0):
            found = "zeros" if length == 0 else "numbers that are not finite"
            raise ValueError(f"words: expected vectors with a direction, got {found} for {word!r}")
    units: NDArray[np.float64] = table / lengths[:, None]
    return units
