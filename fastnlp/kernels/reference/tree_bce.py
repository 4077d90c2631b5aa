"""`tree_bce` in plain torch."""

from __future__ import annotations

import torch

from fastnlp.kernels.lists import expand_lists
from fastnlp.kernels.reference.lookup import wide_rows

__all__ = ["tree_bce"]


def tree_bce(
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    path: torch.Tensor,
    path_offsets: torch.Tensor,
    *,
    sparse: bool = False,
) -> torch.Tensor:
    """As `fastnlp.kernels.tree_bce`; float64 stays float64.

    Example:
        >>> v, node, offsets = torch.ones(1, 1), torch.ones(1, 1), torch.tensor([0, 1, 2])
        >>> both = torch.tensor([0, 1])
        >>> losses = tree_bce(torch.tensor([0, 0]), both, v, node, both, offsets)
        >>> torch.exp(-losses)  # of the left word, s(1), and of the right word, s(-1)
        tensor([0.7311, 0.2689])
    """
    places, owners = expand_lists(targets, path_offsets)
    steps = path[places]
    scores = (wide_rows(v_table, centers, sparse)[owners] * wide_rows(node_table, steps >> 1, sparse)).sum(1)
    left = (steps & 1 == 0).to(scores.dtype)
    losses = torch.nn.functional.binary_cross_entropy_with_logits(scores, left, reduction="none")
    return torch.zeros(len(targets), dtype=losses.dtype, device=losses.device).index_add(0, owners, losses)
