"""Lines of test files, and which words of a table a test may ask about."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.checks import several, whole_number
from fastnlp.vectors.table import WordTable

__all__ = ["KnownWords", "Lines", "columns", "fields_of", "numbered_lines", "refuse_line", "text_files"]

_TAGS = ("-n", "-v", "-j", "-a", "-r")  # noun, verb, adjective twice, adverb

Lines: TypeAlias = str | os.PathLike[str] | Iterable[str]


def numbered_lines(lines: Lines, comments: bool = True) -> Iterator[tuple[int, str, str]]:
    """(line number, line, source) of what is neither blank nor, unless told otherwise, a comment."""
    if isinstance(lines, str | os.PathLike):
        source = os.fspath(lines)
        try:
            lines = Path(source).read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"{source}: byte {error.start}: not valid UTF-8") from None
    else:
        source = "lines"
        lines = several("lines", lines)
        wrong = next((line for line in lines if not isinstance(line, str)), None)
        if wrong is not None:
            raise TypeError(f"lines: expected str, got {type(wrong).__name__} {wrong!r}")
    for number, line in enumerate(lines, 1):
        if line.strip() and not (comments and line.startswith("#")):
            yield number, line.strip(), source


def fields_of(line: str, mark: str | None) -> list[str]:
    """The fields of a line between marks, spaces for None; between commas, quoted fields may hold commas."""
    fields = line.split(mark)
    if mark == "," and '"' in line:
        with contextlib.suppress(csv.Error):  # a carriage return within the line
            fields = next(csv.reader([line], skipinitialspace=True))
    return [field.strip().strip('"') for field in fields]


def columns(line: str, *titles: tuple[str, ...]) -> list[int] | None:
    """Which columns of a table are named so, or None where the line does not name one of each.

    Args:
        line: the first of the table.
        *titles: for each column wanted, its possible titles in lower case.
    """
    names = [field.lower() for field in fields_of(line, "\t" if "\t" in line else ",")]
    found = [next((names.index(title) for title in each if title in names), -1) for each in titles]
    return found if min(found) >= 0 and len(set(found)) == len(found) else None


def text_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The .txt files in a folder and those below, in order, but for what tells people about them."""
    found = (path for path in Path(folder).rglob("*.txt") if path.is_file())
    return sorted(path for path in found if not path.name.lower().startswith(("readme", "license")))


def refuse_line(source: str, number: int, reason: str) -> NoReturn:
    """Names the file and line of what is wrong."""
    raise ValueError(f"{source}: line {number}: {reason}")


class KnownWords:
    """The words that a test may ask about, by their spelling.

    Args:
        vectors: the word vectors, frequent words first.
        restrict_vocab: words beyond the first so many are unknown; None takes all.
        case_insensitive: compare words in upper case; of several spellings the first row counts.

    Attributes:
        same: (R,) int32, for each row that is searched the first row that is spelled the same.
    """

    def __init__(self, vectors: WordTable, restrict_vocab: int | None, case_insensitive: bool) -> None:
        if restrict_vocab is not None:
            restrict_vocab = whole_number("restrict_vocab", restrict_vocab, least=1)
        self._upper = case_insensitive
        self._first: dict[str, int] = {}
        self.same: NDArray[np.int32] = np.empty(min(len(vectors), restrict_vocab or len(vectors)), np.int32)
        for row, word in enumerate(vectors.index_to_key[: len(self.same)]):
            self.same[row] = self._first.setdefault(self.spelled(word), row)

    def spelled(self, word: str) -> str:
        """The word as it is compared."""
        return word.upper() if self._upper else word

    def row(self, word: str) -> int:
        """The first row of a word, -1 if it is unknown."""
        return self._first.get(self.spelled(word), -1)

    def row_of_tagged(self, word: str) -> int:
        """As `row`, of a word that may have a part of speech behind it, as `sun-n` in MEN and BLESS."""
        row = self.row(word)
        return self.row(word[:-2]) if row < 0 and word.lower().endswith(_TAGS) else row
