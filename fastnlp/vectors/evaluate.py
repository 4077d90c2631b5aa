"""How good word vectors are: analogies and human judgements of similarity.

The figures are those of gensim's `evaluate_word_analogies` and `evaluate_word_pairs` on the same vectors.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastnlp.vectors.word_vectors import WordVectors

__all__ = ["AnalogyResult", "AnalogySection", "SimilarityResult", "analogies", "similarity"]

Lines: TypeAlias = str | os.PathLike[str] | Iterable[str]

_BATCH = 4096  # questions per search
# Other spellings of the question's own words are passed over; among so many answers one is left.
_CANDIDATES = 5


@dataclass(frozen=True)
class AnalogySection:
    """What one section of an analogy test gave.

    Attributes:
        name: the section's name in the file.
        correct: questions answered as expected.
        total: questions asked, all four words being known.
        unknown: questions left out because a word is not known.
    """

    name: str
    correct: int
    total: int
    unknown: int

    @property
    def accuracy(self) -> float:
        """Correct / total, 0 where nothing was asked."""
        return self.correct / self.total if self.total else 0.0

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.accuracy:.1%} ({self.correct:,} of {self.total:,}; {self.unknown:,} unknown)"
        )


@dataclass(frozen=True)
class AnalogyResult:
    """What an analogy test gave.

    Attributes:
        sections: the sections in the order of the file.
    """

    sections: tuple[AnalogySection, ...]

    @property
    def correct(self) -> int:
        """Questions answered as expected."""
        return sum(section.correct for section in self.sections)

    @property
    def total(self) -> int:
        """Questions asked, all four words being known."""
        return sum(section.total for section in self.sections)

    @property
    def unknown(self) -> int:
        """Questions left out because a word is not known."""
        return sum(section.unknown for section in self.sections)

    @property
    def accuracy(self) -> float:
        """Correct / total, 0 where nothing was asked."""
        return self.correct / self.total if self.total else 0.0

    def __str__(self) -> str:
        return "\n".join(
            map(str, (*self.sections, AnalogySection("all", self.correct, self.total, self.unknown)))
        )


@dataclass(frozen=True)
class SimilarityResult:
    """How well cosines agree with human judgements of similarity.

    Attributes:
        spearman: rank correlation, equal values sharing their mean rank; NaN where one side is constant.
        pearson: linear correlation; NaN where one side is constant.
        pairs: pairs compared.
        unknown: pairs left out because a word is not known.
    """

    spearman: float
    pearson: float
    pairs: int
    unknown: int

    def __str__(self) -> str:
        counts = f"({self.pairs:,} pairs; {self.unknown:,} unknown)"
        return f"Spearman {self.spearman:.4f}, Pearson {self.pearson:.4f} {counts}"


def _numbered(lines: Lines) -> Iterator[tuple[int, str, str]]:
    """(line number, line, source) of what is neither blank nor a comment."""
    if isinstance(lines, str | os.PathLike):
        source = os.fspath(lines)
        try:
            lines = Path(source).read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"{source}: byte {error.start}: not valid UTF-8") from None
    else:
        source = "lines"
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip(), source


def _refuse(source: str, number: int, reason: str) -> NoReturn:
    raise ValueError(f"{source}: line {number}: {reason}")


def _known(
    vectors: WordVectors, restrict_vocab: int | None, case_insensitive: bool
) -> tuple[dict[str, int], NDArray[np.int32]]:
    """The first row of each spelling, and for each row the first row that is spelled the same."""
    if restrict_vocab is not None and restrict_vocab < 1:
        raise ValueError(f"restrict_vocab: expected at least 1, got {restrict_vocab}")
    first: dict[str, int] = {}
    spelled = np.empty(min(len(vectors), restrict_vocab or len(vectors)), np.int32)
    for row, word in enumerate(vectors.index_to_key[: len(spelled)]):
        spelled[row] = first.setdefault(word.upper() if case_insensitive else word, row)
    return first, spelled


def analogies(
    vectors: WordVectors,
    questions: Lines,
    *,
    restrict_vocab: int | None = 30_000,
    case_insensitive: bool = True,
    threads: int | None = None,
) -> AnalogyResult:
    """The share of questions "a is to b as c is to d" where d is the nearest word to b - a + c.

    The unit vectors are added (3CosAdd; Mikolov et al. 2013, arXiv:1301.3781), the three words of the
    question are no answers, and a question with an unknown word is left out.

    Args:
        vectors: the word vectors, frequent words first.
        questions: a file or its lines: four words each, sections headed by ": name", as in Google's
            questions-words.txt.
        restrict_vocab: words beyond the first so many count as unknown; None takes all.
        case_insensitive: compare words in upper case; of several spellings the first row counts.
        threads: the number of threads; None is one per CPU.

    Returns:
        Counts by section.

    Raises:
        ValueError: a line is not four words, or there is no question at all.
        OSError: the file cannot be read.

    Example:
        >>> table = np.array([[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0]], np.float32)
        >>> vectors = WordVectors(["man", "woman", "king", "queen", "tree"], table)
        >>> print(analogies(vectors, [": family", "man woman king queen", "man woman uncle aunt"]))
        family: 100.0% (1 of 1; 1 unknown)
        all: 100.0% (1 of 1; 1 unknown)
    """
    first, spelled = _known(vectors, restrict_vocab, case_insensitive)
    names: list[str] = []
    unknown: list[int] = []
    asked: list[tuple[int, ...]] = []
    sections: list[int] = []
    for number, line, source in _numbered(questions):
        if line.startswith(":"):
            names.append(line[1:].strip())
            unknown.append(0)
            continue
        words = line.split()
        if len(words) != 4:
            _refuse(source, number, f"expected four words, got {len(words)}")
        if not names:
            names.append("questions")
            unknown.append(0)
        rows = tuple(first.get(word.upper() if case_insensitive else word, -1) for word in words)
        if min(rows) < 0:
            unknown[-1] += 1
        else:
            asked.append(rows)
            sections.append(len(names) - 1)
    if not asked and not sum(unknown):
        raise ValueError("questions: expected at least one question, got none")

    right = np.zeros(len(asked), bool)
    for start in range(0, len(asked), _BATCH):
        batch = np.array(asked[start : start + _BATCH], np.int32)
        right[start : start + _BATCH] = _answered(vectors, batch, spelled, threads)
    section_of = np.array(sections, np.int64)
    correct = np.bincount(section_of[right], minlength=len(names))
    total = np.bincount(section_of, minlength=len(names))
    return AnalogyResult(
        tuple(
            AnalogySection(name, int(correct[i]), int(total[i]), unknown[i]) for i, name in enumerate(names)
        )
    )


def _answered(
    vectors: WordVectors, questions: NDArray[np.int32], spelled: NDArray[np.int32], threads: int | None
) -> NDArray[np.bool_]:
    """Which of (N, 4) questions, given as rows, have their last column for an answer."""
    a, b, c, expected = questions.T
    queries = vectors.unit_vectors(b) - vectors.unit_vectors(a) + vectors.unit_vectors(c)
    given = np.ascontiguousarray(questions[:, :3])
    found, _ = vectors.search(
        queries, _CANDIDATES, restrict_vocab=len(spelled), exclude=given, threads=threads
    )
    answers = np.where(found >= 0, spelled[found], -1)
    allowed = (answers >= 0) & (answers[:, :, None] != given[:, None, :]).all(axis=2)
    best = np.take_along_axis(answers, allowed.argmax(axis=1)[:, None], axis=1)[:, 0]
    right: NDArray[np.bool_] = allowed.any(axis=1) & (best == expected)
    return right


def similarity(
    vectors: WordVectors,
    pairs: Lines,
    *,
    delimiter: str = "\t",
    restrict_vocab: int | None = None,
    case_insensitive: bool = True,
) -> SimilarityResult:
    """How the cosines of pairs of words correlate with human judgements, as in WordSim-353 and SimLex-999.

    Args:
        vectors: the word vectors, frequent words first.
        pairs: a file or its lines: two words and a number each; lines that start with # are comments, and a
            first line without a number is a heading.
        delimiter: what separates the three.
        restrict_vocab: words beyond the first so many count as unknown; None takes all.
        case_insensitive: compare words in upper case; of several spellings the first row counts.

    Returns:
        The correlations and counts.

    Raises:
        ValueError: a line is not two words and a number, or fewer than two pairs are known.
        OSError: the file cannot be read.

    Example:
        >>> vectors = WordVectors(["a", "b", "c"], np.array([[1, 0], [1, 1], [0, 1]], np.float32))
        >>> print(similarity(vectors, ["a b 9", "a c 1", "b c 8.5", "a d 5"], delimiter=" "))
        Spearman 0.8660, Pearson 0.9984 (3 pairs; 1 unknown)
    """
    first, _ = _known(vectors, restrict_vocab, case_insensitive)
    judged: list[float] = []
    cosines: list[float] = []
    unknown = 0
    for place, (number, line, source) in enumerate(_numbered(pairs)):
        fields = [field.strip() for field in line.split(delimiter)]
        if len(fields) != 3:
            _refuse(
                source, number, f"expected two words and a number between {delimiter!r}, got {line[:60]!r}"
            )
        try:
            value = float(fields[2])
        except ValueError:
            if place == 0:
                continue
            _refuse(source, number, f"expected a number after the two words, got {fields[2][:60]!r}")
        rows = [first.get(word.upper() if case_insensitive else word) for word in fields[:2]]
        if rows[0] is None or rows[1] is None:
            unknown += 1
        else:
            judged.append(value)
            cosines.append(vectors.similarity(rows[0], rows[1]))
    if len(judged) < 2:
        raise ValueError(
            f"pairs: expected at least two with known words, got {len(judged)} and {unknown} unknown"
        )
    x, y = np.array(judged), np.array(cosines)
    return SimilarityResult(_pearson(_ranks(x), _ranks(y)), _pearson(x, y), len(judged), unknown)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    ranks: NDArray[np.float64] = (ends - (sizes - 1) / 2)[group]
    return ranks


def _pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > 0 else float("nan")
