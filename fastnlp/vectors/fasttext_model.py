"""Word vectors as a model of fastText: with their n-grams, or as words alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.fasttext import FastTextSettings, bucket_blocks, row_blocks, write_fasttext_blocks
from fastnlp.io.stored_rows import StoredRows
from fastnlp.io.vector_table import Progress, pack_words
from fastnlp.text import WordList
from fastnlp.vectors.ngram_rows import NgramRows

__all__ = ["TrainedRows", "write_subwords", "write_words"]

_WORDS = 1 << 14  # whose rows are made at a time


@dataclass(frozen=True)
class TrainedRows:
    """What the file of a model holds beside the vectors of words, which are composed of it.

    Attributes:
        settings: of the training.
        index: the row of each word in it.
        word_rows: (V, 4 D) uint8, the bytes of the words' own rows.
        output: (V, 4 D) uint8, those of the rows that words are predicted by.
    """

    settings: FastTextSettings
    index: Mapping[str, int]
    word_rows: NDArray[np.uint8]
    output: NDArray[np.uint8]


def write_words(
    path: str | os.PathLike[str],
    words: Sequence[str],
    rows: StoredRows,
    counts: NDArray[np.int64] | None,
    progress: Progress | None = None,
) -> None:
    """Writes words as a model of fastText without n-grams (maxn 0), which has no vector for other words.

    Args:
        path: the file to create or replace.
        words: V words, none empty or with a NUL character.
        rows: their vectors.
        counts: (V,) int64; without, V, V - 1, ... are written.
        progress: called with the rows written and those there are.

    Raises:
        ValueError: a number is not finite, or fastText cannot hold a word.
        OSError: writing failed; the old file is untouched.
    """
    settings = FastTextSettings(rows.dim, buckets=0, min_n=1, max_n=0, min_count=1)

    def blocks() -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(rows), _WORDS):
            yield _finite(rows.block(start, start + _WORDS), start)

    def zeros() -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(rows), _WORDS):
            yield np.zeros((min(_WORDS, len(rows) - start), rows.dim), np.float32)

    data, offsets = pack_words(words)
    write_fasttext_blocks(
        path, settings, data, offsets, _counted(counts, len(rows)), blocks(), (), zeros(), progress
    )


def write_subwords(
    path: str | os.PathLike[str],
    words: Sequence[str],
    vectors: NDArray[np.float32],
    counts: NDArray[np.int64] | None,
    ngrams: NgramRows,
    trained: TrainedRows | None,
    progress: Progress | None = None,
) -> None:
    """Writes words and n-grams as a model of fastText, which composes the same vectors of them.

    A word's own row is the one that it was trained with, as long as that gives its vector; after a change it
    is what the rows of its n-grams leave of it, which gives it back to float32's rounding.

    Args:
        path: the file to create or replace.
        words: V words, none empty or with a NUL character.
        vectors: (V, D) float32, the composed vectors.
        counts: (V,) int64; without, V, V - 1, ... are written.
        ngrams: the vectors of n-grams.
        trained: what the words were trained with, if known; else the output rows are zeros.
        progress: called with the rows written and those there are.

    Raises:
        ValueError: a number is not finite, the vectors are sums, or fastText cannot hold a word.
        OSError: writing failed; the old file is untouched.
    """
    if ngrams.composition != "mean":
        raise ValueError(
            f"composition: expected 'mean', as fastText composes what it reads, got {ngrams.composition!r}; "
            "format='word2vec-binary' writes the words alone"
        )
    dim = vectors.shape[1]
    old = trained.settings if trained is not None else FastTextSettings(dim)
    settings = FastTextSettings(
        dim=dim,
        window=old.window,
        epochs=old.epochs,
        min_count=old.min_count,
        negatives=old.negatives,
        loss=old.loss,
        architecture=old.architecture,
        buckets=ngrams.buckets,
        min_n=ngrams.min_n,
        max_n=ngrams.max_n,
        subsample=old.subsample,
    )
    data, offsets = pack_words(words)
    origin = np.full(len(words), -1, np.int64)
    if trained is not None:
        origin[:] = [trained.index.get(word, -1) for word in words]

    def own_rows() -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(words), _WORDS):
            part = slice(start, start + _WORDS)
            wanted = _finite(np.asarray(vectors[part]), start)
            yield _own_rows(WordList.from_words("words", words[part]), wanted, ngrams, trained, origin[part])

    def output_rows() -> Iterator[NDArray[np.uint8]]:
        for start in range(0, len(words), _WORDS):
            rows = origin[start : start + _WORDS]
            block = np.zeros((len(rows), 4 * dim), np.uint8)
            if trained is not None:
                block[rows >= 0] = trained.output[rows[rows >= 0]]
            yield block

    whole = not len(ngrams.row_bucket)
    gram_rows = (
        row_blocks(ngrams.rows) if whole else bucket_blocks(ngrams.rows, ngrams.row_bucket, ngrams.buckets)
    )
    write_fasttext_blocks(
        path,
        settings,
        data,
        offsets,
        _counted(counts, len(words)),
        own_rows(),
        gram_rows if ngrams.buckets else (),
        output_rows(),
        progress,
    )


def _own_rows(
    words: WordList,
    wanted: NDArray[np.float32],
    ngrams: NgramRows,
    trained: TrainedRows | None,
    origin: NDArray[np.int64],
) -> NDArray[np.float32]:
    """(N, D) float32 rows of words that with those of their n-grams give the wanted vectors."""
    rows = np.empty_like(wanted, order="C")
    changed = np.ones(len(wanted), bool)
    if trained is not None:
        kept = np.require(trained.word_rows[np.maximum(origin, 0)], requirements=["C"])
        rows[...] = kept.view("<f4")
        own = np.where(origin >= 0, np.arange(len(origin)), -1)
        composed = ngrams.compose(words, own, kept)
        changed = (origin < 0) | (composed != wanted).any(axis=1)
    if changed.any():
        # A vector is the mean of 1 + n rows. The sum of n is known, and the share of each is what a row of
        # ones becomes beside n rows of zeros.
        none = np.empty(0, np.int32)
        of_ngrams = replace(ngrams, composition="sum").compose(words)
        ones = np.ones((1, wanted.shape[1]), np.float32).view(np.uint8)
        blank = replace(ngrams, rows=ngrams.rows[:0], row_bucket=none)
        shares = blank.compose(words, np.zeros(len(wanted), np.int64), ones)[:, :1]
        with np.errstate(over="ignore"):
            solved = (wanted / shares.astype(np.float64) - of_ngrams).astype(np.float32)
        rows[changed] = _finite(solved[changed], 0)
    return rows


def _finite(rows: NDArray[np.float32], first_row: int) -> NDArray[np.float32]:
    if not np.isfinite(rows).all():
        wrong = first_row + int(np.argmax(~np.isfinite(rows).all(axis=1)))
        raise ValueError(f"row {wrong}: expected finite numbers, got NaN or infinity")
    return rows


def _counted(counts: NDArray[np.int64] | None, words: int) -> NDArray[np.int64]:
    if counts is None:
        return np.arange(words, 0, -1, dtype=np.int64)
    return np.ascontiguousarray(counts, np.int64)
