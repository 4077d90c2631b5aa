"""Training examples that look like the book's lists and lie in a few flat arrays."""

from __future__ import annotations

import gc
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray

from fastnlp.sampling import PaddedBatch, Windows, padded_batch

T = TypeVar("T")
Example = tuple[int, list[int], list[int]]
"""(center, contexts, negatives)"""


def split_list(flat: list[T], offsets: Iterable[int]) -> list[list[T]]:
    """The lists of which `flat` is the concatenation.

    The garbage collector rests meanwhile: it would look through the new lists again and again, and nothing
    can become garbage here.

    Args:
        flat: of all lists.
        offsets: where each list begins, and where the last one ends.

    Returns:
        One list for each pair of neighbouring offsets.

    Example:
        >>> split_list([1, 2, 3], [0, 2, 2, 3])
        [[1, 2], [], [3]]
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return [flat[begin:end] for begin, end in itertools.pairwise(offsets)]
    finally:
        if collecting:
            gc.enable()


class PTBDataset(torch.utils.data.Dataset[Example]):
    """Centers with their contexts and negatives; `dataset[i]` gives one center's as Python integers.

    Args:
        windows: centers and contexts.
        negatives: int32, flat, the same number for each context.

    Raises:
        ValueError: the negatives are not a multiple of the contexts.

    Example:
        >>> centers, contexts = np.array([[7, 8], [8, 7]], dtype=np.int32)
        >>> windows = Windows(centers, contexts, np.arange(3), np.arange(2))
        >>> dataset = PTBDataset(windows, np.array([1, 2, 3, 4], "int32"))
        >>> len(dataset), dataset[1]
        (2, (8, [7], [3, 4]))
    """

    def __init__(self, windows: Windows, negatives: NDArray[np.int32]) -> None:
        contexts = len(windows.contexts)
        self.k, rest = divmod(len(negatives), contexts) if contexts else (0, len(negatives))
        if rest:
            raise ValueError(
                f"negatives: expected a multiple of the {contexts} contexts, got {len(negatives)}"
            )
        self.windows = windows
        self.flat_negatives = negatives

    def __len__(self) -> int:
        """How many centers there are."""
        return len(self.windows.centers)

    def __getitem__(self, index: int) -> Example:
        """(center, contexts, negatives) of one center."""
        row = operator.index(index)
        if not -len(self) <= row < len(self):
            raise IndexError(f"index: expected one in [0, {len(self)}), got {index}")
        row %= len(self)
        begin, end = self.windows.context_offsets[row : row + 2].tolist()
        return (
            int(self.windows.centers[row]),
            self.windows.contexts[begin:end].tolist(),
            self.flat_negatives[begin * self.k : end * self.k].tolist(),
        )

    def __getitems__(self, indices: Sequence[int]) -> Selection:
        """The examples of one batch; torch's DataLoader asks for them in this way."""
        return Selection(self, indices)

    @property
    def centers(self) -> list[int]:
        """All centers, as the book's list."""
        centers: list[int] = self.windows.centers.tolist()
        return centers

    @property
    def contexts(self) -> list[list[int]]:
        """All contexts, as the book's list of lists."""
        return split_list(self.windows.contexts.tolist(), self.windows.context_offsets.tolist())

    @property
    def negatives(self) -> list[list[int]]:
        """All negatives, as the book's list of lists."""
        return split_list(self.flat_negatives.tolist(), (self.windows.context_offsets * self.k).tolist())


class Selection(Sequence[Example]):
    """Some examples of a data set: a sequence for whoever looks at them one by one, and a batch at once.

    Args:
        dataset: where the examples lie.
        indices: of the examples.

    Example:
        >>> centers, contexts = np.array([[7, 8], [8, 7]], dtype=np.int32)
        >>> windows = Windows(centers, contexts, np.arange(3), np.arange(2))
        >>> selection = Selection(PTBDataset(windows, np.array([1, 2], "int32")), [1])
        >>> list(selection)
        [(8, [7], [2])]
        >>> selection.padded().contexts_negatives
        array([[7, 2]])
    """

    def __init__(self, dataset: PTBDataset, indices: Sequence[int]) -> None:
        self._dataset = dataset
        self._indices = indices

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Selection: ...
    def __getitem__(self, index: int | slice) -> Example | Selection:
        """One example, or some of them."""
        if isinstance(index, slice):
            return Selection(self._dataset, self._indices[index])
        return self._dataset[self._indices[index]]

    def __iter__(self) -> Iterator[Example]:
        return (self._dataset[index] for index in self._indices)

    def padded(self) -> PaddedBatch:
        """The examples as int64 arrays, padded with 0."""
        windows = self._dataset.windows
        return padded_batch(
            windows.centers,
            windows.contexts,
            windows.context_offsets,
            self._dataset.flat_negatives,
            np.asarray(self._indices),
            mask_dtype=np.int64,
        )
