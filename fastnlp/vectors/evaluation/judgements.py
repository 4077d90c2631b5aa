"""Cosines of pairs of words beside human judgements of their similarity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastnlp.vectors.comparison import Comparisons
from fastnlp.vectors.evaluation.reading import (
    KnownWords,
    Lines,
    columns,
    fields_of,
    numbered_lines,
    refuse_line,
)

__all__ = ["Correlation", "SimilarityResult", "similarity"]

_TITLES = (
    ("word1", "word 1", "word_1"),
    ("word2", "word 2", "word_2"),
    ("similarity", "score", "rating", "human (mean)", "simlex999"),
)


class Correlation(NamedTuple):
    """A correlation and the probability of one at least as far from 0 if there were none.

    Attributes:
        statistic: the correlation, in [-1, 1].
        pvalue: two-sided, by Student's t with N - 2 degrees of freedom.
    """

    statistic: float
    pvalue: float


@dataclass(frozen=True)
class SimilarityResult:
    """How well cosines agree with human judgements of similarity.

    Attributes:
        spearman: rank correlation, equal values sharing their mean rank; NaN where one side is constant.
        pearson: linear correlation; NaN where one side is constant.
        pairs: pairs compared; with `dummy4unknown` those with an unknown word too.
        unknown: pairs with a word that is not known.
    """

    spearman: float
    pearson: float
    pairs: int
    unknown: int

    def __str__(self) -> str:
        counts = f"({self.pairs:,} pairs; {self.unknown:,} unknown)"
        return f"Spearman {self.spearman:.4f}, Pearson {self.pearson:.4f} {counts}"


class Judged(NamedTuple):
    """Judgements and cosines of the same pairs."""

    judgements: NDArray[np.float64]
    cosines: NDArray[np.float64]
    unknown: int


def similarity(
    vectors: Comparisons,
    pairs: Lines,
    *,
    delimiter: str | None = None,
    restrict_vocab: int | None = None,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> SimilarityResult:
    """How the cosines of pairs of words correlate with human judgements, as in WordSim-353 and SimLex-999.

    Args:
        vectors: the word vectors, frequent words first.
        pairs: a file or its lines: two words and a number each; lines that start with # are comments, and a
            first line without a number is a heading, which says where they stand if it has "word1", "word2"
            and "similarity" (or "score", "rating"). Without it, a column between them (SimLex-999's part of
            speech) and columns behind the number are passed over. So is a part of speech behind an unknown
            word (MEN's `sun-n`).
        delimiter: what separates the three; None takes tabs if the first line has one, else commas, else
            spaces.
        restrict_vocab: words beyond the first so many count as unknown; None takes all.
        case_insensitive: compare words in upper case; of several spellings the first row counts.
        dummy4unknown: count a pair with an unknown word with a cosine of 0 instead of leaving it out.

    Returns:
        The correlations and counts.

    Raises:
        ValueError: a line is not two words and a number, or fewer than two pairs are compared.
        OSError: the file cannot be read.

    Example:
        >>> from fastnlp import WordVectors
        >>> vectors = WordVectors(["a", "b", "c"], np.array([[1, 0], [1, 1], [0, 1]], np.float32))
        >>> print(similarity(vectors, ["a b 9", "a c 1", "b c 8.5", "a d 5"]))
        Spearman 0.8660, Pearson 0.9984 (3 pairs; 1 unknown)
    """
    known = KnownWords(vectors, restrict_vocab, case_insensitive)
    judged = judge(vectors, pairs, known, delimiter, dummy4unknown, strict=True)
    if len(judged.judgements) < 2:
        raise ValueError(
            f"pairs: expected at least two with known words, got {len(judged.judgements)} "
            f"and {judged.unknown} unknown"
        )
    spearman, pearson = correlations(judged)
    return SimilarityResult(spearman.statistic, pearson.statistic, len(judged.judgements), judged.unknown)


def judge(
    vectors: Comparisons,
    pairs: Lines,
    known: KnownWords,
    delimiter: str | None,
    dummy4unknown: bool,
    strict: bool,
) -> Judged:
    """Judgements and cosines; lines that are not a pair are refused, or passed over unless `strict`."""
    judgements: list[float] = []
    cosines: list[float] = []
    unknown = 0
    titled = None
    for place, (number, line, source) in enumerate(numbered_lines(pairs)):
        if delimiter is None and place == 0:
            delimiter = next((mark for mark in "\t," if mark in line), " ")
            if titled := columns(line, *_TITLES):
                continue
        fields = fields_of(line, None if delimiter == " " else delimiter)
        if titled and max(titled) < len(fields):
            fields = [fields[column] for column in titled]
            if not any(fields):  # an empty row of a table
                continue
        if len(fields) < 3 or (len(fields) > 3 and not strict):
            if not strict:
                continue
            refuse_line(
                source, number, f"expected two words and a number between {delimiter!r}, got {line[:60]!r}"
            )
        # SimLex-999 and SimVerb have a part of speech before the number, and more behind it.
        value = next((value for text in fields[2:4] if (value := _number(text)) is not None), None)
        if value is None:
            if place == 0 or not strict:
                continue
            refuse_line(source, number, f"expected a number after the two words, got {fields[2][:60]!r}")
        if not np.isfinite(value):
            refuse_line(
                source, number, f"expected a finite number after the two words, got {fields[2][:60]!r}"
            )
        rows = [known.row_of_tagged(word) if strict else known.row(word) for word in fields[:2]]
        is_known = min(rows) >= 0
        unknown += not is_known
        if is_known or dummy4unknown:
            judgements.append(value)
            cosines.append(vectors.similarity(rows[0], rows[1]) if is_known else 0.0)
    return Judged(np.array(judgements), np.array(cosines), unknown)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def correlations(judged: Judged) -> tuple[Correlation, Correlation]:
    """Spearman's and Pearson's."""
    x, y = judged.judgements, judged.cosines
    return _tested(pearson(ranks(x), ranks(y)), len(x)), _tested(pearson(x, y), len(x))


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    shared: NDArray[np.float64] = (ends - (sizes - 1) / 2)[group]
    return shared


def pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Linear correlation; NaN where one side is constant."""
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > 0 else float("nan")


def _tested(correlation: float, pairs: int) -> Correlation:
    freedom = pairs - 2
    if math.isnan(correlation) or freedom < 1:
        return Correlation(correlation, float("nan"))
    # Student's t = r sqrt(n / (1 - r^2)) makes n / (n + t^2) = 1 - r^2.
    return Correlation(correlation, beta_share(1 - min(1.0, correlation**2), freedom / 2, 0.5))


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(1 - x, b, a)
    # Lentz's way from the front: ratios of neighbouring numerators and denominators.
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 400):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + factor * d)
            c = 1 + factor / c
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(front) * value / a
