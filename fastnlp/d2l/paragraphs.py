"""The paragraphs of WikiText-2 as the book reads them: as sentences one by one, or as one text."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core

TRAIN = "wiki.train.tokens"
_BLOCK = 1 << 18  # bytes that are counted at a time


def _read_wiki(data_dir: str | os.PathLike[str]) -> list[list[str]]:
    """The paragraphs of WikiText-2 that have at least two sentences, lower-cased and shuffled by `random`.

    A sentence ends at " . "; where that is the end of the paragraph too, the last sentence keeps its full
    stop. So 1,072 of the 15,496 paragraphs have one sentence.

    Args:
        data_dir: the folder with `wiki.train.tokens`.

    Returns:
        A list of sentences for each paragraph.

    Raises:
        FileNotFoundError: there is no such file.
    """
    text = (Path(data_dir) / TRAIN).read_text(encoding="utf-8").lower()
    paragraphs = [line.strip().split(" . ") for line in text.split("\n") if " . " in line]
    random.shuffle(paragraphs)
    return paragraphs


class Paragraphs:
    """What `_read_wiki` gives, in the same order, without a str of Python for each sentence.

    Args:
        lines: the paragraphs of the text; those whose letters beyond ASCII change are in lower case.
        order: (N,) int64, the places of the paragraphs in the text.
    """

    def __init__(self, lines: _core.Paragraphs, order: NDArray[np.int64]) -> None:
        self._lines = lines
        self._order = order

    def __len__(self) -> int:
        """How many there are."""
        return len(self._order)

    def blocks(self) -> Iterator[memoryview]:
        """The text as UTF-8, piece by piece: a sentence a line, and an empty line behind each paragraph.

        All pieces lie in the same memory, one after another: it stays in the cache, and none is touched for
        the first time.
        """
        sizes = self._lines.sizes()
        ends = np.cumsum(sizes[self._order])
        block = np.empty(max(_BLOCK, int(sizes.max(initial=0))), np.uint8)
        start = done = 0
        while start < len(ends):
            stop = int(np.searchsorted(ends, done + len(block), "right"))
            yield block[: self._lines.write(self._order[start:stop], block)].data
            start, done = stop, int(ends[stop - 1])

    def sentences(self) -> list[list[str]]:
        """A list of sentences for each paragraph."""
        text = b"".join(map(bytes, self.blocks())).decode()
        return [paragraph.split(" \n ") for paragraph in text.split("\n\n")[:-1]]


def read_paragraphs(data_dir: str | os.PathLike[str]) -> Paragraphs:
    """Reads what `_read_wiki` gives, shuffled alike.

    Args:
        data_dir: the folder with `wiki.train.tokens`.

    Returns:
        The paragraphs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8.
    """
    path = Path(data_dir) / TRAIN
    # Mapped, since a copy would take memory that nothing has touched yet.
    text = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
    try:
        lines = _core.Paragraphs(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    # The core knows ASCII. What else has capitals or is white space is seldom, and a matter for str.
    odd = [c for c in map(chr, lines.characters().tolist()) if c.lower() != c or c.isspace()]
    for place in lines.having(np.array([ord(c) for c in odd], np.uint32)).tolist():
        lines.replace(place, lines[place].decode().lower().strip().encode())
    order = list(range(len(lines)))
    random.shuffle(order)
    return Paragraphs(lines, np.array(order, np.int64))
