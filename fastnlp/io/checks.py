"""Arguments of wrong types, refused by their names before they get anywhere."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["checked_call", "checked_path", "checked_source", "float_array", "several", "whole_number"]

_Item = TypeVar("_Item")


def whole_number(name: str, value: Any, least: int | None = None) -> int:
    """A whole number, Python's or NumPy's.

    Args:
        name: of the argument.
        value: what was given for it.
        least: the smallest number allowed, if there is one.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is less than allowed.

    Example:
        >>> whole_number("topn", np.int64(3), least=1)
        3
        >>> whole_number("topn", "3")
        Traceback (most recent call last):
        TypeError: topn: expected a whole number, got str '3'
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number, got {_shown(value)}") from None
    if least is not None and number < least:
        raise ValueError(f"{name}: expected at least {least}, got {number}")
    return number


def float_array(name: str, values: Any) -> NDArray[np.float32]:
    """Numbers as float32, copied only where they are not.

    Args:
        name: of the argument.
        values: an array of numbers, or what becomes one.

    Raises:
        TypeError: it is no numbers, or rows of different lengths.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise TypeError(f"{name}: expected an array of numbers, got {_shown(values)}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected numbers, got {array.dtype} {_shown(values)}")
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)


def several(name: str, items: Iterable[_Item]) -> list[_Item]:
    """Items as a list; a str, which is one word and not its letters, is refused.

    Args:
        name: of the argument.
        items: words, rows or vectors.

    Raises:
        TypeError: it is a str, or nothing that has items.
    """
    if isinstance(items, str | bytes):
        raise TypeError(f"{name}: expected several, got the one {items!r}; put it into a list")
    try:
        return list(items)
    except TypeError:
        raise TypeError(f"{name}: expected several, got {_shown(items)}; put it into a list") from None


def checked_path(name: str, path: Any) -> str:
    """A file's name.

    Args:
        name: of the argument.
        path: a str or `os.PathLike` of one.

    Raises:
        TypeError: it is another type.
        ValueError: it is empty.
    """
    spelled = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(spelled, str):
        raise TypeError(f"{name}: expected the name of a file, got {_shown(path)}")
    if not spelled:
        raise ValueError(f"{name}: expected the name of a file, got an empty one")
    return spelled


def checked_source(name: str, path: Any) -> str:
    """The name of a file to be read; a pipe, which would be waited for and is read only once, is refused.

    Args:
        name: of the argument.
        path: as in `checked_path`.

    Raises:
        TypeError, ValueError: as `checked_path`; it is a pipe.
    """
    spelled = checked_path(name, path)
    if Path(spelled).is_fifo():
        raise ValueError(f"{name}: expected a file, which is read at several places, got the pipe {spelled}")
    return spelled


def checked_call(name: str, function: Any) -> None:
    """Refuses what cannot be called; None may be left out.

    Args:
        name: of the argument.
        function: what was given for it.

    Raises:
        TypeError: it cannot be called.
    """
    if function is not None and not callable(function):
        raise TypeError(f"{name}: expected a function, got {_shown(function)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
