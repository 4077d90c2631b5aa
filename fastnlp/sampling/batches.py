"""Padded batches: ragged contexts and negatives as dense arrays with masks and labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastnlp import _core
from fastnlp.sampling.arrays import as_integers, as_unsigned
from fastnlp.sampling.windows import Windows


class PaddedBatch(NamedTuple):
    """One batch of B centers, L columns wide."""

    centers: NDArray[Any]
    """(B, 1)"""
    contexts_negatives: NDArray[Any]
    """(B, L) contexts, then negatives, then 0."""
    masks: NDArray[Any]
    """(B, L) 1 (or True) where a word is real, 0 where it is padding."""
    labels: NDArray[Any]
    """(B, L) 1 (or True) where a word is a context, 0 elsewhere."""


def padded_batch(
    centers: ArrayLike,
    contexts: ArrayLike,
    context_offsets: ArrayLike,
    negatives: ArrayLike,
    rows: ArrayLike,
    *,
    negative_offsets: ArrayLike | None = None,
    dtype: DTypeLike = np.int64,
    mask_dtype: DTypeLike = np.bool_,
) -> PaddedBatch:
    """The rows of one batch, padded with id 0 to the longest contexts + negatives among them.

    Only the chosen rows are looked at, so the cost does not grow with the number of centers.

    Args:
        centers: (N,) int32.
        contexts: int32, flat.
        context_offsets: (N + 1,) int64.
        negatives: int32, flat; the same number for each context, unless `negative_offsets` says otherwise.
        rows: (B,) int64 in [0, N), in the order wanted.
        negative_offsets: (N + 1,) int64, or None.
        dtype: of centers, contexts and negatives: int32 or int64.
        mask_dtype: of masks and labels: bool, int32, int64 or float32.

    Returns:
        Centers (B, 1), contexts followed by negatives (B, L), masks (B, L) and labels (B, L).

    Raises:
        IndexError: a row lies outside the centers.
        ValueError: sizes or offsets do not fit, or a dtype is not one of those above.

    Example:
        >>> batch = padded_batch([1, 1], [2, 2, 2], [0, 1, 3], [3, 4, 5], [1, 0], mask_dtype="int64")
        >>> batch.contexts_negatives
        array([[2, 2, 4, 5],
               [2, 3, 0, 0]])
        >>> batch.labels
        array([[1, 1, 0, 0],
               [1, 0, 0, 0]])
    """
    if negative_offsets is not None:
        negative_offsets = as_integers("negative_offsets", negative_offsets, np.int64)
    return PaddedBatch(
        *_core.padded_batch(
            as_integers("centers", centers, np.int32),
            as_integers("contexts", contexts, np.int32),
            as_integers("context_offsets", context_offsets, np.int64),
            as_integers("negatives", negatives, np.int32),
            negative_offsets,
            as_integers("rows", rows, np.int64),
            np.dtype(dtype).name,
            np.dtype(mask_dtype).name,
        )
    )


def permutation(n: int, *, seed: int, epoch: int = 0) -> NDArray[np.int64]:
    """A uniformly random order of 0..n-1, the same for the same seed and epoch (Fisher and Yates).

    Args:
        n: at least 0.
        seed: 64 bits.
        epoch: 32 bits; each epoch has an order of its own.

    Returns:
        (n,) int64.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> permutation(5, seed=1)
        array([2, 4, 0, 1, 3])
    """
    return _core.permutation(n, as_unsigned("seed", seed, 64), as_unsigned("epoch", epoch, 32))


class PaddedBatches:
    """Batches of fixed examples, in another random order each epoch.

    Iterating runs to the end of the current epoch, and the next iteration is the next epoch. `state` says
    where the iterator stands and may be set: setting what an earlier run had goes on with its next batch.

    Args:
        windows: centers and contexts, from `windows`.
        negatives: from `negatives`; None trains on contexts alone.
        batch_size: rows a batch, at least 1; the last batch of an epoch may have fewer.
        seed: 64 bits.
        shuffle: whether to permute the rows; else they come in the order of the corpus.
        dtype: of centers, contexts and negatives: int32 or int64.
        mask_dtype: of masks and labels: bool, int32, int64 or float32.

    Raises:
        ValueError: the batch size is below 1.

    Example:
        >>> w = Windows(np.array([7, 8, 9], "int32"), np.array([8, 7, 9, 8], "int32"),
        ...             np.array([0, 1, 3, 4]), np.arange(3))
        >>> batches = PaddedBatches(w, None, batch_size=2, seed=1, shuffle=False)
        >>> len(batches)
        2
        >>> for batch in batches:
        ...     print(batch.contexts_negatives.tolist())
        [[8, 0], [7, 9]]
        [[8]]
        >>> batches.state
        (1, 0)
    """

    def __init__(
        self,
        windows: Windows,
        negatives: ArrayLike | None,
        batch_size: int,
        *,
        seed: int,
        shuffle: bool = True,
        dtype: DTypeLike = np.int64,
        mask_dtype: DTypeLike = np.bool_,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
        self.windows = windows
        self.negatives = as_integers("negatives", () if negatives is None else negatives, np.int32)
        self.batch_size = batch_size
        self.seed = as_unsigned("seed", seed, 64)
        self.shuffle = shuffle
        self.dtype = np.dtype(dtype)
        self.mask_dtype = np.dtype(mask_dtype)
        self._state = (0, 0)

    def __len__(self) -> int:
        """Batches an epoch."""
        return -(-len(self.windows.centers) // self.batch_size)

    @property
    def state(self) -> tuple[int, int]:
        """(epoch, index of the next batch)."""
        return self._state

    @state.setter
    def state(self, state: tuple[int, int]) -> None:
        epoch, batch = state
        as_unsigned("epoch", epoch, 32)
        if not 0 <= batch <= len(self):
            raise ValueError(f"batch: expected 0 to {len(self)}, got {batch}")
        self._state = (epoch, batch)

    def __iter__(self) -> Iterator[PaddedBatch]:
        epoch, first = self._state
        n = len(self.windows.centers)
        order = permutation(n, seed=self.seed, epoch=epoch) if self.shuffle else np.arange(n)
        for index in range(first, len(self)):
            rows = order[index * self.batch_size : (index + 1) * self.batch_size]
            self._state = (epoch, index + 1)
            yield padded_batch(
                self.windows.centers,
                self.windows.contexts,
                self.windows.context_offsets,
                self.negatives,
                rows,
                dtype=self.dtype,
                mask_dtype=self.mask_dtype,
            )
        self._state = (epoch + 1, 0)
