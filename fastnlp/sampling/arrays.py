"""From what users hold to the exact arrays that the core takes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_integers(name: str, values: ArrayLike, dtype: type[np.int32] | type[np.int64]) -> NDArray[Any]:
    """One-dimensional integers as a C-contiguous array of `dtype`, without a copy where they are one already.

    Args:
        name: what to call the argument in an error.
        values: (N,) integers.
        dtype: np.int32 or np.int64.

    Returns:
        (N,) array of `dtype`.

    Raises:
        TypeError: the values are not integers.
        ValueError: there is more than one dimension.
        IndexError: a value does not fit `dtype`.

    Example:
        >>> as_integers("ids", [3, 1], np.int32)
        array([3, 1], dtype=int32)
        >>> as_integers("ids", [3, 2**31], np.int32)
        Traceback (most recent call last):
        IndexError: ids[1]: expected an int32, got 2147483648
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one dimension, got the shape {array.shape}")
    if array.size == 0:
        return np.empty(0, dtype)
    if array.dtype.kind not in "iu" and not all(isinstance(value, int) for value in array):
        raise TypeError(f"{name}: expected integers, got {array.dtype}")
    if not np.can_cast(array.dtype, dtype):
        limits = np.iinfo(dtype)
        wrong = np.flatnonzero((array < limits.min) | (array > limits.max))
        if wrong.size:
            raise IndexError(f"{name}[{wrong[0]}]: expected an {np.dtype(dtype)}, got {array[wrong[0]]}")
    return np.require(array, dtype, ["C", "A"])


def as_doubles(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """One-dimensional numbers as a C-contiguous float64 array.

    Args:
        name: what to call the argument in an error.
        values: (N,) numbers.

    Returns:
        (N,) float64.

    Raises:
        TypeError: the values are not real numbers.
        ValueError: there is more than one dimension.

    Example:
        >>> as_doubles("weights", [1, 2])
        array([1., 2.])
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one dimension, got the shape {array.shape}")
    if array.dtype.kind not in "iufb":
        raise TypeError(f"{name}: expected numbers, got {array.dtype}")
    return np.require(array, np.float64, ["C", "A"])


def as_unsigned(name: str, value: int, bits: int) -> int:
    """An integer in [0, 2^bits), for seeds and epochs.

    Args:
        name: what to call the argument in an error.
        value: the integer; NumPy's integers count.
        bits: 32 or 64.

    Returns:
        The same number as an int.

    Raises:
        TypeError: not an integer.
        ValueError: out of range.

    Example:
        >>> as_unsigned("epoch", -1, 32)
        Traceback (most recent call last):
        ValueError: epoch: expected an integer in [0, 2^32), got -1
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}") from None
    if not 0 <= number < 1 << bits:
        raise ValueError(f"{name}: expected an integer in [0, 2^{bits}), got {number}")
    return number


def as_threads(threads: int | None) -> int:
    """The number of threads as the core takes it: 0 asks for one a core.

    Args:
        threads: at least 1, or None for one a core.

    Returns:
        The same number, or 0 for None.

    Raises:
        ValueError: fewer than 1 or more than 1,024.

    Example:
        >>> as_threads(None)
        0
    """
    if threads is None:
        return 0
    if not 1 <= operator.index(threads) <= 1024:
        raise ValueError(f"threads: expected 1 to 1024 or None, got {threads}")
    return operator.index(threads)
