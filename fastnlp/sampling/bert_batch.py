"""One batch of rows for a masked language model."""

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
        named = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: array for name, array in named.items() if array is not None}
