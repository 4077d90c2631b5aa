"""Negatives: noise words that a center is trained to tell from its contexts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.sampling.alias import AliasTable
from fastnlp.sampling.arrays import as_integers, as_threads, as_unsigned


def negatives(
    contexts: ArrayLike,
    context_offsets: ArrayLike,
    table: AliasTable,
    k: int,
    *,
    seed: int,
    epoch: int = 0,
    positions: ArrayLike | None = None,
    exclude_centers: ArrayLike | None = None,
    threads: int | None = None,
) -> NDArray[np.int32]:
    """Noise words, k for each context word, none of them among the contexts of the same center.

    Draws that fall on a context are repeated; after 64 refusals in a row the draw falls on the words that
    remain, in their exact proportions, so that every call ends.

    Args:
        contexts: int32 in [0, V), flat, from `windows`.
        context_offsets: (N + 1,) int64.
        table: the noise distribution over V words, from `noise_weights`.
        k: noise words for each context word, at least 1.
        seed: 64 bits.
        epoch: 32 bits; each epoch draws other words.
        positions: (N,) int64 of the centers, from `windows`; None for 0, 1, 2, ...
        exclude_centers: (N,) int32, the centers, to keep each from being its own noise; the book allows it.
        threads: None for one a core; the result is the same for any number.

    Returns:
        int32, flat: those of center i are [k * context_offsets[i], k * context_offsets[i + 1]).

    Raises:
        ValueError: the contexts of a center leave no word of positive weight (the center is named), or sizes,
            offsets or `k` do not fit.
        IndexError: a context lies outside the table.
        TypeError: an array does not hold integers.

    Example:
        >>> table = AliasTable([0.0, 1.0, 1.0, 2.0])
        >>> negatives([1, 2, 3], [0, 2, 3], table, 2, seed=1)
        array([3, 3, 3, 3, 2, 2], dtype=int32)
        >>> negatives([1, 2, 3], [0, 3], table, 2, seed=1)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: contexts of center 0: expected a word of positive weight that is not among them, got ...
    """
    offsets = as_integers("context_offsets", context_offsets, np.int64)
    if positions is None:
        positions = np.arange(max(0, len(offsets) - 1))
    if exclude_centers is not None:
        exclude_centers = as_integers("exclude_centers", exclude_centers, np.int32)
        if len(exclude_centers) != len(offsets) - 1:
            raise ValueError(
                f"exclude_centers: expected {len(offsets) - 1} (one per center), got {len(exclude_centers)}"
            )
    return _core.negatives(
        as_integers("contexts", contexts, np.int32),
        offsets,
        as_integers("positions", positions, np.int64),
        exclude_centers,
        table._core,
        k,
        as_unsigned("seed", seed, 64),
        as_unsigned("epoch", epoch, 32),
        as_threads(threads),
    )
