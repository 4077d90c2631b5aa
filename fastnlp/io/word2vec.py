"""Word vectors in the two file formats of word2vec.c, text and binary, streamed in both directions.

Both start with a line "V D". Text then has a row a line: the word and D decimal numbers. Binary has the
word, a space and D little-endian float32 a row, with or without a line feed after each. GloVe's files are the
text format without the first line. Names that end in .gz are compressed.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.io.atomic import atomic_write
from fastnlp.io.checks import checked_call, checked_source, whole_number
from fastnlp.io.stored_rows import DType, StoredRows
from fastnlp.io.vector_table import Duplicates, Progress, TableCollector, VectorTable, refuse_file

__all__ = [
    "Blocks",
    "UnicodeErrors",
    "open_packed",
    "read_word2vec",
    "read_word2vec_table",
    "refuse_foreign",
    "word2vec_blocks",
    "write_word2vec",
]

UnicodeErrors = Literal["strict", "replace", "ignore"]

_BLOCK = 1 << 20  # bytes: what is parsed is still in the cache when it is copied to its place
_HEADER_LIMIT = 64  # bytes; two integers need at most 41
_LONGEST_WORD = 1 << 24  # bytes; what goes on for longer is no row
_LONGEST_ROW = 1 << 26  # of a file that does not say how many numbers a row has
_LONGEST_NUMBER = 64
_GZIP_RATIO = 1032  # deflate cannot compress further
_UNICODE_ERRORS = ("strict", "replace", "ignore")
_FASTTEXT = b"\xba\x16\x4f\x2f"
_FOREIGN = {
    b"\x1f\x8b": "gzip data; give the file a name that ends in .gz",
    _FASTTEXT: "a fastText model; WordVectors.load reads it",
    b"\x80\x04": "a Python pickle, which is never loaded; write it with save_word2vec_format",
    b"\x80\x05": "a Python pickle, which is never loaded; write it with save_word2vec_format",
    b"\x93NUMPY": "a NumPy array without words",
    b"PK\x03\x04": "a zip archive; unpack it first",
}


@contextmanager
def open_packed(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file for reading, decompressed where its name ends in .gz; damage to that is a ValueError."""
    with Path(path).open("rb") as raw:
        if not os.fspath(path).lower().endswith(".gz"):
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            try:
                yield cast(BinaryIO, unpacked)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{os.fspath(path)}: the gzip data is damaged: {error}") from None


def refuse_foreign(path: str | os.PathLike[str], start: bytes) -> None:
    """Refuses a file that is empty or begins as one of another kind."""
    if not start:
        refuse_file(path, "the file is empty")
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            refuse_file(path, f"expected word vectors, found {what}")


def _read_header(path: str | os.PathLike[str], line: bytes) -> tuple[int, int]:
    """Rows and dimensions from the first line."""
    fields = line.removeprefix(b"\xef\xbb\xbf").split()
    numbers = len(fields) == 2 and all(field.isdigit() and len(field) < 19 for field in fields)
    if not numbers or not line.endswith(b"\n"):
        refuse_file(
            path, f"line 1: expected the numbers of rows and dimensions, got {line[:_HEADER_LIMIT]!r}"
        )
    rows, dim = map(int, fields)
    if rows < 1 or dim < 1:
        refuse_file(path, f"line 1: expected at least 1 row and 1 dimension, got {rows} and {dim}")
    return rows, dim


def _check_promise(path: str | os.PathLike[str], rows: int, dim: int, binary: bool, left: int) -> None:
    """Refuses a header that promises more than the file can hold, before anything is allocated."""
    if str(path).lower().endswith(".gz"):
        left *= _GZIP_RATIO
    smallest = 2 + 4 * dim if binary else 2 + 2 * dim
    if rows * smallest - (not binary) > left:
        refuse_file(
            path, f"line 1: {rows} rows of {dim} dimensions do not fit in the {left} bytes that follow"
        )


@dataclass(frozen=True)
class Blocks:
    """Rows of a file on their way: words, and vectors that are overwritten when the next block comes.

    Attributes:
        dim: D.
        expected: how many rows there will be if the file is whole; 0 where it does not say so.
        place: names a row in the file, from 0.
    """

    dim: int
    expected: int
    place: Callable[[int], str]
    _blocks: Iterator[tuple[list[str], NDArray[np.float32]]]

    def __iter__(self) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """N words and their (N, D) float32 vectors."""
        return self._blocks


