"""Windows: which words count as the company of a center."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.sampling.arrays import as_integers, as_threads, as_unsigned


class Windows(NamedTuple):
    """Centers and the words around them, flat: those of center i are [offsets[i], offsets[i + 1])."""

    centers: NDArray[np.int32]
    """(N,)"""
    contexts: NDArray[np.int32]
    """In sentence order, each center left out."""
    context_offsets: NDArray[np.int64]
    """(N + 1,)"""
    positions: NDArray[np.int64]
    """(N,) of each center in the corpus before subsampling; its negatives are keyed by it."""


def windows(
    ids: ArrayLike,
    sentence_offsets: ArrayLike,
    window: int,
    *,
    shrink: bool = True,
    keep_lone: bool = False,
    seed: int,
    epoch: int = 0,
    positions: ArrayLike | None = None,
    threads: int | None = None,
) -> Windows:
    """Every center of a corpus with the words at most b places away in the same sentence.

    Args:
        ids: (T,) int32.
        sentence_offsets: (sentences + 1,) int64, from 0 to T.
        window: the widest b, at least 1.
        shrink: each center draws its own b, uniform in 1..window, as in word2vec.c and the book;
            else b = window.
        keep_lone: a sentence of one word gives a center without contexts; by default it gives none.
        seed: 64 bits.
        epoch: 32 bits; each epoch draws other widths.
        positions: (T,) int64 >= 0 from `subsample`; None for 0, 1, 2, ...
        threads: None for one a core; the result is the same for any number.

    Returns:
        Centers, contexts, their offsets, and the centers' positions.

    Raises:
        IndexError: an id is negative.
        ValueError: the window is below 1, or offsets or positions do not fit the ids.
        TypeError: ids, offsets or positions are not integers.

    Example:
        >>> w = windows([7, 8, 9, 5], [0, 3, 4], 1, seed=1)
        >>> for i, center in enumerate(w.centers):
        ...     print(center, w.contexts[w.context_offsets[i] : w.context_offsets[i + 1]])
        7 [8]
        8 [7 9]
        9 [8]
    """
    ids = as_integers("ids", ids, np.int32)
    if positions is not None:
        positions = as_integers("positions", positions, np.int64)
        if len(positions) != len(ids):
            raise ValueError(f"positions: expected {len(ids)} (one per id), got {len(positions)}")
    return Windows(
        *_core.windows(
            ids,
            as_integers("sentence_offsets", sentence_offsets, np.int64),
            positions,
            window,
            shrink,
            keep_lone,
            as_unsigned("seed", seed, 64),
            as_unsigned("epoch", epoch, 32),
            as_threads(threads),
        )
    )
