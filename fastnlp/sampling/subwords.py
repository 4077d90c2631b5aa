"""Character n-grams of words, as fastText and as the book count them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.sampling.arrays import as_threads
from fastnlp.text import Vocab, WordList

Words = Vocab | WordList | Sequence[str]


class Subwords(NamedTuple):
    """The n-grams of V words as numbers."""

    ids: NDArray[np.int32]
    """Flat; those of word i are `ids[offsets[i]:offsets[i + 1]]`."""
    offsets: NDArray[np.int64]
    """(V + 1,)"""


class NgramVocabulary(NamedTuple):
    """All different n-grams of V words, and which of them each word has."""

    ngrams: list[str]
    """U n-grams, by first appearance."""
    ids: NDArray[np.int32]
    """Flat, in [0, U); those of word i are `ids[offsets[i]:offsets[i + 1]]`."""
    offsets: NDArray[np.int64]
    """(V + 1,)"""


def fasttext_hash(text: str) -> int:
    """The 32-bit number that fastText puts an n-gram into a bucket by.

    FNV-1a over the bytes of its UTF-8, each widened with its sign, as all published models were made.

    Args:
        text: the n-gram.

    Returns:
        A number in [0, 2^32); the bucket is this modulo the number of buckets.

    Example:
        >>> fasttext_hash("<wh"), fasttext_hash("é")
        (1048167652, 1023043777)
    """
    return _core.fasttext_hash(text.encode())


def subwords(word: str, min_n: int = 3, max_n: int = 6) -> list[str]:
    """The n-grams of `<word>`, each once, and last the whole of it (Bojanowski et al. 2017, section 3.2).

    Args:
        word: at least one character.
        min_n: characters in the shortest n-gram, at least 1.
        max_n: characters in the longest, from `min_n` to 64.

    Returns:
        Different strings, by start and then by length.

    Raises:
        ValueError: the word is empty, or a length is out of range.
        TypeError: the word is not a str.

    Example:
        >>> subwords("where", 3, 3)
        ['<wh', 'whe', 'her', 'ere', 're>', '<where>']
    """
    return ngram_vocabulary([word], min_n, max_n).ngrams


def ngram_vocabulary(words: Words, min_n: int = 3, max_n: int = 6) -> NgramVocabulary:
    """All n-grams of some words as a vocabulary, without buckets that several of them share.

    Args:
        words: V words, or a Vocab.
        min_n: characters in the shortest n-gram, at least 1.
        max_n: characters in the longest, from `min_n` to 64.

    Returns:
        The n-grams, and for each word those that `subwords` lists, the whole `<word>` last.

    Raises:
        ValueError: a word is empty, or a length is out of range.
        TypeError: a word is not a str.

    Example:
        >>> found = ngram_vocabulary(["the", "then"], 3, 3)
        >>> found.ngrams
        ['<th', 'the', 'he>', '<the>', 'hen', 'en>', '<then>']
        >>> found.ids[found.offsets[1] : found.offsets[2]]
        array([0, 1, 4, 5, 6], dtype=int32)
    """
    packed = _packed(words)
    data, offsets, ids, word_offsets = _core.ngram_vocabulary(
        packed.data, packed.offsets, *_lengths(min_n, max_n)
    )
    return NgramVocabulary(WordList(data, offsets).strings, ids, word_offsets)


def hashed_ngrams(
    words: Words,
    min_n: int = 3,
    max_n: int = 6,
    buckets: int = 2_000_000,
    *,
    threads: int | None = None,
) -> Subwords:
    """The buckets of each word's n-grams, as fastText numbers them.

    An n-gram that a word has twice counts twice; `<` and `>` alone are none; "</s>", which stands for the end
    of a line in fastText's vocabularies, has none.

    Args:
        words: V words, or a Vocab.
        min_n: characters in the shortest n-gram, at least 1.
        max_n: characters in the longest, from `min_n` to 64.
        buckets: 1 to 2^31 - 1.
        threads: None for one a core; the result does not depend on it.

    Returns:
        Buckets in [0, buckets), by start and then by length: fastText's own ids less its number of words.

    Raises:
        ValueError: a word is empty, or a number is out of range.
        TypeError: a word is not a str.

    Example:
        >>> hashed_ngrams(["where"], 3, 3).ids
        array([ 167652,  420941, 1473420, 1529033,  867498], dtype=int32)
    """
    packed = _packed(words)
    return Subwords(
        *_core.hashed_ngrams(
            packed.data, packed.offsets, *_lengths(min_n, max_n), operator.index(buckets), as_threads(threads)
        )
    )


def _packed(words: Words) -> WordList:
    if isinstance(words, Vocab):
        return words.words
    if isinstance(words, str):
        raise TypeError(f"words: expected the words one by one, got the str {words!r}")
    return words if isinstance(words, WordList) else WordList.from_words("words", words)


def _lengths(min_n: int, max_n: int) -> tuple[int, int]:
    """Checked here because 0 means "no n-grams" to the core, and an int of C++ is short."""
    low, high = operator.index(min_n), operator.index(max_n)
    if not 1 <= low <= high <= 64:
        raise ValueError(f"min_n, max_n: expected 1 <= min_n <= max_n <= 64, got {min_n} and {max_n}")
    return low, high
