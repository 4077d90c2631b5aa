"""Where the sequences of a batch lie: padded, or one after another without padding.

All parts of the encoder but attention treat tokens one by one, so they run on (T, D) rows and never see
padding. Attention asks the layout which rows belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

__all__ = ["Layout", "unpad"]


@dataclass(frozen=True)
class Layout:
    """The sequences of T rows of tokens.

    Attributes:
        groups: (sequences, length) of each run of sequences of one length, in the order of the rows. Within a
            group attention is dense, without a mask.
        mask: (B, 1, 1, S) bool, True at real tokens, where the only group is padded; else None.
        offsets: (B + 1,) int32, where each sequence begins, for one kernel over all of them; else None.
        longest: tokens of the longest sequence.
    """

    groups: tuple[tuple[int, int], ...]
    mask: torch.Tensor | None = None
    offsets: torch.Tensor | None = None
    longest: int = 0

    @classmethod
    def padded(cls, batch: int, length: int, lengths: torch.Tensor | None = None) -> Layout:
        """B sequences of S rows each, of which only the first `lengths` are real."""
        mask = None
        if lengths is not None:
            mask = torch.arange(length, device=lengths.device) < lengths[:, None]
            mask = mask[:, None, None, :]
        return cls(((batch, length),), mask, None, length)

    @classmethod
    def packed(cls, lengths: Sequence[int], device: torch.device | str = "cpu") -> Layout:
        """Sequences one after another; those of equal length should be neighbours.

        Example:
            >>> Layout.packed([2, 2, 5]).groups
            ((2, 2), (1, 5))
        """
        groups: list[tuple[int, int]] = []
        for length in lengths:
            if groups and groups[-1][1] == length:
                groups[-1] = (groups[-1][0] + 1, length)
            else:
                groups.append((1, length))
        offsets = None
        if torch.device(device).type == "cuda":
            ends = torch.tensor([0, *lengths], dtype=torch.int64).cumsum(0)
            offsets = ends.to(device, torch.int32, non_blocking=True)
        return cls(tuple(groups), None, offsets, max(lengths, default=0))


def unpad(lengths: torch.Tensor, length: int) -> tuple[torch.Tensor, Layout]:
    """Which tokens of a padded batch are real, sequences of one length side by side.

    Args:
        lengths: (B,) integers in [1, length], the real tokens at the start of each row.
        length: S, columns.

    Returns:
        (T,) int64 places in the flattened (B, S), sorted by the length of their sequence; and the layout of
        these T rows.

    Example:
        >>> places, layout = unpad(torch.tensor([3, 1]), 4)
        >>> places, layout.groups
        (tensor([4, 0, 1, 2]), ((1, 1), (1, 3)))
    """
    order = torch.argsort(lengths, stable=True)
    columns = torch.arange(length, device=lengths.device)
    places = (order[:, None] * length + columns)[columns < lengths[order][:, None]]
    return places, Layout.packed(lengths[order].tolist(), lengths.device)
