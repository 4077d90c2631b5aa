"""Word vectors as safetensors: a length, a JSON header, and arrays one after another.

The format is simple enough to be read and written here, without its package: 8 bytes with the length of the
header, JSON with the dtype, shape and place of each array, and their bytes. The vectors are the array
`vectors`, (V, D); the words `words`, UTF-8 one after another, and `word_offsets`, V + 1 int64; `scales`, V
float32, are those of int8 rows; `counts` are V int64. Arrays are aligned, so that a file can be mapped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.arrays_file import LENGTH, LONGEST_HEADER, NAMES, map_arrays
from fastnlp.io.atomic import atomic_write
from fastnlp.io.stored_rows import StoredRows
from fastnlp.io.vector_table import Progress, VectorTable, pack_words, refuse_file, unpack_words

__all__ = ["looks_like_safetensors", "read_safetensors", "write_safetensors"]

_BLOCK = 4 << 20


def looks_like_safetensors(path: str | os.PathLike[str]) -> bool:
    """Whether a file starts with the length of a JSON header, and one.

    Raises:
        OSError: the file cannot be opened.
    """
    with Path(path).open("rb") as file:
        start = file.read(LENGTH.size + 2)
    if len(start) < LENGTH.size + 2 or start[LENGTH.size : LENGTH.size + 1] != b"{":
        return False
    (length,) = LENGTH.unpack_from(start)
    return bool(2 <= length <= LONGEST_HEADER)


def write_safetensors(
    path: str | os.PathLike[str],
    words: Sequence[str],
    rows: StoredRows,
    counts: NDArray[np.int64] | None = None,
    *,
    progress: Progress | None = None,
) -> None:
    """Writes words and vectors as safetensors, whole or not at all.

    Args:
        path: the file to create or replace.
        words: V words.
        rows: their vectors, in the storage they are to have.
        counts: (V,) int64, if known.
        progress: called with the rows written and those there are.

    Raises:
        ValueError: a word has no UTF-8, or a number is not finite.
        OSError: writing failed; the old file is untouched.
    """
    if len(words) != len(rows) or not len(words):
        raise ValueError(f"words: expected {len(rows)}, one a row and at least one, got {len(words)}")
    data, offsets = pack_words(words)
    kinds = {np.dtype(kind): name for name, kind in NAMES.items()}
    arrays: dict[str, NDArray[Any]] = {"word_offsets": offsets}
    if counts is not None:
        arrays["counts"] = np.asarray(counts, np.int64)
    if rows.scales is not None:
        arrays["scales"] = rows.scales
    arrays["vectors"] = rows.values
    arrays["words"] = np.frombuffer(data, np.uint8)
    # The widest first, so that each array is aligned to its numbers.
    arrays = dict(sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])))
    header: dict[str, Any] = {"__metadata__": {"format": "fastnlp-vectors"}}
    end = 0
    for name, array in arrays.items():
        start, end = end, end + array.size * array.itemsize
        header[name] = {
            "dtype": kinds[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    with atomic_write(path) as file:
        file.write(LENGTH.pack(len(text)) + text)
        for name, array in arrays.items():
            step = max(1, _BLOCK // (array.itemsize * (array.shape[1] if array.ndim > 1 else 1)))
            for start in range(0, len(array), step):
                block = array[start : start + step]
                if block.dtype.kind == "f" and not np.isfinite(block).all():
                    raise ValueError(
                        f"{name}: expected finite numbers, got NaN or infinity in rows from {start}"
                    )
                file.write(np.ascontiguousarray(block, block.dtype.newbyteorder("<")))
                if progress is not None and name == "vectors":
                    progress(min(start + step, len(array)), len(array))


def read_safetensors(
    path: str | os.PathLike[str], *, mapped: bool = True, progress: Progress | None = None
) -> VectorTable:
    """Words and vectors from a safetensors file, the vectors mapped where they can be.

    Args:
        path: the file; as `write_safetensors` writes it, float64 vectors too.
        mapped: map the vectors: the file has to stay as it is while they are in use, and they are not checked
            to be finite. Else they are read.
        progress: called with the bytes read and those there are.

    Returns:
        The table.

    Raises:
        ValueError: the file is damaged or holds no words and vectors; the message names file and place.
        OSError: the file cannot be opened.
    """
    arrays = map_arrays(path)
    missing = [name for name in ("vectors", "words", "word_offsets") if name not in arrays]
    if missing:
        refuse_file(path, f"expected the arrays vectors, words and word_offsets, found {sorted(arrays)}")
    vectors, offsets = arrays["vectors"], arrays["word_offsets"]
    scales, counts = arrays.get("scales"), arrays.get("counts")
    if (
        vectors.ndim != 2
        or not vectors.size
        or vectors.dtype.name not in ("float64", "float32", "float16", "int8")
    ):
        refuse_file(
            path, f"vectors: expected (V, D) F32, F16 or I8, got {vectors.dtype.name} {vectors.shape}"
        )
    rows = len(vectors)
    for name, array, kind, shape in (
        ("words", arrays["words"], np.uint8, arrays["words"].shape[:1]),
        ("word_offsets", offsets, np.int64, (rows + 1,)),
        ("scales", scales, np.float32, (rows,)),
        ("counts", counts, np.int64, (rows,)),
    ):
        if array is not None and (array.dtype != kind or array.shape != shape):
            refuse_file(
                path, f"{name}: expected {np.dtype(kind).name} {shape}, got {array.dtype.name} {array.shape}"
            )
    if (scales is None) == (vectors.dtype == np.int8):
        refuse_file(path, f"scales: expected them with I8 vectors alone, got {vectors.dtype.name}")
    # What is mapped and left where it is counts as read at the end.
    size = sum(array.nbytes for array in arrays.values())
    told = None if progress is None else lambda done: progress(done, size)
    words = unpack_words(path, arrays["words"].tobytes(), np.array(offsets), told)
    index = dict(zip(words, range(rows), strict=True))
    if len(index) < rows:
        seen: dict[str, int] = {}
        for row, word in enumerate(words):
            if seen.setdefault(word, row) != row:
                refuse_file(path, f"word {row}: word {seen[word]} is {word!r} already")
    if vectors.dtype == np.float64 or not mapped:
        vectors = _read_rows(path, vectors, not mapped, told)
    if progress is not None:
        progress(size, size)
    stored = StoredRows(vectors, None if scales is None else np.array(scales))
    return VectorTable(words, index, stored, None if counts is None else np.array(counts))


def _read_rows(
    path: str | os.PathLike[str],
    stored: NDArray[Any],
    checked: bool,
    progress: Callable[[int], Any] | None,
) -> NDArray[Any]:
    """A copy in memory of rows that are mapped, float64 as float32."""
    rows = np.empty(stored.shape, np.float32 if stored.dtype == np.float64 else stored.dtype)
    step = max(1, _BLOCK // (stored.itemsize * stored.shape[1]))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        with np.errstate(over="ignore"):
            block[...] = stored[start : start + step]
        if checked and block.dtype != np.int8 and not np.isfinite(block).all():
            wrong = start + int(np.argmax(~np.isfinite(block).all(axis=1)))
            refuse_file(path, f"vectors: row {wrong}: expected finite numbers, found NaN or infinity")
        if progress is not None:
            progress((start + len(block)) * stored.itemsize * stored.shape[1])
    return rows
