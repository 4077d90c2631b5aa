"""The named arrays that a model learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core

__all__ = ["ParameterTables", "padded_rows", "uniform_rows"]

_LINE = 16  # floats: rows start on 64-byte lines


class ParameterTables(ABC):
    """The parameters of a model, changed in place by an engine and saved under their names."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The parameters by name, as views without padding."""

    def loaded(self) -> None:  # noqa: B027 - most tables have nothing to do
        """Called when the arrays have been read from a file, for what is derived from them."""

    def largest(self) -> float:
        """The largest absolute value of a parameter; NaN where one is NaN."""
        ends = [(array.max(initial=0), array.min(initial=0)) for array in self.arrays().values()]
        return float(np.max(np.abs(ends)))


def padded_rows(rows: int, dim: int) -> NDArray[np.float32]:
    """An uninitialised table whose rows are padded to a multiple of 16 floats and start on 64-byte lines.

    Args:
        rows: how many.
        dim: D, numbers in a row.

    Returns:
        (rows, pitch) float32.

    Example:
        >>> padded_rows(3, 20).shape
        (3, 32)
    """
    pitch = -(-dim // _LINE) * _LINE
    buffer = np.empty(rows * pitch * 4 + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + rows * pitch * 4].view(np.float32).reshape(rows, pitch)


def uniform_rows(rows: int, dim: int, seed: int, threads: int = 1) -> NDArray[np.float32]:
    """A padded table uniform in [-1/2D, 1/2D), as word2vec.c begins; the padding is zero.

    Args:
        rows: how many.
        dim: D.
        seed: of the numbers; a row depends on it and on its place alone.
        threads: to fill with; the numbers do not depend on it.

    Returns:
        (rows, pitch) float32.

    Example:
        >>> table = uniform_rows(3, 20, seed=1)
        >>> bool(abs(table).max() <= 0.5 / 20), bool(table[:, 20:].any())
        (True, False)
    """
    table = padded_rows(rows, dim)
    _core.fill_uniform(table, dim, 0.5 / dim, seed, threads)
    return table
