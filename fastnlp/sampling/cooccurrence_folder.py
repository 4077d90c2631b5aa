"""The folder of a co-occurrence matrix: three arrays that are mapped into memory, and a small description.

`cooccurrences.json` says what the others hold; `row_offsets.npy` is int64, `columns.npy` int32 and
`counts.npy` float64.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.text.array_file import HEADER_BYTES, map_array, write_header

__all__ = ["ABOUT", "FILES", "HEADER_BYTES", "describe", "open_folder"]

FILES = ("row_offsets.npy", "columns.npy", "counts.npy")
_TYPES: tuple[type[np.generic], ...] = (np.int64, np.int32, np.float64)
ABOUT = "cooccurrences.json"
_FORMAT = "fastnlp-cooccurrences"
_VERSION = 1


def describe(folder: Path, words: int, entries: int, symmetric: bool) -> None:
    """Completes a folder whose arrays the core has written.

    Args:
        folder: where they are.
        words: V.
        entries: how many are stored.
        symmetric: whether they are half of a symmetric matrix.
    """
    for name, dtype, length in zip(FILES, _TYPES, (words + 1, entries, entries), strict=True):
        write_header(folder / name, dtype, length)
    about = {
        "format": _FORMAT,
        "version": _VERSION,
        "words": words,
        "entries": entries,
        "symmetric": symmetric,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def open_folder(folder: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], bool]:
    """Maps the arrays of a folder.

    Args:
        folder: what `describe` completed.

    Returns:
        Row offsets, columns, counts, and whether the matrix is symmetric.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it is no matrix, or a file of it is missing, cut short or changed; the message names it.
    """
    if not folder.is_dir():
        problem = NotADirectoryError if folder.exists() else FileNotFoundError
        raise problem(f"path: expected the folder of a co-occurrence matrix, got {folder}")
    words, entries, symmetric = _description(folder / ABOUT)
    offsets, columns, counts = (
        map_array(folder / name, dtype, length, "co-occurrence matrix")
        for name, dtype, length in zip(FILES, _TYPES, (words + 1, entries, entries), strict=True)
    )
    if offsets[0] != 0 or offsets[-1] != entries:
        raise ValueError(
            f"{folder / FILES[0]}: damaged co-occurrence matrix: expected offsets from 0 to {entries}, "
            f"got {offsets[0]} to {offsets[-1]}"
        )
    return offsets, columns, counts, symmetric


def _description(path: Path) -> tuple[int, int, bool]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["format"] != _FORMAT:
            raise ValueError(f"its format is {about['format']!r}")
        if about["version"] != _VERSION:
            raise ValueError(f"expected version {_VERSION}, got {about['version']!r}")
        words, entries, symmetric = about["words"], about["entries"], about["symmetric"]
        if not all(type(n) is int and 0 <= n < 1 << 48 for n in (words, entries)):
            raise ValueError("a size is not a number")
        if not isinstance(symmetric, bool):
            raise ValueError("symmetric is neither true nor false")
    except OSError as error:
        raise ValueError(f"{path}: damaged co-occurrence matrix: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: damaged co-occurrence matrix: {error}") from None
    return words, entries, symmetric
