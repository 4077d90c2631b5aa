"""Arguments that all tokenizers share: numbers, threads, ids, and text that is none."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MOST_THREADS = 16


def checked_integer(name: str, value: int) -> int:
    """A number that the core can take.

    Args:
        name: of the argument.
        value: an int, or a NumPy integer.

    Returns:
        It, as an int.

    Raises:
        TypeError: it is no integer.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}") from None


def checked_threads(threads: int | None) -> int:
    """How many threads to use.

    Args:
        threads: a number, or None for one per processor, up to 16.

    Returns:
        The number.

    Raises:
        ValueError: it is not in 1 to 1024.
        TypeError: it is no integer.
    """
    if threads is None:
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(usable, _MOST_THREADS)
    threads = checked_integer("threads", threads)
    if not 1 <= threads <= 1024:
        raise ValueError(f"threads: expected 1 to 1024 or None, got {threads}")
    return threads


def checked_ids(ids: ArrayLike) -> NDArray[np.int32]:
    """Ids as the core takes them.

    Args:
        ids: (N,) integers.

    Returns:
        (N,) int32; the same array where it is one.

    Raises:
        TypeError: they are no integers.
        ValueError: there is more than one dimension.
        IndexError: one does not fit 32 bits; the message says which.
    """
    array = np.asarray(ids)
    if array.ndim != 1:
        raise ValueError(f"ids: expected one dimension, got shape {array.shape}")
    beyond = array.dtype == object and all(isinstance(number, int) for number in array)  # 64 bits
    if array.size and not beyond and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"ids: expected integers, got {array.dtype}")
    if array.dtype != np.int32 and array.size:
        wrong = (array < 0) | (array > np.iinfo(np.int32).max)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise IndexError(f"ids[{at}]: expected an id of the vocabulary, got {array[at]}")
    return np.require(array, np.int32, ["C", "A"])


def several_texts(texts: Iterable[str | bytes]) -> list[str | bytes]:
    """The texts of a batch.

    Args:
        texts: several; one alone would be taken for as many as it has characters.

    Returns:
        The same object where it is a list.

    Raises:
        TypeError: it is one text.
    """
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"texts: expected several, got one {type(texts).__name__}; use `encode`")
    return texts if isinstance(texts, list) else list(texts)


def surrogates_refused(error: UnicodeEncodeError) -> ValueError:
    """What to say of a str that no UTF-8 can hold.

    Args:
        error: what encoding it has raised.

    Returns:
        The error to raise instead.
    """
    shown = error.object[max(0, error.start - 20) : error.end + 20]
    return ValueError(
        f"text: expected Unicode text, got half a surrogate pair at character {error.start}: {shown!r}"
    )
