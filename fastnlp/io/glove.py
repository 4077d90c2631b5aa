"""The files between the stages of Stanford's GloVe: vocabularies, and co-occurrence records.

A vocabulary is text, a word and its count a line, the most frequent first; a word's id is the number of
its line, from 1. Co-occurrences are records of 16 bytes: two little-endian int32, the ids of word and
context, and a float64, how often they occur. Vectors are text without a header, which `fastnlp.io.word2vec`
reads and writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp.io.atomic import atomic_write

__all__ = [
    "read_glove_cooccurrences",
    "read_glove_vocab",
    "write_glove_cooccurrences",
    "write_glove_vocab",
]

_RECORD = np.dtype([("word", "<i4"), ("context", "<i4"), ("count", "<f8")])
_BLOCK = 1 << 20  # records at a time
_LONGEST = 999  # bytes; Stanford's programs cut longer words


def read_glove_vocab(path: str | os.PathLike[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Reads the vocabulary that Stanford's `vocab_count` writes.

    Args:
        path: the file.

    Returns:
        V words, and (V,) int64 how often each occurs.

    Raises:
        ValueError: a line is not a word and a count, or a word stands twice; the message says which line.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "vocab.txt"
        >>> write_glove_vocab(path, ["the", "cat"], [7, 2])
        >>> read_glove_vocab(path)
        (['the', 'cat'], array([7, 2]))
    """
    words: dict[str, int] = {}
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            parts = line.split()
            if len(parts) != 2 or not parts[1].isdigit() or len(parts[1]) > 18:
                raise ValueError(
                    f"{Path(path)}: line {number}: expected a word and its count, got {line[:60]!r}"
                )
            try:
                word = parts[0].decode()
            except UnicodeDecodeError as error:
                raise ValueError(f"{Path(path)}: line {number}: expected UTF-8, got {error}") from None
            if word in words:
                raise ValueError(f"{Path(path)}: line {number}: expected each word once, got {word!r} again")
            words[word] = int(parts[1])
    return list(words), np.fromiter(words.values(), np.int64, len(words))


def write_glove_vocab(path: str | os.PathLike[str], words: Sequence[str], counts: ArrayLike) -> None:
    """Writes a vocabulary for Stanford's programs, whole or not at all.

    Args:
        path: the file to create or replace.
        words: V words, in the order of their ids.
        counts: (V,) how often each occurs.

    Raises:
        ValueError: a word is one that those programs cannot read back: empty, with white space in it, longer
            than 999 bytes, or "<unk>".
        OSError: writing failed; an old file is as it was.
    """
    numbers = np.asarray(counts, np.int64)
    if numbers.shape != (len(words),):
        raise ValueError(f"counts: expected {len(words)}, one a word, got shape {numbers.shape}")
    for i, word in enumerate(words):
        encoded = word.encode()
        if len(encoded.split()) != 1 or len(encoded.strip()) != len(encoded) or b"\0" in encoded:
            raise ValueError(f"words[{i}]: expected a word without white space, got {word!r}")
        if len(encoded) > _LONGEST or word == "<unk>":
            raise ValueError(
                f"words[{i}]: expected at most {_LONGEST} bytes that are not '<unk>', got {word[:60]!r}"
            )
    with atomic_write(path) as file:
        for word, count in zip(words, numbers.tolist(), strict=True):
            file.write(f"{word} {count}\n".encode())


def read_glove_cooccurrences(
    path: str | os.PathLike[str],
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]]:
    """Reads the records that Stanford's `cooccur` or `shuffle` writes, block by block.

    Args:
        path: the file.

    Yields:
        (N,) int32 words, (N,) int32 contexts, both counted from 0, and (N,) float64 counts.

    Raises:
        ValueError: the file does not consist of records, or an id is below 1; the message says where.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "cooccurrence.bin"
        >>> write_glove_cooccurrences(path, [([0, 1], [1, 0], [2.5, 2.5])])
        >>> [block[0].tolist() for block in read_glove_cooccurrences(path)]
        [[0, 1]]
    """
    done = 0
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size % _RECORD.itemsize:
            raise ValueError(
                f"{Path(path)}: expected records of {_RECORD.itemsize} bytes, got {size} bytes; cut short?"
            )
        while len(records := np.fromfile(file, _RECORD, _BLOCK)):
            ids = np.stack([records["word"], records["context"]])
            if ids.min() < 1:
                at = int(np.argmax((ids < 1).any(0)))
                raise ValueError(
                    f"{Path(path)}: record {done + at}: expected ids of at least 1, got {ids[:, at].tolist()}"
                )
            done += len(records)
            yield ids[0] - np.int32(1), ids[1] - np.int32(1), np.ascontiguousarray(records["count"])


def write_glove_cooccurrences(
    path: str | os.PathLike[str], records: Iterable[tuple[ArrayLike, ArrayLike, ArrayLike]]
) -> None:
    """Writes records for Stanford's `shuffle` and `glove`, whole or not at all.

    Args:
        path: the file to create or replace.
        records: blocks of (words, contexts, counts), ids from 0, as `Cooccurrences.records` gives.

    Raises:
        IndexError: an id is below 0 or does not fit 32 bits.
        OSError: writing failed; an old file is as it was.
    """
    with atomic_write(path) as file:
        for words, contexts, counts in records:
            ids = np.stack([np.asarray(words, np.int64), np.asarray(contexts, np.int64)])
            if ids.size and (ids.min() < 0 or ids.max() >= 2**31 - 1):
                raise IndexError(f"records: expected ids from 0 to 2^31 - 2, got {ids.min()} to {ids.max()}")
            block = np.empty(ids.shape[1], _RECORD)
            block["word"], block["context"], block["count"] = *(ids + 1), counts
            file.write(block.tobytes())
