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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO, Literal, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.io.atomic import atomic_write

__all__ = ["Format", "format_from_name", "read_word2vec", "sniff_format", "write_word2vec"]

Format = Literal["word2vec-text", "word2vec-binary", "glove", "fasttext"]
UnicodeErrors = Literal["strict", "replace", "ignore"]

_BLOCK = 4 << 20
_HEADER_LIMIT = 64  # bytes; two integers need at most 41
_SNIFFED = 1 << 16
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


def format_from_name(path: str | os.PathLike[str]) -> Format | None:
    """The format that a file's name stands for, or None where the name does not say.

    Args:
        path: .bin is word2vec binary, .vec and .txt are word2vec text, each with or without .gz.

    Returns:
        The format.

    Example:
        >>> format_from_name("wiki.vec.gz")
        'word2vec-text'
        >>> format_from_name("wiki") is None
        True
    """
    name = Path(path).name.lower().removesuffix(".gz")
    if name.endswith(".bin"):
        return "word2vec-binary"
    return "word2vec-text" if name.endswith((".vec", ".txt")) else None


def sniff_format(path: str | os.PathLike[str]) -> Format:
    """The format of a file of word vectors, from its first row.

    Args:
        path: the file.

    Returns:
        "fasttext" where the file starts as its models do, "glove" where there is no line "V D", else
        "word2vec-text" where the first row ends in a decimal number, else "word2vec-binary".

    Raises:
        ValueError: the file is empty or a known other format.
    """
    with _opened(path) as file:
        start = file.read(_SNIFFED)
        if start.startswith(_FASTTEXT):
            return "fasttext"
        _refuse_foreign(path, start)
        first, _, rest = start.partition(b"\n")
        if len(first.split()) > 2:
            return "glove"
        fields = rest.partition(b"\n")[0].split()
        try:
            float(fields[-1])
        except (IndexError, ValueError):
            return "word2vec-binary"
        return "word2vec-text"


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """The file for reading, decompressed; damage to the compression is a ValueError."""
    with Path(path).open("rb") as raw:
        if not os.fspath(path).lower().endswith(".gz"):
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            try:
                yield cast(BinaryIO, unpacked)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{os.fspath(path)}: the gzip data is damaged: {error}") from None


def _refuse(path: str | os.PathLike[str], reason: object) -> NoReturn:
    raise ValueError(f"{os.fspath(path)}: {reason}") from None


def _refuse_foreign(path: str | os.PathLike[str], start: bytes) -> None:
    if not start:
        _refuse(path, "the file is empty")
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            _refuse(path, f"expected word vectors, found {what}")


def _read_header(path: str | os.PathLike[str], line: bytes) -> tuple[int, int]:
    """Rows and dimensions from the first line."""
    fields = line.removeprefix(b"\xef\xbb\xbf").split()
    numbers = len(fields) == 2 and all(field.isdigit() and len(field) < 19 for field in fields)
    if not numbers or not line.endswith(b"\n"):
        _refuse(path, f"line 1: expected the numbers of rows and dimensions, got {line[:_HEADER_LIMIT]!r}")
    rows, dim = map(int, fields)
    if rows < 1 or dim < 1:
        _refuse(path, f"line 1: expected at least 1 row and 1 dimension, got {rows} and {dim}")
    return rows, dim


def _check_promise(path: str | os.PathLike[str], rows: int, dim: int, binary: bool, left: int) -> None:
    """Refuses a header that promises more than the file can hold, before anything is allocated."""
    if str(path).lower().endswith(".gz"):
        left *= _GZIP_RATIO
    smallest = 2 + 4 * dim if binary else 2 + 2 * dim
    if rows * smallest - (not binary) > left:
        _refuse(path, f"line 1: {rows} rows of {dim} dimensions do not fit in the {left} bytes that follow")


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
    if unicode_errors not in _UNICODE_ERRORS:
        raise ValueError(f"unicode_errors: expected one of {_UNICODE_ERRORS}, got {unicode_errors!r}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit: expected at least 1, got {limit}")
    if binary and not header:
        raise ValueError("header: expected True for the binary format, which has no other way to tell D")
    with _opened(path) as file:
        if header:
            line = file.readline(_HEADER_LIMIT)
            _refuse_foreign(path, line)
            promised, dim = _read_header(path, line)
            rows = promised if limit is None else min(promised, limit)
            _check_promise(path, rows, dim, binary, Path(path).stat().st_size - len(line))
            wanted: int | None = rows
            pending, place = b"", len(line) if binary else 2
        else:
            pending = file.readline()
            _refuse_foreign(path, pending)
            pending = pending.removeprefix(b"\xef\xbb\xbf")
            dim = len(pending.split()) - 1
            if dim < 1:
                _refuse(path, f"line 1: expected a word and its numbers, got {pending[:_HEADER_LIMIT]!r}")
            promised, wanted, place = 0, limit, 1
        try:
            tokens, vectors, rest = _read_rows(file, pending, binary, wanted, dim, place, unicode_errors)
        except ValueError as error:
            _refuse(path, error)
        if header and len(tokens) < promised and wanted != len(tokens):
            _refuse(path, f"the first line promises {promised} rows, the file ends after {len(tokens)}")
        if len(tokens) == promised and (rest.strip() or file.read(_BLOCK).strip()):
            _refuse(path, f"the first line promises {promised} rows, the file goes on after them")
    if len(set(tokens)) < len(tokens):
        return _without_repeats(
            path, tokens, vectors, unicode_errors, *(("row", 1) if binary else ("line", 1 + header))
        )
    return tokens, vectors


