"""Whether the word that does not belong to a set is found."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastnlp.vectors.evaluation.reading import (
    KnownWords,
    columns,
    fields_of,
    numbered_lines,
    refuse_line,
    text_files,
)
from fastnlp.vectors.table import WordTable

__all__ = ["OutlierResult", "outliers"]

_MARKS = {"false": 0, "0": 0, "true": 1, "1": 1}  # of a table: is the word an outlier

Sets: TypeAlias = str | os.PathLike[str] | Iterable[tuple[Iterable[str], Iterable[str]]]


@dataclass(frozen=True)
class OutlierResult:
    """How well outliers are found.

    Attributes:
        accuracy: the share of outliers that are the word that fits its set least, in [0, 1].
        position: the mean place of the outliers by how little they fit, from 0 (best) to 1 (least): the
            percentage OPP of the paper as a share.
        sets: outliers tried, each with its set.
        unknown: words, of sets and outliers, left out because they are not known.
    """

    accuracy: float
    position: float
    sets: int
    unknown: int

    def __str__(self) -> str:
        counts = f"({self.sets:,} outliers; {self.unknown:,} words unknown)"
        return f"accuracy {self.accuracy:.1%}, position {self.position:.1%} {counts}"


def outliers(
    vectors: WordTable,
    sets: Sets,
    *,
    restrict_vocab: int | None = None,
    case_insensitive: bool = True,
) -> OutlierResult:
    """Outlier detection (Camacho-Collados and Navigli 2016, "Find the word that does not belong").

    Of a set of words with one outlier put among them, each word is scored by how compact the others are,
    which is the mean cosine of their pairs. The outlier should have the highest score.

    Args:
        vectors: the word vectors, frequent words first.
        sets: a folder of .txt files as in the paper's 8-8-8 (or one such file): the words of a set, a line
            each, a blank line, and its outliers, a line each. Or a table whose first line names "category",
            "word" and "is_outlier", or "words" and "outliers", which are lists (`['a', 'b']`) then. Or pairs
            (words, outliers). A word of several parts, between spaces or underscores, that is unknown itself
            is the mean of its parts' unit vectors.
        restrict_vocab: words beyond the first so many count as unknown; None takes all.
        case_insensitive: compare words in upper case; of several spellings the first row counts.

    Returns:
        The two measures and counts.

    Raises:
        ValueError: a file has another form, or no set of two known words has a known outlier.
        OSError: a file cannot be read.

    Example:
        >>> from fastnlp import WordVectors
        >>> table = np.array([[9, 1], [8, 1], [9, 2], [1, 9]], np.float32)
        >>> vectors = WordVectors(["cat", "dog", "cow", "bus"], table)
        >>> print(outliers(vectors, [(["cat", "dog", "cow"], ["bus", "train"])]))
        accuracy 100.0%, position 100.0% (1 outliers; 1 words unknown)
    """
    known = KnownWords(vectors, restrict_vocab, case_insensitive)
    found: list[float] = []
    unknown = 0
    for words, outside in _read(sets):
        inner = [_unit(vectors, known, word) for word in words]
        outer = [_unit(vectors, known, word) for word in outside]
        unknown += sum(unit is None for unit in inner + outer)
        members = [unit for unit in inner if unit is not None]
        if len(members) < 2:
            continue
        for unit in outer:
            if unit is None:
                continue
            together = np.stack([*members, unit])
            cosines = together @ together.T
            np.fill_diagonal(cosines, 0)
            # The others are the more compact the less the word has in common with them.
            common = cosines.sum(axis=1)
            found.append(float((common[:-1] > common[-1]).sum()) / len(members))
    if not found:
        raise ValueError("sets: expected at least one of two known words with a known outlier, got none")
    places = np.array(found)
    return OutlierResult(float((places == 1).mean()), float(places.mean()), len(found), unknown)


def _unit(vectors: WordTable, known: KnownWords, word: str) -> NDArray[np.float64] | None:
    """The unit vector of a word, or of the mean of its parts."""
    spellings = [known.row(each) for each in (word, word.replace(" ", "_"), word.replace("_", " "))]
    rows = [row for row in spellings if row >= 0][:1] or [
        known.row(part) for part in word.replace("_", " ").split()
    ]
    if not rows or min(rows) < 0:
        return None
    mean = vectors.unit_vectors(np.array(rows)).astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    unit: NDArray[np.float64] = mean / length if length else mean
    return unit


def _read(sets: Sets) -> Iterable[tuple[Iterable[str], Iterable[str]]]:
    if not isinstance(sets, str | os.PathLike):
        return sets
    path = Path(sets)
    files = text_files(path) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: expected a folder with sets of words, found no .txt in it")
    return [each for file in files for each in _read_file(file)]


def _read_file(path: Path) -> Iterable[tuple[list[str], list[str]]]:
    _, first, _ = next(numbered_lines(path, comments=False), (0, "", ""))
    if titled := columns(first, ("words",), ("outliers",)):
        return _read_lists(path, titled)
    if titled := columns(first, ("category",), ("word",), ("is_outlier",)):
        return _read_rows(path, titled)
    return [_read_set(path)]


def _read_lists(path: Path, titled: list[int]) -> Iterable[tuple[list[str], list[str]]]:
    """A set a row, in two cells."""
    for number, line, source in list(numbered_lines(path, comments=False))[1:]:
        fields = fields_of(line, "\t" if "\t" in line else ",")
        if max(titled) >= len(fields):
            refuse_line(source, number, f"expected words and outliers, got {len(fields)} fields")
        words, outside = (_listed(fields[column], source, number) for column in titled)
        yield words, outside


def _listed(text: str, source: str, number: int) -> list[str]:
    """The words of a list as Python writes it."""
    try:
        words = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        refuse_line(source, number, f"expected a list such as ['a', 'b'], got {text[:60]!r}")
    return [word.strip() for word in words if word.strip()]


def _read_rows(path: Path, titled: list[int]) -> Iterable[tuple[list[str], list[str]]]:
    """A word a row, with its set and whether it is its outlier."""
    sets: dict[str, tuple[list[str], list[str]]] = {}
    for number, line, source in list(numbered_lines(path, comments=False))[1:]:
        fields = fields_of(line, "\t" if "\t" in line else ",")
        if max(titled) >= len(fields):
            refuse_line(source, number, f"expected a category, a word and a mark, got {len(fields)} fields")
        category, word, mark = (fields[column] for column in titled)
        if mark.lower() not in _MARKS:
            refuse_line(source, number, f"is_outlier: expected true or false, got {mark[:60]!r}")
        sets.setdefault(category, ([], []))[_MARKS[mark.lower()]].append(word)
    return sets.values()


def _read_set(path: Path) -> tuple[list[str], list[str]]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").strip().split("\n")]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start}: not valid UTF-8") from None
    blank = [number for number, line in enumerate(lines) if not line]
    if not blank:
        raise ValueError(f"{path}: expected words, a blank line and outliers, found no blank line")
    return lines[: blank[0]], [line for line in lines[blank[0] :] if line]
