"""Rows of tables, in which everything begins."""

from __future__ import annotations

import torch

__all__ = ["wide_rows", "widened"]


def widened(tensor: torch.Tensor) -> torch.Tensor:
    """In float32, or as it is if it is float64.

    Example:
        >>> widened(torch.ones(1, dtype=torch.float16))
        tensor([1.])
    """
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def wide_rows(table: torch.Tensor, ids: torch.Tensor, sparse: bool = False) -> torch.Tensor:
    """Rows in float32 or float64, whose gradients are added up in it, or with `sparse` not added up.

    Args:
        table: (V, D).
        ids: integers of any shape.
        sparse: make the table's gradient a sparse tensor.

    Returns:
        The shape of `ids` and D.

    Example:
        >>> wide_rows(torch.tensor([[1.0], [2.0]]), torch.tensor([[1, 0]]))
        tensor([[[2.],
                 [1.]]])
    """
    if sparse:
        return widened(torch.nn.functional.embedding(ids, table, sparse=True))
    return torch.nn.functional.embedding(ids, widened(table))
