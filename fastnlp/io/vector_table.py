"""Words with their vectors on the way from a file, whatever its format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.stored_rows import DType, RowCollector, StoredRows

__all__ = [
    "Duplicates",
    "Progress",
    "TableCollector",
    "VectorTable",
    "merged",
    "pack_words",
    "refuse_file",
    "unpack_words",
]

Duplicates: TypeAlias = Literal["error", "first"]
Progress: TypeAlias = Callable[[int, int | None], Any]  # bytes done, bytes in all where known

_WORDS = 1 << 16  # that are encoded at a time


def refuse_file(path: str | os.PathLike[str], reason: object) -> NoReturn:
    """A ValueError that begins with the file's name."""
    raise ValueError(f"{os.fspath(path)}: {reason}") from None


@dataclass(frozen=True)
class VectorTable:
    """What a file of word vectors holds.

    Attributes:
        words: V different words.
        index: the row of each word.
        rows: their vectors.
        counts: (V,) int64 occurrences, where the file has them.
    """

    words: Sequence[str]
    index: Mapping[str, int]
    rows: StoredRows
    counts: NDArray[np.int64] | None = None

    def first(self, limit: int | None) -> VectorTable:
        """The first rows; all without a limit."""
        if limit is None or limit >= len(self.words):
            return self
        words = list(self.words[:limit])
        counts = None if self.counts is None else self.counts[:limit]
        return VectorTable(words, dict(zip(words, range(limit), strict=True)), self.rows.first(limit), counts)

    def stored_as(self, dtype: DType | None, progress: Progress | None = None) -> VectorTable:
        """The same with the vectors in another storage; progress is in bytes of those there are."""
        if dtype is None:
            return self
        width = self.rows.values.itemsize * self.rows.dim
        told = None if progress is None else lambda done, rows: progress(done * width, rows * width)
        return replace(self, rows=self.rows.astype(dtype, told))


def merged(table: VectorTable, spell: Callable[[str], str]) -> VectorTable:
    """The table under other spellings; of words that become equal the first row stays, and counts add up.

    Args:
        table: its rows are taken to be in falling order of frequency.
        spell: what becomes of a word.

    Returns:
        The table, in the same order.

    Example:
        >>> rows = StoredRows(np.eye(3, dtype=np.float32))
        >>> table = merged(VectorTable(["the", "The", "cat"], {}, rows), str.lower)
        >>> table.words, table.rows.values.tolist()
        (['the', 'cat'], [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    """
    first: dict[str, int] = {}
    group = np.empty(len(table.words), np.int64)  # the merged row of each
    kept: list[int] = []
    for row, word in enumerate(table.words):
        spelled = spell(word)
        group[row] = first.setdefault(spelled, len(kept))
        if group[row] == len(kept):
            kept.append(row)
    counts = table.counts
    if counts is not None:
        summed = np.zeros(len(kept), np.int64)
        np.add.at(summed, group, counts)
        counts = summed
    return VectorTable(list(first), first, table.rows.take(np.array(kept, np.int64)), counts)


class TableCollector:
    """Makes a table of blocks of words and rows.

    Args:
        dim: D.
        dtype: of the storage.
        expected: how many rows there will be, where that is certain.
        lowercase: words are lower-cased, and of those that become equal the first stays.
        keep_first: of equal words the first stays; else they are refused.
    """

    def __init__(
        self, dim: int, dtype: DType, expected: int, *, lowercase: bool = False, keep_first: bool = False
    ) -> None:
        self._merge = keep_first or lowercase
        self._lowercase = lowercase
        self._rows = RowCollector(dim, dtype, 0 if self._merge else expected)
        self._words: list[str] = []
        self._first: dict[str, int] = {}

    def append(self, words: list[str], block: NDArray[np.float32]) -> None:
        """Adds words with their rows.

        Args:
            words: N words.
            block: (N, D) float32, copied.
        """
        if self._merge:
            kept = []
            for place, word in enumerate(map(str.lower, words) if self._lowercase else words):
                row = len(self._first)
                if self._first.setdefault(word, row) == row:
                    kept.append(place)
            if len(kept) < len(words):
                block = block[kept]
        else:
            self._words += words
        self._rows.append(block)

    def table(self, place: Callable[[int], str]) -> VectorTable:
        """What has been collected.

        Args:
            place: names a row in the file.

        Raises:
            ValueError: a word is there twice.
        """
        if self._merge:
            return VectorTable(list(self._first), self._first, self._rows.rows())
        index = dict(zip(self._words, range(len(self._words)), strict=True))
        if len(index) < len(self._words):
            seen: dict[str, int] = {}
            for row, word in enumerate(self._words):
                if seen.setdefault(word, row) != row:
                    raise ValueError(
                        f"{place(row)}: {place(seen[word])} has the word {word!r} already; "
                        "duplicates='first' keeps the first"
                    )
        return VectorTable(self._words, index, self._rows.rows())


def pack_words(words: Sequence[str]) -> tuple[bytes, NDArray[np.int64]]:
    r"""Words as one run of UTF-8 and the (V + 1,) int64 offsets in it.

    Args:
        words: V words.

    Raises:
        ValueError: a word has no UTF-8, for it holds half of a surrogate pair.

    Example:
        >>> pack_words(["é", "ab"])
        (b'\xc3\xa9ab', array([0, 2, 4]))
    """
    parts: list[bytes] = []
    lengths = np.zeros(len(words) + 1, np.int64)
    for start in range(0, len(words), _WORDS):
        encoded = [word.encode() for word in words[start : start + _WORDS]]
        lengths[start + 1 : start + 1 + len(encoded)] = [len(word) for word in encoded]
        parts.append(b"".join(encoded))
    return b"".join(parts), np.cumsum(lengths)


def unpack_words(
    path: str | os.PathLike[str],
    data: bytes | memoryview,
    offsets: NDArray[np.int64],
    progress: Callable[[int], Any] | None = None,
) -> list[str]:
    """The words that `pack_words` packed.

    Args:
        path: the file they are from, for refusals.
        data: UTF-8.
        offsets: (V + 1,) int64.
        progress: called with the bytes of words done.

    Raises:
        ValueError: the offsets do not fit, or a word is not UTF-8.
    """
    data = bytes(data)
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(data) or (np.diff(offsets) < 0).any():
        refuse_file(path, f"damaged words: expected offsets that rise from 0 to {len(data)}, got others")
    ends: Iterable[int] = offsets.tolist()
    start, words = 0, []
    for row, end in enumerate(ends):
        if row:
            try:
                words.append(data[start:end].decode())
            except UnicodeDecodeError:
                refuse_file(path, f"damaged words: word {row - 1} is not valid UTF-8")
            if progress is not None and row % _WORDS == 0:
                progress(end)
        start = end
    return words
