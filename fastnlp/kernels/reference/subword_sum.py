"""`subword_sum` in plain torch."""

from __future__ import annotations

import torch

from fastnlp.kernels.lists import expand_lists
from fastnlp.kernels.reference.lookup import wide_rows

__all__ = ["subword_sum"]


def subword_sum(
    words: torch.Tensor,
    ids: torch.Tensor,
    offsets: torch.Tensor,
    table: torch.Tensor,
    *,
    mode: str = "mean",
    sparse: bool = False,
) -> torch.Tensor:
    """As `fastnlp.kernels.subword_sum`; float64 stays float64.

    Example:
        >>> lists, table = (torch.tensor([0, 1]), torch.tensor([0, 2])), torch.tensor([[1.0], [3.0]])
        >>> subword_sum(torch.tensor([0]), *lists, table)
        tensor([[2.]])
    """
    places, owners = expand_lists(words, offsets)
    rows = wide_rows(table, ids[places], sparse)
    if mode == "mean":
        rows = rows / (offsets[words.long() + 1] - offsets[words.long()])[owners, None]
    sums = torch.zeros(len(words), table.shape[1], dtype=rows.dtype, device=rows.device)
    return sums.index_add(0, owners, rows).to(table.dtype)
