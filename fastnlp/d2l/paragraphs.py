"""The paragraphs of WikiText-2 as the book reads them: as sentences one by one, or as one text."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TRAIN = "wiki.train.tokens"
_LINE, _STOP, _SPACE = b"\n. "
_WHITE_SPACE = np.frombuffer(b" \t\n\v\f\r\x1c\x1d\x1e\x1f", np.uint8)  # what str.strip takes away in ASCII


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


@dataclass(frozen=True)
class Paragraphs:
    """What `_read_wiki` gives, as UTF-8: a sentence a line, and a blank line between paragraphs."""

    text: bytes
    count: int

    def sentences(self) -> list[list[str]]:
        """A list of sentences for each paragraph."""
        paragraphs = self.text.decode().split("\n\n") if self.count else []
        return [paragraph.split(" \n ") for paragraph in paragraphs]


def read_paragraphs(data_dir: str | os.PathLike[str]) -> Paragraphs:
    """Reads what `_read_wiki` gives, in the same order, without a str of Python for each sentence.

    Args:
        data_dir: the folder with `wiki.train.tokens`.

    Returns:
        The text, divided.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8.
    """
    path = Path(data_dir) / TRAIN
    with path.open("rb") as file:
        data = bytearray(os.fstat(file.fileno()).st_size)
        del data[file.readinto(data) :]
    if b"\r" in data:  # Python's text files read either as a line feed
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    data = data.lower()
    text = np.frombuffer(data, np.uint8)
    stops = _stops(text)
    ends = np.append(np.flatnonzero(text == _LINE), len(text))
    lines = np.flatnonzero(np.diff(np.searchsorted(stops, ends), prepend=0))
    begins, ends = np.append(0, ends + 1)[lines], ends[lines]
    try:
        changed = _changed_lines(data, text, begins, ends)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8, got {error.object[error.start :][:4]!r}") from None
    begins, ends = _stripped(text, begins, ends)
    # A full stop that has lost the space behind it does not divide, nor one that has lost the space before.
    at = np.searchsorted(ends, stops)
    stops = stops[(stops > begins[at]) & (stops + 1 < ends[at])]
    text[_dividing(stops)] = _LINE
    spans = zip(begins.tolist(), ends.tolist(), strict=True)
    paragraphs: list[bytearray | bytes] = [data[begin:end] for begin, end in spans]
    for index, line in changed.items():
        paragraphs[index] = line.replace(b" . ", b" \n ")
    random.shuffle(paragraphs)
    return Paragraphs(b"\n\n".join(paragraphs), len(paragraphs))


def _stops(text: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The places of full stops between spaces."""
    places: NDArray[np.int64] = np.flatnonzero(text[1:-1] == _STOP) + 1
    places = places[(text[places - 1] == _SPACE) & (text[places + 1] == _SPACE)]
    return places


def _dividing(stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """The stops at which `str.split(" . ")` divides: in " . . " the second has no space left."""
    order = np.arange(len(stops))
    begins = np.where(np.diff(stops, prepend=-3) == 2, 0, order)
    dividing: NDArray[np.int64] = stops[(order - np.maximum.accumulate(begins)) % 2 == 0]
    return dividing


def _stripped(
    text: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The stretches without ASCII's white space around them; each holds something else."""
    begins, ends = begins.copy(), ends.copy()
    for moved, step, first in ((begins, 1, 0), (ends, -1, -1)):
        todo = np.arange(len(moved))
        while len(todo := todo[np.isin(text[moved[todo] + first], _WHITE_SPACE)]):
            moved[todo] += step
    return begins, ends


def _changed_lines(
    data: bytearray, text: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> dict[int, bytes]:
    """The lines with white space or capitals beyond ASCII, in lower case and stripped as a str is."""
    places = np.flatnonzero(text >= 0x80)
    others = text[places].tobytes().decode()
    odd = [c for c in set(others) if c.lower() != c or c.isspace()]
    if not odd:
        return {}
    starts = places[(text[places] & 0xC0) != 0x80]
    codes = np.frombuffer(others.encode("utf-32-le"), np.uint32)
    at = starts[np.isin(codes, np.array([ord(c) for c in odd], np.uint32))]
    lines = np.searchsorted(ends, at)
    within = lines < len(ends)
    lines = lines[within][begins[lines[within]] <= at[within]]
    return {
        line: data[begins[line] : ends[line]].decode().lower().strip().encode()
        for line in np.unique(lines).tolist()
    }
