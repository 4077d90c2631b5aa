"""The pieces that sentences are trained in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["pieces_between"]


def pieces_between(offsets: NDArray[np.int64], size: int, begin: int, end: int) -> NDArray[np.int64]:
    """Bounds of the pieces that begin in corpus positions [begin, end): a piece lies between each two.

    A sentence of up to `size` tokens is one piece; a longer one is cut every `size` tokens. A unit trains the
    pieces that begin in it, so the last of them may reach beyond its end.

    Args:
        offsets: (S + 1,) int64, where sentences begin.
        size: tokens of the longest piece.
        begin: first position.
        end: behind the last.

    Returns:
        (pieces + 1,) int64, rising; empty where no piece begins there.

    Example:
        >>> pieces_between(np.array([0, 3, 3, 10, 12]), 4, 2, 11)
        array([ 3,  7, 10, 12])
    """
    # The sentences that reach into [begin, end).
    first = int(np.searchsorted(offsets, begin, side="right")) - 1
    last = int(np.searchsorted(offsets, end, side="left"))
    starts, stops = offsets[max(first, 0) : last], offsets[max(first, 0) + 1 : last + 1]
    starts = starts[: len(stops)]
    counts = -(-(stops - starts) // size)
    which = np.repeat(np.arange(len(starts)), counts)
    place = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = starts[which] + place * size
    ends = np.minimum(begins + size, stops[which])
    inside = (begins >= begin) & (begins < end)
    if not inside.any():
        return np.zeros(0, np.int64)
    return np.concatenate([begins[inside], ends[inside][-1:]])
