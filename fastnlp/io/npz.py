"""Word vectors as NumPy's .npz: the arrays `vectors` and `words` in a zip archive, for `np.load` to read.

`vectors` is (V, D), `words` (V,) of text, compressed because text of NumPy is as wide as its longest word;
`scales` and `counts`, V numbers each, where there are any. Nothing is ever unpickled.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from fastnlp.io.atomic import atomic_write
from fastnlp.io.stored_rows import DType, RowCollector, StoredRows
from fastnlp.io.vector_table import Progress, VectorTable, refuse_file

__all__ = ["read_npz", "write_npz"]

_BLOCK = 1 << 20
_RATIO = 1032  # deflate cannot compress further
_VECTORS = ("vectors", "embeddings", "weight")
_WORDS = ("words", "tokens", "vocab", "index_to_key")
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,  # a place that cannot be sought
    ValueError,
    TypeError,
    KeyError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    UnicodeDecodeError,
    AttributeError,
    MemoryError,
    RecursionError,
)


def write_npz(
    path: str | os.PathLike[str],
    words: Sequence[str],
    rows: StoredRows,
    counts: NDArray[np.int64] | None = None,
    *,
    progress: Progress | None = None,
) -> None:
    """Writes words and vectors as .npz, whole or not at all.

    Args:
        path: the file to create or replace.
        words: V words; none ends in a NUL character, which NumPy's text cannot hold.
        rows: their vectors, in the storage they are to have.
        counts: (V,) int64, if known.
        progress: called with the rows written and those there are.

    Raises:
        ValueError: NumPy cannot hold a word, or a number is not finite.
        OSError: writing failed; the old file is untouched.
    """
    if len(words) != len(rows) or not len(words):
        raise ValueError(f"words: expected {len(rows)}, one a row and at least one, got {len(words)}")
    longest = 1
    for row, word in enumerate(words):
        longest = max(longest, len(word))
        if word.endswith("\0"):
            raise ValueError(f"row {row}: the word {word!r} ends in NUL, which NumPy's text cannot hold")
        word.encode()  # half of a surrogate pair is refused
    vector_step = max(1, _BLOCK // (rows.values.itemsize * rows.dim))
    word_step = max(1, _BLOCK // (4 * longest))
    with atomic_write(path) as raw, zipfile.ZipFile(raw, "w") as archive:
        with _member(archive, "vectors", rows.values.dtype, rows.values.shape, zipfile.ZIP_STORED) as member:
            for start in range(0, len(rows), vector_step):
                block = rows.values[start : start + vector_step]
                if block.dtype != np.int8 and not np.isfinite(block).all():
                    wrong = start + int(np.argmax(~np.isfinite(block).all(axis=1)))
                    raise ValueError(f"row {wrong}: expected finite numbers, got NaN or infinity")
                member.write(np.ascontiguousarray(block, block.dtype.newbyteorder("<")).data.cast("B"))
                if progress is not None:
                    progress(min(start + vector_step, len(rows)), len(rows))
        text = np.dtype(f"<U{longest}")
        with _member(archive, "words", text, (len(words),), zipfile.ZIP_DEFLATED) as member:
            for start in range(0, len(words), word_step):
                member.write(np.array(list(words[start : start + word_step]), text).tobytes())
        for name, values in (("scales", rows.scales), ("counts", counts)):
            if values is not None:
                with _member(archive, name, values.dtype, values.shape, zipfile.ZIP_STORED) as member:
                    member.write(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).data.cast("B"))


def _member(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], compression: int
) -> IO[bytes]:
    """An array in the archive, its header written; without a time stamp, for equal files."""
    info = zipfile.ZipInfo(f"{name}.npy")
    info.compress_type = compression
    member = archive.open(info, "w", force_zip64=True)
    header = io.BytesIO()
    npy.write_array_header_1_0(
        header, {"descr": dtype.newbyteorder("<").str, "fortran_order": False, "shape": shape}
    )
    member.write(header.getvalue())
    return member


def read_npz(
    path: str | os.PathLike[str],
    *,
    limit: int | None = None,
    dtype: DType | None = None,
    progress: Progress | None = None,
) -> VectorTable:
    """Words and vectors from an .npz, as `write_npz` or `np.savez(path, vectors=..., words=...)` writes it.

    The archive is read in blocks, every size compared with that of the file before memory is taken.

    Args:
        path: the file. The vectors may be float64, float32, float16, or int8 with scales, under the name
            vectors, embeddings or weight; the words text or UTF-8 bytes, as words, tokens, vocab or
            index_to_key.
        limit: read at most so many rows.
        dtype: of the storage; None for that of the file, float32 for float64.
        progress: called with the bytes read and those there are.

    Returns:
        The table.

    Raises:
        ValueError: the file is damaged, or holds no words and vectors; the message names the file and array.
        OSError: the file cannot be opened.
    """
    with Path(path).open("rb") as raw:
        try:
            archive = zipfile.ZipFile(raw)
        except _DAMAGE as error:
            refuse_file(path, f"damaged zip archive: {error}")
        with archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            name, word_name = (
                next((name for name in names if name in members), None) for names in (_VECTORS, _WORDS)
            )
            if name is None or word_name is None:
                refuse_file(path, f"expected the arrays vectors and words, found {sorted(members)}")
            vectors = _Array(path, archive, members[name], name)
            if len(vectors.shape) != 2 or min(vectors.shape) < 1 or vectors.dtype not in _STORED:
                vectors.refuse(f"expected (V, D) floats or int8, got {vectors.dtype} {vectors.shape}")
            rows = vectors.shape[0] if limit is None else min(limit, vectors.shape[0])
            extra: dict[str, NDArray[Any]] = {}
            for other, kind in (("scales", np.float32), ("counts", np.int64)):
                if other in members:
                    array = _Array(path, archive, members[other], other)
                    if array.shape != vectors.shape[:1] or array.dtype.newbyteorder("=") != kind:
                        array.refuse(f"expected {vectors.shape[0]} {np.dtype(kind).name}, got others")
                    extra[other] = np.concatenate([np.empty(0, kind), *array.rows(rows)]).astype(kind)
            if ("scales" in extra) != (vectors.dtype == np.int8):
                vectors.refuse("expected scales with int8 alone")
            words = _words(_Array(path, archive, members[word_name], word_name), vectors.shape[0], rows)
            stored = _collect(vectors, rows, extra.get("scales"), dtype, progress)
    index = dict(zip(words, range(rows), strict=True))
    if len(index) < rows:
        seen: dict[str, int] = {}
        for row, word in enumerate(words):
            if seen.setdefault(word, row) != row:
                refuse_file(path, f"{word_name}[{row}]: {word_name}[{seen[word]}] is {word!r} already")
    return VectorTable(words, index, stored, extra.get("counts"))


_STORED = tuple(
    np.dtype(kind).newbyteorder(order) for kind in ("f8", "f4", "f2", "i1") for order in ("<", ">")
)


class _Array:
    """An array in an archive, its sizes checked."""

    def __init__(
        self, path: str | os.PathLike[str], archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str
    ) -> None:
        self._path, self._archive, self._info, self.name = path, archive, info, name
        try:
            with archive.open(info) as member:
                self.shape, self.fortran, self.dtype = _read_header(member)
                self._start = member.tell()
        except _DAMAGE as error:
            self.refuse(f"damaged: {error}")
        if self.dtype.hasobject:
            self.refuse("expected numbers or text, got Python objects, which are never unpickled")
        count = 1
        for n in self.shape:
            count *= n
        held = info.compress_size * (1 if info.compress_type == zipfile.ZIP_STORED else _RATIO)
        if info.file_size > held or info.compress_size > os.fstat(archive.fp.fileno()).st_size:  # type: ignore[union-attr]
            self.refuse(f"{info.file_size} bytes do not fit in the {info.compress_size} that are stored")
        if self._start + count * self.dtype.itemsize != info.file_size:
            self.refuse(f"expected {self.dtype} {self.shape}, which are not the {info.file_size} bytes there")

    def refuse(self, reason: object) -> Any:
        refuse_file(self._path, f"{self.name}: {reason}")

    def rows(self, limit: int) -> Iterator[NDArray[Any]]:
        """The first rows, in blocks; all of it at once where columns come first."""
        inner = self.shape[1:]
        width = self.dtype.itemsize
        for n in inner:
            width *= n
        try:
            with self._archive.open(self._info) as member:
                member.read(self._start)
                if self.fortran and inner:
                    whole = np.frombuffer(member.read(), self.dtype).reshape(self.shape[::-1])
                    yield whole.transpose()[:limit]
                    return
                step = max(1, _BLOCK // max(1, width))
                for start in range(0, limit, step):
                    count = min(step, limit - start)
                    content = member.read(count * width)
                    if len(content) != count * width:
                        raise EOFError(f"row {start}: the data ends")
                    yield np.frombuffer(content, self.dtype).reshape(count, *inner)
                if limit == self.shape[0]:
                    member.read(1)  # at its end the archive compares the CRC-32
        except _DAMAGE as error:
            self.refuse(f"damaged: {error}")


def _read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the array format")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(member)
    if not all(type(n) is int and 0 <= n < 1 << 48 for n in shape):
        raise ValueError(f"shape {shape}")
    return shape, fortran, dtype


def _words(array: _Array, total: int, limit: int) -> list[str]:
    if array.dtype.kind not in "US" or array.shape != (total,):
        array.refuse(f"expected {total} pieces of text, got {array.dtype} {array.shape}")
    if array.dtype.itemsize == 0:
        return [""] * limit
    words: list[str] = []
    for block in array.rows(limit):
        try:
            found = block.tolist()
            words += [word.decode() for word in found] if array.dtype.kind == "S" else found
            "".join(words[-len(found) :]).encode()
        except (UnicodeDecodeError, UnicodeEncodeError, ValueError) as error:
            array.refuse(f"damaged words: {error}")
    return words


def _collect(
    vectors: _Array,
    rows: int,
    scales: NDArray[np.float32] | None,
    dtype: DType | None,
    progress: Progress | None,
) -> StoredRows:
    stored: DType = cast(DType, vectors.dtype.name) if vectors.dtype.itemsize < 8 else "float32"
    if scales is not None and dtype in (None, "int8"):
        if not np.isfinite(scales).all():
            vectors.refuse("expected finite scales, found NaN or infinity")
        values = np.empty((rows, vectors.shape[1]), np.int8)
        done = 0
        for block in vectors.rows(rows):
            values[done : done + len(block)] = block
            done += len(block)
            if progress is not None:
                progress(done * vectors.shape[1], rows * vectors.shape[1])
        return StoredRows(values, scales)
    collector = RowCollector(vectors.shape[1], dtype or stored, rows)
    width = vectors.dtype.itemsize * vectors.shape[1]
    for block in vectors.rows(rows):
        done = len(collector)
        with np.errstate(over="ignore"):
            numbers = block.astype(np.float32)
        if scales is not None:
            numbers *= scales[done : done + len(block), None]
        if not np.isfinite(numbers).all():
            wrong = done + int(np.argmax(~np.isfinite(numbers).all(axis=1)))
            vectors.refuse(f"row {wrong}: expected finite float32 numbers, found others")
        try:
            collector.append(numbers)
        except ValueError as error:
            vectors.refuse(error)
        if progress is not None:
            progress(len(collector) * width, rows * width)
    return collector.rows()
