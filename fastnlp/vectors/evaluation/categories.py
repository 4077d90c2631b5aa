"""Whether clusters of words are their categories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.checks import whole_number
from fastnlp.vectors.evaluation.reading import (
    KnownWords,
    Lines,
    columns,
    fields_of,
    numbered_lines,
    refuse_line,
    text_files,
)
from fastnlp.vectors.table import WordTable

__all__ = ["CategoryResult", "categories"]

_TITLES = ("word", "words", "concept", "noun"), ("category", "class", "cluster", "label")
_ROUNDS = 100  # of moving words between clusters; it ends when none moves


@dataclass(frozen=True)
class CategoryResult:
    """How well words cluster by category.

    Attributes:
        purity: the share of words that are of the most frequent category of their cluster, in [1 / K, 1].
        categories: K, of the words clustered; as many clusters were made.
        words: words clustered.
        unknown: words left out because they are not known.
    """

    purity: float
    categories: int
    words: int
    unknown: int

    def __str__(self) -> str:
        counts = f"({self.words:,} words in {self.categories:,} categories; {self.unknown:,} unknown)"
        return f"purity {self.purity:.4f} {counts}"


def categories(
    vectors: WordTable,
    words: Lines,
    *,
    restrict_vocab: int | None = None,
    case_insensitive: bool = True,
    restarts: int = 10,
    seed: int = 1,
) -> CategoryResult:
    """How pure clusters of words are, as on the sets of Almuhareb and Poesio (AP), BLESS, Battig and ESSLLI.

    The unit vectors are clustered by spherical k-means (Dhillon and Modha 2001) with K the number of
    categories, each start chosen by k-means++ (Arthur and Vassilvitskii 2007). Of the restarts the one with
    the highest sum of cosines with the clusters' directions counts; the categories play no part in it.

    Args:
        vectors: the word vectors, frequent words first.
        words: a file or its lines: a word and its category each, between tabs, commas or spaces; lines that
            start with # are comments. A first line that names the columns, "word" and "category" (or
            "concept", "class", "cluster") among others, says where they stand, and rows without a word are
            passed over; without one, four columns are BLESS's, whose first two count. Or a folder with a
            .txt for each category, a word a line. A part of speech behind an unknown word (`cat-n`) is left
            out. A word that comes again counts once, with its first category.
        restrict_vocab: words beyond the first so many count as unknown; None takes all.
        case_insensitive: compare words in upper case; of several spellings the first row counts.
        restarts: how often to cluster anew, at least 1.
        seed: of the starts.

    Returns:
        The purity and counts.

    Raises:
        ValueError: a line is not as above, no word is known, or `restarts` is less than 1.
        OSError: the file cannot be read.

    Example:
        >>> from fastnlp import WordVectors
        >>> table = np.array([[9, 1], [8, 1], [1, 9], [1, 8]], np.float32)
        >>> vectors = WordVectors(["cat", "dog", "car", "bus"], table)
        >>> print(categories(vectors, ["cat animal", "dog animal", "car vehicle", "bus vehicle"]))
        purity 1.0000 (4 words in 2 categories; 0 unknown)
    """
    whole_number("restarts", restarts, least=1)
    known = KnownWords(vectors, restrict_vocab, case_insensitive)
    category_of: dict[int, str] = {}
    missing: set[str] = set()
    for word, category in _read(words):
        row = known.row_of_tagged(word)
        if row < 0:
            missing.add(known.spelled(word))
        else:
            category_of.setdefault(row, category)
    unknown = len(missing)
    if not category_of:
        raise ValueError(f"words: expected at least one known word, got {unknown} unknown")
    names, of_words = np.unique(list(category_of.values()), return_inverse=True)
    units = vectors.unit_vectors(np.array(list(category_of))).astype(np.float64)
    generator = np.random.Generator(np.random.Philox(seed))
    _, clusters = max(
        (_cluster(units, len(names), generator) for _ in range(restarts)), key=lambda made: made[0]
    )
    together = np.zeros((len(names), len(names)), np.int64)
    np.add.at(together, (clusters, of_words), 1)
    purity = float(together.max(axis=1).sum() / len(units))
    return CategoryResult(purity, len(names), len(units), unknown)


def _read(words: Lines) -> Iterator[tuple[str, str]]:
    """Words with their categories."""
    if isinstance(words, str | os.PathLike) and Path(words).is_dir():
        files = text_files(words)
        if not files:
            raise ValueError(f"{os.fspath(words)}: expected a .txt for each category, found none")
        for path in files:
            yield from ((line, path.stem) for _, line, _ in numbered_lines(path))
        return
    titled = None
    for place, (number, line, source) in enumerate(numbered_lines(words)):
        fields = fields_of(line, next((mark for mark in "\t," if mark in line), None))
        if place == 0 and (titled := columns(line, *_TITLES)):
            continue
        first, second = titled or (0, 1)
        right = max(first, second) < len(fields) if titled else len(fields) in (2, 4)
        if right and titled and not fields[first]:  # where a table has more rows than a category words
            continue
        if not right or not fields[first] or not fields[second]:
            refuse_line(source, number, f"expected a word and its category, got {line[:60]!r}")
        yield fields[first], fields[second]


def _cluster(
    units: NDArray[np.float64], count: int, generator: np.random.Generator
) -> tuple[float, NDArray[np.int64]]:
    """One run of spherical k-means: the sum of cosines, and the cluster of each word."""
    centers = units[[generator.integers(len(units))]]
    for _ in range(count - 1):
        far = np.maximum(0, 1 - (units @ centers.T).max(axis=1))
        total = far.sum()
        chance = far / total if total > 0 else np.full(len(units), 1 / len(units))
        centers = np.vstack([centers, units[generator.choice(len(units), p=chance)]])
    clusters = np.full(len(units), -1, np.int64)
    cosines = units @ centers.T
    for _ in range(_ROUNDS):
        moved = cosines.argmax(axis=1)
        if (moved == clusters).all():
            break
        clusters = moved
        sums = np.zeros_like(centers)
        np.add.at(sums, clusters, units)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        # A cluster that has lost all its words keeps its direction.
        centers = np.where(lengths > 0, sums / np.where(lengths > 0, lengths, 1), centers)
        cosines = units @ centers.T
    return float(cosines[np.arange(len(units)), clusters].sum()), clusters
