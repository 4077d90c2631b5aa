"""Rows of numbers as they are stored: float32, float16, or int8 with a scale a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core

__all__ = ["DType", "RowCollector", "StoredRows", "checked_dtype"]

DType: TypeAlias = Literal["float32", "float16", "int8"]

_BLOCK = 1 << 20  # numbers that are converted at a time


def checked_dtype(dtype: str | None) -> DType | None:
    """The name of a storage, or None.

    Raises:
        ValueError: there is no such storage.
        TypeError: it is no name.
    """
    if dtype is not None and not isinstance(dtype, str):
        raise TypeError(f"dtype: expected one of {get_args(DType)}, got {type(dtype).__name__} {dtype!r}")
    if dtype is not None and dtype not in get_args(DType):
        raise ValueError(f"dtype: expected one of {get_args(DType)}, got {dtype!r}")
    return cast("DType | None", dtype)


@dataclass(frozen=True)
class StoredRows:
    """A table whose rows are handed out as float32, whatever they are stored in.

    float16 has 11 significant bits and reaches to 65,504. int8 stores the whole numbers nearest to x / s with
    s = max |x| / 127 in each row, so no number is off by more than s / 2.

    Attributes:
        values: (V, D) float32, float16 or int8; float32 rows may lie apart.
        scales: (V,) float32, the scale of each row of int8; None for the others.

    Example:
        >>> rows = StoredRows(np.array([[1, -0.5], [0, 3]], np.float32)).astype("int8")
        >>> rows.values.tolist(), rows.block(0, 2).round(2).tolist()
        ([[127, -64], [0, 127]], [[1.0, -0.5], [0.0, 3.0]])
    """

    values: NDArray[Any]
    scales: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.dtype not in get_args(DType) or (self.dtype == "int8") != (self.scales is not None):
            raise TypeError(f"values: expected float32, float16, or int8 with scales, got {self.dtype}")

    @property
    def dtype(self) -> DType:
        """What the numbers are stored in."""
        return cast(DType, self.values.dtype.name)

    @property
    def dim(self) -> int:
        """D."""
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return len(self.values)

    @property
    def numbers(self) -> NDArray[Any]:
        """The values as the core takes them: float32, int8, or the bits of float16 as uint16."""
        return self.values.view(np.uint16) if self.dtype == "float16" else self.values

    def first(self, rows: int) -> StoredRows:
        """The first rows, as a view."""
        return self.between(0, rows)

    def between(self, start: int, stop: int) -> StoredRows:
        """Rows [start, stop), as a view."""
        return StoredRows(self.values[start:stop], None if self.scales is None else self.scales[start:stop])

    def take(self, rows: NDArray[np.integer[Any]]) -> StoredRows:
        """Some rows, copied.

        Args:
            rows: (N,) integers in [0, V).
        """
        return StoredRows(self.values[rows], None if self.scales is None else self.scales[rows])

    def floats(self, threads: int = 1) -> NDArray[np.float32]:
        """(V, D) float32: the rows themselves, or what they stand for."""
        if self.dtype == "float32":
            return self.values
        values = np.ascontiguousarray(self.values)
        out = np.empty(values.shape, np.float32)
        if self.scales is None:
            _core.decode_half(values.view(np.uint16), out, threads)
        else:
            _core.decode_int8(values, np.ascontiguousarray(self.scales), out, threads)
        return out

    def block(self, start: int, stop: int, threads: int = 1) -> NDArray[np.float32]:
        """Rows [start, stop) as (N, D) float32; a view where they are stored so."""
        return self.between(start, stop).floats(threads)

    def astype(self, dtype: DType, progress: Callable[[int, int], Any] | None = None) -> StoredRows:
        """The same rows in another storage; themselves where it is the same.

        Args:
            dtype: "float32", "float16" or "int8".
            progress: called with the rows done and those there are.

        Returns:
            The rows.

        Raises:
            ValueError: a number is not finite, or too large for float16.
        """
        if dtype == self.dtype:
            return self
        out = RowCollector(self.dim, dtype, len(self))
        for start in range(0, len(self), step := max(1, _BLOCK // self.dim)):
            out.append(self.block(start, start + step))
            if progress is not None:
                progress(len(out), len(self))
        return out.rows()


class RowCollector:
    """Puts together a table of rows that come in blocks, in the storage it is to have.

    Args:
        dim: D.
        dtype: of the storage.
        expected: how many rows there will be, where that is certain; memory for them is taken at once.

    Example:
        >>> collector = RowCollector(2, "float16")
        >>> for block in ([[1.0, 2.0]], [[3.0, 4.0]]):
        ...     collector.append(np.array(block, np.float32))
        >>> collector.rows().values.tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(self, dim: int, dtype: DType = "float32", expected: int = 0) -> None:
        self._values: NDArray[Any] = np.empty((expected, dim), dtype)
        self._scales: NDArray[np.float32] | None = np.empty(expected, np.float32) if dtype == "int8" else None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, block: NDArray[np.float32]) -> None:
        """Adds rows.

        Args:
            block: (N, D) float32, copied.

        Raises:
            ValueError: a number is not finite (int8), or too large for float16.
        """
        end = self._length + len(block)
        if end > len(self._values):
            self._resize(max(end, 2 * len(self._values)))
        into = self._values[self._length : end]
        if self._scales is not None:
            into[...], self._scales[self._length : end] = _core.encode_int8(
                np.ascontiguousarray(block), self._length
            )
        else:
            with np.errstate(over="ignore"):
                into[...] = block
            if into.dtype == np.float16 and not np.isfinite(into).all():
                at = int(np.argmax(~np.isfinite(into).all(axis=1)))
                largest = float(np.abs(block[at]).max())
                raise ValueError(
                    f"dtype: row {self._length + at} reaches {largest:g}, float16 only 65504; take int8"
                )
        self._length = end

    def _resize(self, rows: int) -> None:
        # In place, so that a large table is moved by its pages rather than copied; nobody else has it yet.
        self._values.resize((rows, self._values.shape[1]), refcheck=False)
        if self._scales is not None:
            self._scales.resize(rows, refcheck=False)

    def rows(self) -> StoredRows:
        """What has been collected; the collector is spent."""
        self._resize(self._length)
        return StoredRows(self._values, self._scales)
