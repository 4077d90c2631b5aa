"""The file of a vocabulary.

Line 1: `fastnlp-vocab 1`. Line 2: JSON with the number of words, the bytes of their UTF-8, the CRC-32 of all
that follows the line, and what `Vocab` keeps beside them. Then counts (V int64), offsets (V + 1 int64), both
little-endian, and the UTF-8 of all words. Any word round-trips, whatever characters it holds.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.atomic import atomic_write
from fastnlp.text.word_list import WordList

_MAGIC = b"fastnlp-vocab "
_VERSION = 1
_LONGEST_HEADER = 1 << 20


def save(
    path: str | os.PathLike[str], words: WordList, counts: NDArray[np.int64], about: dict[str, Any]
) -> None:
    """Writes words and counts, whole or not at all.

    Args:
        path: the file to create or replace.
        words: V words.
        counts: (V,) int64.
        about: what else to keep, as JSON.
    """
    parts = [counts.astype("<i8").tobytes(), words.offsets.astype("<i8").tobytes(), words.data]
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    header = {"words": len(words), "bytes": len(words.data), "crc32": checksum, **about}
    with atomic_write(path) as file:
        file.write(_MAGIC + str(_VERSION).encode() + b"\n")
        file.write(json.dumps(header).encode() + b"\n")
        for part in parts:
            file.write(part)


def load(path: str | os.PathLike[str]) -> tuple[WordList, NDArray[np.int64], dict[str, Any]]:
    """Reads what `save` wrote.

    Args:
        path: the file.

    Returns:
        The words, their counts, and what was kept beside them.

    Raises:
        ValueError: the file is no vocabulary, of a newer version, cut short or changed; the message says
            where.
    """
    name = os.fspath(path)
    content = Path(path).read_bytes()
    if not content.startswith(_MAGIC):
        raise ValueError(f"{name}: expected a vocabulary that begins with {_MAGIC!r}, got {content[:16]!r}")
    first = content.find(b"\n", 0, 64)
    version = content[len(_MAGIC) : first]
    if first < 0 or version != str(_VERSION).encode():
        raise ValueError(f"{name}: expected format version {_VERSION} in line 1, got {version[:32]!r}")
    second = content.find(b"\n", first + 1, first + 1 + _LONGEST_HEADER)
    try:
        header = json.loads(content[first + 1 : max(second, 0)])
        size, length = header.pop("words"), header.pop("bytes")
        checksum = header.pop("crc32")
        if not all(isinstance(n, int) and 0 <= n < 1 << 48 for n in (size, length, checksum)):
            raise ValueError("a size is not a number")
        if set(header) != {"unknown", "reserved", "min_count"} or not isinstance(header["reserved"], list):
            raise ValueError("a field is missing or strange")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name}: damaged vocabulary: line 2 is not its header ({error})") from None
    start = second + 1
    expected = start + 16 * size + 8 + length
    if len(content) != expected:
        raise ValueError(
            f"{name}: damaged vocabulary: expected {expected} bytes for {size} words, got {len(content)}"
        )
    if zlib.crc32(memoryview(content)[start:]) != checksum:
        raise ValueError(
            f"{name}: damaged vocabulary: the bytes after offset {start} do not match their CRC-32"
        )
    counts = np.frombuffer(content, "<i8", size, start).astype(np.int64)
    offsets = np.frombuffer(content, "<i8", size + 1, start + 8 * size).astype(np.int64)
    try:
        words = WordList(content[expected - length :], offsets)
    except ValueError as error:
        raise ValueError(f"{name}: damaged vocabulary: {error}") from None
    return words, counts, header
