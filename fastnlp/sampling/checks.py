"""Settings of samplers that are out of range, refused by name."""

from __future__ import annotations

import operator


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuses what is none of the allowed values.

    Args:
        name: what to call the argument in an error.
        value: of it.
        allowed: what it may be.

    Raises:
        ValueError: it is something else.
    """
    if value not in allowed:
        raise ValueError(f"{name}: expected {' or '.join(map(repr, allowed))}, got {value!r}")


def at_least(name: str, value: int, least: int) -> int:
    """A value as an int.

    Args:
        name: what to call the argument in an error.
        value: an integer.
        least: the smallest allowed.

    Returns:
        The value.

    Raises:
        TypeError: it is no integer.
        ValueError: it is below `least`.

    Example:
        >>> at_least("pool", 0, 1)
        Traceback (most recent call last):
        ValueError: pool: expected at least 1, got 0
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}") from None
    if number < least:
        raise ValueError(f"{name}: expected at least {least}, got {number}")
    return number


def fraction(name: str, value: float) -> float:
    """A part of a whole as a float.

    Args:
        name: what to call the argument in an error.
        value: in [0, 1].

    Returns:
        The value.

    Raises:
        ValueError: it is out of range.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a part in [0, 1], got {value}")
    return float(value)


def three_parts(name: str, values: tuple[float, float, float]) -> tuple[float, float, float]:
    """Three parts of a whole as floats.

    Args:
        name: what to call the argument in an error.
        values: in [0, 1], with the sum 1 but for rounding.

    Returns:
        The values.

    Raises:
        ValueError: they are more or fewer, out of range, or no whole.
    """
    parts = tuple(float(value) for value in values)
    if len(parts) != 3 or not all(0 <= part <= 1 for part in parts) or abs(sum(parts) - 1) > 1e-9:
        raise ValueError(f"{name}: expected three parts that add up to 1, got {values}")
    return parts[0], parts[1], parts[2]