@contextmanager
def word2vec_blocks(
    path: str | os.PathLike[str],
    *,
    binary: bool = False,
    header: bool = True,
    limit: int | None = None,
    unicode_errors: UnicodeErrors = "strict",
    progress: Progress | None = None,
) -> Iterator[Blocks]:
    r"""Opens a file in word2vec's text or binary format for reading row by row.

    Args:
        path: as `read_word2vec`, like the others.
        binary: the binary format.
        header: whether the first line is "V D".
        limit: read at most so many rows.
        unicode_errors: what becomes of words that are not UTF-8.
        progress: called with the bytes read and those of the file.

    Yields:
        The rows; words may be repeated.

    Raises:
        ValueError: the file is damaged; the message names the file, the line or byte, and the reason.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "two.vec"
        >>> _ = path.write_text("2 3\nold 1 0 0.5\nnew -1 0 2e-3\n")
        >>> with word2vec_blocks(path) as blocks:
        ...     [(words, block.shape) for words, block in blocks]
        [(['old', 'new'], (2, 3))]
    """
    if unicode_errors not in _UNICODE_ERRORS:
        raise ValueError(f"unicode_errors: expected one of {_UNICODE_ERRORS}, got {unicode_errors!r}")
    checked_source("path", path)
    checked_call("progress", progress)
    if limit is not None:
        limit = whole_number("limit", limit, least=1)
    if binary and not header:
        raise ValueError("header: expected True for the binary format, which has no other way to tell D")
    with open_packed(path) as file:
        if header:
            line = file.readline(_HEADER_LIMIT)
            refuse_foreign(path, line)
            promised, dim = _read_header(path, line)
            rows: int | None = promised if limit is None else min(promised, limit)
            _check_promise(path, rows or 0, dim, binary, Path(path).stat().st_size - len(line))
            pending, start = b"", len(line) if binary else 2
        else:
            pending = file.readline(_LONGEST_ROW)
            refuse_foreign(path, pending)
            pending = pending.removeprefix(b"\xef\xbb\xbf")
            dim = len(pending.split()) - 1
            if dim < 1 or len(pending) >= _LONGEST_ROW:
                refuse_file(path, f"line 1: expected a word and its numbers, got {pending[:_HEADER_LIMIT]!r}")
            promised, rows, start = 0, limit, 1
        first_line = 1 + header
        yield Blocks(
            dim,
            # The promise has been checked against the size of a plain file, so memory may be taken for it.
            rows or 0 if header and isinstance(file, io.BufferedReader) else 0,
            (lambda row: f"row {row + 1}") if binary else (lambda row: f"line {row + first_line}"),
            _checked_blocks(
                path, file, pending, binary, rows, promised, dim, start, unicode_errors, progress
            ),
        )


