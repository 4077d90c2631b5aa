"""One batch for a masked language model, padded or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BertBatch:
    """B rows of at most S tokens, of which M at most are to be predicted.

    Attributes:
        tokens: (B, S) int32 ids, some of them hidden, padded behind.
        segments: (B, S) int32; 0 up to the first separator of a pair, 1 behind it, 0 for padding.
        lengths: (B,) int32, the real tokens of each row.
        positions: (B, M) int32, the places of the tokens to be predicted, rising, then 0.
        weights: (B, M) float32, 1 for a prediction, 0 where there is none.
        labels: (B, M) int32 ids, what stood at the positions, then 0.
        is_next: (B,) int32, 1 where the second segment follows the first, else 0; None where rows are no
            pairs.

    Example:
        >>> row = np.array([[2, 7, 1, 3]], np.int32)
        >>> one = np.ones((1, 1), np.int32)
        >>> batch = BertBatch(row, 0 * row, np.array([4], np.int32), 2 * one, one.astype("f"), 9 * one, None)
        >>> len(batch), batch.width, batch.n_tokens
        (1, 4, 4)
    """

    tokens: NDArray[np.int32]
    segments: NDArray[np.int32]
    lengths: NDArray[np.int32]
    positions: NDArray[np.int32]
    weights: NDArray[np.float32]
    labels: NDArray[np.int32]
    is_next: NDArray[np.int32] | None

    def __len__(self) -> int:
        """B, how many rows there are."""
        return len(self.tokens)

    @property
    def width(self) -> int:
        """S, the tokens of a row with its padding."""
        return int(self.tokens.shape[1])

    @property
    def n_tokens(self) -> int:
        """Tokens without the padding."""
        return int(self.lengths.sum())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, `is_next` only where there is one."""
        return _named(self)


@dataclass(frozen=True, eq=False)
class UnpaddedBertBatch:
    """B sequences, T tokens in all, one after another without padding, of which P are to be predicted.

    Sequences lie by their length, the shortest first, so that those of one length are neighbours. `offsets`
    is what attention kernels for sequences of different lengths call `cu_seqlens`.

    Attributes:
        tokens: (T,) int32 ids, some of them hidden.
        segments: (T,) int32; 0 up to the first separator of a pair, 1 behind it.
        offsets: (B + 1,) int64, where each sequence begins in `tokens`, and T.
        positions: (P,) int64, the places in `tokens` of what is to be predicted, rising.
        labels: (P,) int32 ids, what stood there.
        is_next: (B,) int32, 1 where the second segment follows the first, else 0; None where sequences are no
            pairs.

    Example:
        >>> ids = np.array([2, 7, 3, 2, 8, 1, 3], np.int32)
        >>> hidden, offsets = np.array([5]), np.array([0, 3, 7])
        >>> batch = UnpaddedBertBatch(ids, 0 * ids, offsets, hidden, np.array([9], np.int32), None)
        >>> len(batch), batch.n_tokens, batch.lengths.tolist()
        (2, 7, [3, 4])
    """

    tokens: NDArray[np.int32]
    segments: NDArray[np.int32]
    offsets: NDArray[np.int64]
    positions: NDArray[np.int64]
    labels: NDArray[np.int32]
    is_next: NDArray[np.int32] | None

    def __len__(self) -> int:
        """B, how many sequences there are."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(B,) the tokens of each sequence."""
        return np.diff(self.offsets)

    @property
    def n_tokens(self) -> int:
        """T."""
        return len(self.tokens)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, `is_next` only where there is one."""
        return _named(self)


def _named(batch: BertBatch | UnpaddedBertBatch) -> dict[str, NDArray[Any]]:
    named = {name: getattr(batch, name) for name in batch.__dataclass_fields__}
    return {name: array for name, array in named.items() if array is not None}
