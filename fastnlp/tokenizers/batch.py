"""Batch: the ids of several texts in one array."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Batch:
    """The ids of N texts, one after another.

    Behaves as a sequence of N arrays, which are views.

    Attributes:
        ids: (T,) int32.
        offsets: (N + 1,) int64; text i is `ids[offsets[i]:offsets[i + 1]]`.

    Example:
        >>> batch = Batch(np.array([5, 6, 7], np.int32), np.array([0, 2, 3]))
        >>> len(batch), batch[0].tolist(), batch.tolist()
        (2, [5, 6], [[5, 6], [7]])
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> NDArray[np.int32]:
        number = operator.index(i)
        place = number + len(self) if number < 0 else number
        if not 0 <= place < len(self):
            raise IndexError(f"i: expected a text in [0, {len(self)}), got {number}")
        return self.ids[self.offsets[place] : self.offsets[place + 1]]

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        for i in range(len(self)):
            yield self[i]

    def tolist(self) -> list[list[int]]:
        """The ids as lists of Python's own numbers.

        Returns:
            N lists.
        """
        ids, bounds = self.ids.tolist(), self.offsets.tolist()
        return [ids[bounds[i] : bounds[i + 1]] for i in range(len(self))]