def _read_rows(
    file: BinaryIO,
    pending: bytes,
    binary: bool,
    rows: int | None,
    dim: int,
    place: int,
    unicode_errors: UnicodeErrors,
) -> tuple[list[str], NDArray[np.float32], bytes]:
    """Rows up to `rows` or the end of the file, and the bytes read beyond them.

    `pending` are bytes read already; `place` is the number of their first line, or the offset of their
    first byte. `rows` has been checked against the size of a plain file, so there it is allocated at once.
    """
    parse = _core.parse_binary_rows if binary else _core.parse_text_rows
    certain = rows if rows is not None and isinstance(file, io.BufferedReader) else 0
    vectors = np.empty((certain or max(1, _BLOCK // dim), dim), np.float32)
    tokens: list[str] = []
    last = False
    while rows is None or len(tokens) < rows:
        if len(tokens) == len(vectors):
            vectors.resize((2 * len(vectors), dim), refcheck=False)
        if not last:
            # A row longer than the block doubles the next read, so that it is not scanned again and again.
            read = file.read(max(_BLOCK, len(pending)))
            pending, last = pending + read, not read
        consumed, found = parse(pending, last, dim, vectors[len(tokens) : rows], place, unicode_errors)
        tokens += found
        place += consumed if binary else len(found)
        pending = pending[consumed:]
        if last and not found:
            break
    vectors.resize((len(tokens), dim), refcheck=False)
    return tokens, vectors, pending


def _without_repeats(
    path: str | os.PathLike[str],
    tokens: list[str],
    vectors: NDArray[np.float32],
    unicode_errors: UnicodeErrors,
    unit: str,
    start: int,
) -> tuple[list[str], NDArray[np.float32]]:
    """The first row of each word; refuses repeats that the file itself holds."""
    first: dict[str, int] = {}
    for row, token in enumerate(tokens):
        if first.setdefault(token, row) != row and unicode_errors == "strict":
            _refuse(
                path, f"{unit} {start + row}: {unit} {start + first[token]} has the word {token!r} already"
            )
    return list(first), vectors[list(first.values())]


def write_word2vec(
    path: str | os.PathLike[str],
    tokens: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    binary: bool = False,
    header: bool = True,
) -> None:
    """Writes words and vectors in word2vec's text or binary format; gensim and fastText's tools read both.

    Text holds the shortest decimals that read back as the same float32, so both formats keep every bit. The
    file appears whole or not at all.

    Args:
        path: the file to create or replace; compressed where its name ends in .gz.
        tokens: V words, none empty.
        vectors: (V, D) float32, finite; rows may lie apart.
        binary: the binary format.
        header: whether to write the line "V D" (GloVe's files have none).

    Raises:
        ValueError: a number is not finite, or a word cannot be stored in the format.
        OSError: writing failed; the old file is untouched.
    """
    if len(tokens) != len(vectors):
        raise ValueError(f"tokens: expected {len(vectors)}, one a row, got {len(tokens)}")
    if binary and not header:
        raise ValueError("header: expected True for the binary format, which has no other way to tell D")
    form = _core.format_binary_rows if binary else _core.format_text_rows
    step = max(1, _BLOCK // (12 * max(1, vectors.shape[1])))
    with atomic_write(path) as raw:
        # No time stamp and no name inside: equal vectors give equal files.
        packed = os.fspath(path).lower().endswith(".gz")
        with gzip.GzipFile("", "wb", 6, raw, mtime=0) if packed else nullcontext(raw) as sink:
            if header:
                sink.write(f"{len(tokens)} {vectors.shape[1]}\n".encode())
            for row in range(0, len(tokens), step):
                sink.write(form(list(tokens[row : row + step]), vectors, row))