def _checked_blocks(
    path: str | os.PathLike[str],
    file: BinaryIO,
    pending: bytes,
    binary: bool,
    rows: int | None,
    promised: int,
    dim: int,
    place: int,
    unicode_errors: UnicodeErrors,
    progress: Progress | None,
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """Rows up to `rows` or the end of the file, which has to come where it was promised.

    `pending` are bytes read already; `place` is the number of their first line, or the offset of their first
    byte.
    """
    parse = _core.parse_binary_rows if binary else _core.parse_text_rows
    # A number takes two bytes at least, so the buffer holds what a block does, and blocks do not pile up.
    buffer = np.empty((max(1, _BLOCK // (2 * dim)), dim), np.float32)
    size = Path(path).stat().st_size
    packed = None if isinstance(file, io.BufferedReader) else cast(gzip.GzipFile, file)
    done, last = 0, False
    while rows is None or done < rows:
        if not last:
            # A row longer than the block doubles the next read, so that it is not scanned again and again.
            read = file.read(max(_BLOCK, len(pending)))
            pending, last = pending + read, not read
        left = len(buffer) if rows is None else min(len(buffer), rows - done)
        try:
            consumed, found = parse(pending, last, dim, buffer[:left], place, unicode_errors)
        except ValueError as error:
            refuse_file(path, error)
        if found:
            yield found, buffer[: len(found)]
        elif len(pending) > _LONGEST_WORD + _LONGEST_NUMBER * dim:
            unit = "byte" if binary else "line"
            refuse_file(path, f"{unit} {place}: expected a row, got {len(pending)} bytes without its end")
        done += len(found)
        place += consumed if binary else len(found)
        pending = pending[consumed:]
        if progress is not None:
            raw = file if packed is None else cast(BinaryIO, packed.fileobj)
            progress(raw.tell(), size)
        if last and not found:
            break
    if promised and done < promised and rows != done:
        refuse_file(path, f"the first line promises {promised} rows, the file ends after {done}")
    if done == promised and (pending.strip() or file.read(_BLOCK).strip()):
        refuse_file(path, f"the first line promises {promised} rows, the file goes on after them")


def read_word2vec_table(
    path: str | os.PathLike[str],
    *,
    binary: bool = False,
    header: bool = True,
    limit: int | None = None,
    unicode_errors: UnicodeErrors = "strict",
    lowercase: bool = False,
    duplicates: Duplicates = "error",
    dtype: DType = "float32",
    progress: Progress | None = None,
) -> VectorTable:
    """Words and vectors from a file in word2vec's text or binary format, in the storage they are to have.

    Args:
        path: as `read_word2vec`, like the others.
        binary: the binary format.
        header: whether the first line is "V D".
        limit: read at most so many rows.
        unicode_errors: what becomes of words that are not UTF-8.
        lowercase: lower-case the words; of those that become equal keep the first.
        duplicates: "error", or "first" to keep the first row of a word that is there again.
        dtype: "float32", "float16" or "int8".
        progress: called with the bytes read and those of the file.

    Returns:
        The table, in the order of the file.

    Raises:
        ValueError: the file is damaged; the message names the file, the line or byte, and the reason.
    """
    with word2vec_blocks(
        path,
        binary=binary,
        header=header,
        limit=limit,
        unicode_errors=unicode_errors,
        progress=progress,
    ) as blocks:
        keep_first = duplicates == "first" or unicode_errors != "strict"
        table = TableCollector(blocks.dim, dtype, blocks.expected, lowercase=lowercase, keep_first=keep_first)
        for words, vectors in blocks:
            try:
                table.append(words, vectors)
            except ValueError as error:
                refuse_file(path, error)
        try:
            return table.table(blocks.place)
        except ValueError as error:
            refuse_file(path, error)


def read_word2vec(
    path: str | os.PathLike[str],
    *,
    binary: bool = False,
    header: bool = True,
    limit: int | None = None,
    unicode_errors: UnicodeErrors = "strict",
) -> tuple[list[str], NDArray[np.float32]]:
    r"""Words and vectors from a file in word2vec's text or binary format.

    The file is read in blocks, and memory is allocated for what the file holds, never for what its first line
    promises. In text, a word may hold spaces: the D numbers are counted from the right.

    Args:
        path: the file; decompressed where its name ends in .gz.
        binary: the binary format.
        header: whether the first line is "V D". Without it (GloVe) the first row says D.
        limit: read at most so many rows, at least 1.
        unicode_errors: "strict" refuses a word that is not UTF-8; "replace" and "ignore" decode it as
            `bytes.decode` does, and of words that become equal keep the first.

    Returns:
        V words and a (V, D) float32 array.

    Raises:
        ValueError: the file is damaged; the message names the file, the line or byte, and the reason.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "two.vec"
        >>> _ = path.write_text("2 3\nold 1 0 0.5\nnew -1 0 2e-3\n")
        >>> read_word2vec(path)[0]
        ['old', 'new']
    """
    table = read_word2vec_table(
        path, binary=binary, header=header, limit=limit, unicode_errors=unicode_errors
    )
    return list(table.words), table.rows.floats()


def write_word2vec(
    path: str | os.PathLike[str],
    tokens: Sequence[str],
    vectors: NDArray[np.float32] | StoredRows,
    *,
    binary: bool = False,
    header: bool = True,
    progress: Progress | None = None,
) -> None:
    """Writes words and vectors in word2vec's text or binary format; gensim and fastText's tools read both.

    Text holds the shortest decimals that read back as the same float32, so both formats keep every bit. The
    file appears whole or not at all.

    Args:
        path: the file to create or replace; compressed where its name ends in .gz.
        tokens: V words, none empty.
        vectors: (V, D) float32, finite; rows may lie apart. Other storages are written as float32.
        binary: the binary format.
        header: whether to write the line "V D" (GloVe's files have none).
        progress: called with the rows written and those there are.

    Raises:
        ValueError: a number is not finite, or a word cannot be stored in the format.
        OSError: writing failed; the old file is untouched.
    """
    if len(tokens) != len(vectors):
        raise ValueError(f"tokens: expected {len(vectors)}, one a row, got {len(tokens)}")
    if binary and not header:
        raise ValueError("header: expected True for the binary format, which has no other way to tell D")
    rows = vectors if isinstance(vectors, StoredRows) else StoredRows(vectors)
    form = _core.format_binary_rows if binary else _core.format_text_rows
    step = max(1, _BLOCK // (4 * max(1, rows.dim)))
    with atomic_write(path) as raw:
        # No time stamp and no name inside: equal vectors give equal files.
        packed = os.fspath(path).lower().endswith(".gz")
        with gzip.GzipFile("", "wb", 6, raw, mtime=0) if packed else nullcontext(raw) as sink:
            if header:
                sink.write(f"{len(tokens)} {rows.dim}\n".encode())
            for row in range(0, len(tokens), step):
                sink.write(form(list(tokens[row : row + step]), rows.block(row, row + step), row))
                if progress is not None:
                    progress(min(row + step, len(tokens)), len(tokens))
