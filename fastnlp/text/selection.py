"""Choosing the words of a vocabulary: special tokens, the smallest count, the largest size."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp.text.word_list import WordList


def select(
    words: WordList,
    counts: NDArray[np.int64],
    *,
    min_count: int = 1,
    max_size: int | None = None,
    unknown: str | None = None,
    reserved: Iterable[str] = (),
) -> tuple[WordList, NDArray[np.int64], NDArray[np.int32]]:
    """Chooses the words of a vocabulary from all the words of a text, and numbers them.

    Args:
        words: the distinct words by first appearance.
        counts: how often each occurs, int64.
        min_count: words that occur less often are left out.
        max_size: at most so many words besides the special tokens; None for all.
        unknown: the token that the words left out become.
        reserved: further special tokens; kept however rare they are.

    Returns:
        The chosen words (special tokens, then by falling count, ties by first appearance), their counts, and
        the id of each of `words` (int32; -1 or that of the unknown token for those left out).
    """
    checked_min_count(min_count)
    if max_size is not None and max_size < 0:
        raise ValueError(f"max_size: expected a number >= 0 or None, got {max_size}")
    special = special_tokens(unknown, reserved)
    places = words.find(special)
    regular = counts >= min_count
    regular[[place for place in places if place is not None]] = False
    candidates = np.flatnonzero(regular)
    order = candidates[np.argsort(-counts[candidates], kind="stable")][:max_size]

    ids = np.full(len(words), -1 if unknown is None else 0, np.int32)
    ids[order] = np.arange(len(special), len(special) + len(order), dtype=np.int32)
    front = np.zeros(len(special), np.int64)
    for i, place in enumerate(places):
        if place is not None:
            ids[place] = i
            front[i] = counts[place]
    if unknown is not None:
        front[0] = counts[ids == 0].sum()
    kept = WordList.from_words("special", special) + words.take(order)
    return kept, np.concatenate([front, counts[order]]), ids


def special_tokens(unknown: str | None, reserved: Iterable[str]) -> list[str]:
    """The unknown token and the reserved ones, checked.

    Args:
        unknown: a token or None.
        reserved: further tokens.

    Returns:
        All of them, the unknown one first.

    Raises:
        TypeError: one is not a str.
        ValueError: one is empty or stands twice.
    """
    if isinstance(reserved, str):
        raise TypeError(f"reserved: expected several tokens, got the str {reserved!r}")
    special = list(itertools.chain([] if unknown is None else [unknown], reserved))
    for i, token in enumerate(special):
        name = "unknown" if unknown is not None and i == 0 else "reserved"
        if not isinstance(token, str):
            raise TypeError(f"{name}: expected str, got {type(token).__name__}")
        if not token:
            raise ValueError(f"{name}: expected a token of at least one character, got an empty one")
        if token in special[:i]:
            raise ValueError(f"{name}: expected distinct special tokens, got {token!r} twice")
    return special


def checked_min_count(min_count: int) -> int:
    """The smallest count of a word, refused if it is negative.

    Args:
        min_count: a number.

    Returns:
        The same number.

    Raises:
        ValueError: it is negative.
    """
    number = operator.index(min_count)
    if number < 0:
        raise ValueError(f"min_count: expected a number >= 0, got {number}")
    return number


def checked_counts(counts: ArrayLike | None, size: int) -> NDArray[np.int64]:
    """The counts of words as int64, in memory of their own.

    Args:
        counts: one for each word; None for zeros.
        size: how many words there are.

    Returns:
        (size,) int64.

    Raises:
        TypeError: they are not integers.
        ValueError: there are more or fewer than words, or one is negative.
    """
    if counts is None:
        return np.zeros(size, np.int64)
    numbers = np.asarray(counts)
    if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
        raise TypeError(f"counts: expected integers, got {numbers.dtype}")
    if numbers.shape != (size,):
        raise ValueError(f"counts: expected one for each of the {size} words, got shape {numbers.shape}")
    numbers = numbers.astype(np.int64)
    if size and numbers.min() < 0:
        at = int(np.argmin(numbers))
        raise ValueError(f"counts[{at}]: expected a count >= 0, got {numbers[at]}")
    return numbers


def refuse_duplicate(words: list[str], special: int) -> None:
    """Names the first word that stands twice.

    Args:
        words: words of which one stands twice.
        special: how many of them, in front, are special tokens.

    Raises:
        ValueError: always, if there is such a word.
    """
    seen: dict[str, int] = {}
    for i, word in enumerate(words):
        if word in seen:
            where = " (a special token stands in front or nowhere)" if seen[word] < special else ""
            raise ValueError(f"tokens[{i}]: expected distinct words, got {word!r} again{where}")
        seen[word] = i
