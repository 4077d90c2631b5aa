"""fastnlp's own file of word vectors (.fnv): one file that opens in milliseconds, however large it is.

The first 4,096 bytes are two lines, padded with spaces: `fastnlp-vectors 1`, and JSON with the numbers of
words and dimensions, the storage, the salt of the hash, and for each section its offset, bytes and CRC-32.
Sections begin on 64-byte boundaries, little-endian:

    rows     V x D numbers                  scales   V float32, of int8 alone
    counts   V int64, where they are known  offsets  V + 1 int64
    words    UTF-8, one after another       slots    hash table, see csrc/vectors/word_index.h

Opened, all of it is mapped: rows are read when they are used, and words looked up in the stored hash table.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.io.atomic import atomic_write
from fastnlp.io.indexed_words import IndexedWords
from fastnlp.io.stored_rows import StoredRows, checked_dtype
from fastnlp.io.vector_table import Progress, VectorTable, pack_words, refuse_file

__all__ = ["MAGIC", "read_vectors_file", "write_vectors_file"]

MAGIC = b"fastnlp-vectors "
_VERSION = 1
_HEADER = 4096
_ALIGNMENT = 64
_BLOCK = 4 << 20
_LARGEST = 1 << 48


def write_vectors_file(
    path: str | os.PathLike[str],
    words: Sequence[str],
    rows: StoredRows,
    counts: NDArray[np.int64] | None = None,
    *,
    progress: Progress | None = None,
) -> None:
    """Writes words and vectors in fastnlp's own format, whole or not at all.

    Args:
        path: the file to create or replace.
        words: V different words.
        rows: their vectors, in the storage they are to have.
        counts: (V,) int64, if known.
        progress: called with the rows written and those there are.

    Raises:
        ValueError: a word is repeated or has no UTF-8, or a number is not finite.
        OSError: writing failed; the old file is untouched.
    """
    if len(words) != len(rows) or not len(words):
        raise ValueError(f"words: expected {len(rows)}, one a row and at least one, got {len(words)}")
    data, offsets = pack_words(words)
    salt, slots = _core.build_word_index(np.frombuffer(data, np.uint8), offsets)
    sections: dict[str, list[int]] = {}
    with atomic_write(path) as file:
        file.write(bytes(_HEADER))

        def section(name: str, blocks: Iterator[NDArray[Any]]) -> None:
            file.write(bytes(-file.tell() % _ALIGNMENT))
            start, checksum = file.tell(), 0
            for block in blocks:
                content = np.ascontiguousarray(block).data.cast("B")
                checksum = zlib.crc32(content, checksum)
                file.write(content)
            sections[name] = [start, file.tell() - start, checksum]

        section("rows", _row_blocks(rows, progress))
        if rows.scales is not None:
            section("scales", iter([rows.scales.astype("<f4")]))
        if counts is not None:
            section("counts", iter([np.asarray(counts).astype("<i8")]))
        section("offsets", iter([offsets.astype("<i8")]))
        section("words", iter([np.frombuffer(data, np.uint8)]))
        section("slots", iter([slots.astype("<u8")]))
        about = {
            "words": len(words),
            "dim": rows.dim,
            "dtype": rows.dtype,
            "salt": int(salt),
            "sections": sections,
        }
        header = MAGIC + f"{_VERSION}\n{json.dumps(about)}".encode()
        file.seek(0)
        file.write(header.ljust(_HEADER - 1) + b"\n")


def _row_blocks(rows: StoredRows, progress: Progress | None) -> Iterator[NDArray[Any]]:
    """The stored numbers, checked to be finite."""
    step = max(1, _BLOCK // (rows.values.itemsize * rows.dim))
    for start in range(0, len(rows), step):
        block = rows.values[start : start + step]
        _check_finite(block, start)
        yield block.astype(block.dtype.newbyteorder("<"), copy=False)
        if progress is not None:
            progress(min(start + step, len(rows)), len(rows))


def _check_finite(block: NDArray[Any], first_row: int) -> None:
    if block.dtype != np.int8 and not np.isfinite(block).all():
        wrong = first_row + int(np.argmax(~np.isfinite(block).all(axis=1)))
        raise ValueError(f"row {wrong}: expected finite numbers, got NaN or infinity")


def read_vectors_file(
    path: str | os.PathLike[str], *, mapped: bool = True, progress: Progress | None = None
) -> VectorTable:
    """Opens a file in fastnlp's own format.

    Args:
        path: the file.
        mapped: map it: it has to stay as it is while the vectors are in use, and of its content only the
            header is checked now, the words as they are looked up. Else everything is read and checked, the
            CRC-32 of each section too.
        progress: called with the bytes read and those of the file.

    Returns:
        The table; its words and their index read from the file's own.

    Raises:
        ValueError: the file is damaged, or of a newer version; the message names file and place.
        OSError: the file cannot be opened.
    """
    size = Path(path).stat().st_size
    told = None if progress is None else lambda done: progress(done, size)
    with Path(path).open("rb") as file:
        about = _read_header(path, file.read(_HEADER), size)
        words, dim, dtype, salt = about["words"], about["dim"], about["dtype"], about["salt"]
        sections: dict[str, list[int]] = about["sections"]
        arrays = {
            name: _section(path, file, sections, name, kind, shape, mapped, told)
            for name, kind, shape in (
                ("rows", np.dtype(dtype), (words, dim)),
                ("scales", np.dtype(np.float32), (words,)),
                ("counts", np.dtype(np.int64), (words,)),
                ("offsets", np.dtype(np.int64), (words + 1,)),
                ("words", np.dtype(np.uint8), (-1,)),
                ("slots", np.dtype(np.uint64), (-1,)),
            )
            if name in sections
        }
    rows = StoredRows(arrays["rows"], arrays.get("scales"))
    if not mapped:
        try:
            for part in (rows.values, rows.scales):
                if part is not None:
                    _check_finite(part.reshape(words, -1), 0)
        except ValueError as error:
            refuse_file(path, error)
    if told is not None:
        told(size)  # what is mapped counts as read
    found = IndexedWords(path, arrays["words"], arrays["offsets"], arrays["slots"], salt)
    return VectorTable(found, found.rows, rows, arrays.get("counts"))


def _read_header(path: str | os.PathLike[str], header: bytes, size: int) -> dict[str, Any]:
    """The second line, with every size compared with that of the file."""
    first, _, rest = header.partition(b"\n")
    if not first.startswith(MAGIC):
        refuse_file(path, f"line 1: expected {MAGIC.decode()!r}, got {header[:16]!r}")
    if first != MAGIC + str(_VERSION).encode():
        refuse_file(
            path, f"line 1: expected version {_VERSION} of the format, got {first[len(MAGIC) :][:32]!r}"
        )
    if len(header) < _HEADER:
        refuse_file(path, f"expected a header of {_HEADER} bytes, got {size}; the file is cut short")
    try:
        about = json.loads(rest)
        words, dim, dtype = about["words"], about["dim"], checked_dtype(about["dtype"])
        sections = about["sections"]
        numbers = [words, dim, about["salt"], *(n for section in sections.values() for n in section)]
        if not all(type(n) is int and 0 <= n < _LARGEST for n in numbers) or words < 1 or dim < 1:
            raise ValueError("a number is missing or strange")
        wanted = {"rows", "offsets", "words", "slots", *(["scales"] if dtype == "int8" else [])}
        if dtype is None or set(sections) - {"counts"} != wanted:
            raise ValueError(f"expected the sections {sorted(wanted)}, got {sorted(sections)}")
        if not all(len(section) == 3 for section in sections.values()):
            raise ValueError("a section is not an offset, a length and a checksum")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        refuse_file(path, f"line 2: damaged header ({error})")
    expected = {
        "rows": words * dim * np.dtype(dtype).itemsize,
        "scales": words * 4,
        "counts": words * 8,
        "offsets": (words + 1) * 8,
    }
    for name, (offset, length, _) in sections.items():
        if offset < _HEADER or offset % _ALIGNMENT or offset + length > size:
            refuse_file(
                path, f"section {name}: bytes {offset} to {offset + length} are not in the {size} of the file"
            )
        if length != expected.get(name, length) or (name == "slots" and length % 8):
            refuse_file(
                path, f"section {name}: expected {expected.get(name)} bytes for {words} words, got {length}"
            )
    return dict(about)


def _section(
    path: str | os.PathLike[str],
    file: IO[bytes],
    sections: dict[str, list[int]],
    name: str,
    kind: np.dtype[Any],
    shape: tuple[int, ...],
    mapped: bool,
    progress: Callable[[int], Any] | None,
) -> NDArray[Any]:
    offset, length, checksum = sections[name]
    if mapped and length:
        content: NDArray[Any] = np.memmap(path, np.uint8, "r", offset, (length,)).view(np.ndarray)
    else:
        file.seek(offset)
        content = np.empty(length, np.uint8)  # no more than the file holds
        found = read = 0
        while read < length:
            block = content[read : read + _BLOCK]
            count = file.readinto(block)  # type: ignore[attr-defined]
            found = zlib.crc32(block[:count].data, found)
            read += count
            if progress is not None:
                progress(offset + read)
            if not count:
                break
        if read != length or found != checksum:
            refuse_file(path, f"section {name}: the bytes after offset {offset} do not match their CRC-32")
    return content.view(kind.newbyteorder("<")).reshape(shape)
