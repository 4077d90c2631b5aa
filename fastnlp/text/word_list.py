"""WordList: many strings in one piece of memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core


class WordList:
    """V words as one run of UTF-8 and V + 1 offsets into it; strings are made when they are asked for.

    Args:
        data: the UTF-8 of all words, one after another.
        offsets: (V + 1,) int64; word i is `data[offsets[i]:offsets[i + 1]]`.

    Raises:
        ValueError: the offsets do not start at 0, fall, or do not end with the data.

    Example:
        >>> words = WordList.from_words("words", ["to", "be"])
        >>> words.data, words[1], words.strings
        (b'tobe', 'be', ['to', 'be'])
    """

    __slots__ = ("_strings", "data", "offsets")

    def __init__(self, data: bytes, offsets: NDArray[np.int64]) -> None:
        _core.check_offsets("offsets", offsets, len(data))
        self.data = data
        self.offsets = offsets
        self._strings: list[str] | None = None

    @classmethod
    def from_words(cls, argument: str, words: Sequence[str]) -> WordList:
        """Packs strings; `argument` names them in messages.

        Args:
            argument: what the caller calls them.
            words: V non-empty strings.

        Returns:
            The packed words.

        Raises:
            TypeError: one is not a str.
            ValueError: one is empty or holds half a surrogate pair, which UTF-8 cannot write.
        """
        packed = []
        for i, word in enumerate(words):
            if not isinstance(word, str):
                raise TypeError(f"{argument}[{i}]: expected str, got {type(word).__name__}")
            if not word:
                raise ValueError(f"{argument}[{i}]: expected at least one character, got an empty word")
            try:
                packed.append(word.encode())
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"{argument}[{i}]: expected Unicode text, got {word!r} with half a surrogate pair at "
                    f"character {error.start}"
                ) from None
        offsets = np.zeros(len(packed) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, packed), np.int64, len(packed)), out=offsets[1:])
        made = cls(b"".join(packed), offsets)
        made._strings = list(words)
        return made

    @property
    def strings(self) -> list[str]:
        """All words as strings, made once."""
        if self._strings is None:
            if b"\n" in self.data:
                ends = self.offsets.tolist()
                self._strings = [self.data[a:b].decode() for a, b in itertools.pairwise(ends)]
            else:  # decoded and divided all at once
                lines: bytes = _core.word_lines(self.data, self.offsets)
                self._strings = lines.decode().split("\n")[:-1]
        return self._strings

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> str:
        if not 0 <= i < len(self):
            raise IndexError(f"word: expected a number in [0, {len(self)}), got {i}")
        return self.data[self.offsets[i] : self.offsets[i + 1]].decode()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WordList):
            return NotImplemented
        return self.data == other.data and np.array_equal(self.offsets, other.offsets)

    def __add__(self, other: WordList) -> WordList:
        offsets = np.concatenate([self.offsets, other.offsets[1:] + len(self.data)])
        both = WordList(self.data + other.data, offsets)
        if self._strings is not None and other._strings is not None:
            both._strings = self._strings + other._strings
        return both

    def take(self, places: NDArray[np.int64]) -> WordList:
        """The words at some places, in that order.

        Args:
            places: (N,) int64, in [0, V).

        Returns:
            N words.
        """
        taken = WordList(*_core.take_words(self.data, self.offsets, places))
        if self._strings is not None:
            taken._strings = [self._strings[place] for place in places.tolist()]
        return taken

    def find(self, wanted: Sequence[str]) -> list[int | None]:
        """The first place of each wanted word, or None.

        Args:
            wanted: a few words.

        Returns:
            A place in [0, V) or None for each.
        """
        places: list[int | None] = []
        lengths = np.diff(self.offsets)
        for word in wanted:
            packed = word.encode()
            candidates = np.flatnonzero(lengths == len(packed))
            starts = self.offsets[candidates]
            data = np.frombuffer(self.data, np.uint8)
            for i, byte in enumerate(packed):
                same = data[starts + i] == byte
                candidates, starts = candidates[same], starts[same]
            places.append(int(candidates[0]) if len(candidates) else None)
        return places
