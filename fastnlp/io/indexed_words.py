"""Words that stay in their file: a list and a dictionary of them that read what they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, overload

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core

__all__ = ["IndexedWordRows", "IndexedWords"]

_BLOCK = 1 << 12  # words decoded at a time


class IndexedWords(Sequence[str]):
    """The words of a file, by row; each is read when it is asked for.

    Args:
        path: the file, for refusals.
        data: UTF-8 of all words.
        offsets: (V + 1,) int64 into it.
        slots: the hash table of `_core.build_word_index`.
        salt: of the hash.

    Raises:
        ValueError: now or when a word is read: the arrays do not fit together.

    Example:
        >>> from fastnlp.io.vector_table import pack_words
        >>> data, offsets = pack_words(["old", "new"])
        >>> array = np.frombuffer(data, np.uint8)
        >>> salt, slots = _core.build_word_index(array, offsets)
        >>> words = IndexedWords("example", array, offsets, slots, salt)
        >>> words[1], words[:], "young" in words, words.index("new"), words == ["old", "new"]
        ('new', ['old', 'new'], False, 1, True)
        >>> words.rows["new"], words.rows.get("young")
        (1, None)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        slots: NDArray[np.uint64],
        salt: int,
    ) -> None:
        self._path = os.fspath(path)
        self._arrays = data, offsets, slots, salt
        try:
            self._core = _core.IndexedWords(data, offsets, slots, salt)
        except ValueError as error:
            self._refuse(error)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles hold the words, as another process may not have the file."""
        data, offsets, slots, salt = self._arrays
        return type(self), (self._path, np.asarray(data), np.asarray(offsets), np.asarray(slots), salt)

    def _refuse(self, error: ValueError) -> NoReturn:
        raise ValueError(f"{self._path}: {error}") from None

    @property
    def rows(self) -> IndexedWordRows:
        """The row of each word, as a dictionary that cannot be changed."""
        return IndexedWordRows(self)

    def row(self, word: object) -> int:
        """The row of a word, or -1."""
        if not isinstance(word, str):
            return -1
        try:
            return int(self._core.find(word))
        except UnicodeEncodeError:
            return -1
        except ValueError as error:
            self._refuse(error)

    def _words(self, first: int, count: int) -> list[str]:
        try:
            return list(self._core.words(first, count))
        except ValueError as error:
            self._refuse(error)

    def __len__(self) -> int:
        return len(self._core)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            start, stop, step = row.indices(len(self))
            if step == 1:
                return self._words(start, max(0, stop - start))
            return [self[at] for at in range(start, stop, step)]
        at = row + len(self) if row < 0 else row
        if not 0 <= at < len(self):
            raise IndexError(f"row: expected one of {len(self)}, got {row}")
        return self._words(int(at), 1)[0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _BLOCK):
            yield from self._words(start, min(_BLOCK, len(self) - start))

    def __contains__(self, word: object) -> bool:
        return self.row(word) >= 0

    def index(self, word: Any, start: int = 0, stop: int | None = None) -> int:
        """The row of a word, as `list.index`."""
        row = self.row(word)
        if row not in range(len(self))[start:stop]:
            raise ValueError(f"{word!r} is not in the list")
        return row

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3]))
        return f"<{len(self):,} words: {shown}{', ...' if len(self) > 3 else ''}>"


class IndexedWordRows(Mapping[str, int]):
    """The rows of the words of a file; see `IndexedWords`."""

    def __init__(self, words: IndexedWords) -> None:
        self._words = words

    def __getitem__(self, word: str) -> int:
        row = self._words.row(word)
        if row < 0:
            raise KeyError(word)
        return row

    def get(self, word: object, default: Any = None) -> Any:
        """The row of a word, or the default."""
        row = self._words.row(word)
        return default if row < 0 else row

    def __contains__(self, word: object) -> bool:
        return self._words.row(word) >= 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)
