"""`skipgram_bce` in plain torch."""

from __future__ import annotations

import torch

from fastnlp.kernels.reference.lookup import wide_rows
from fastnlp.kernels.reference.masked_bce import masked_bce

__all__ = ["skipgram_bce"]


def skipgram_bce(
    centers: torch.Tensor,
    contexts: torch.Tensor,
    labels: torch.Tensor,
    mask: torch.Tensor,
    v_table: torch.Tensor,
    u_table: torch.Tensor,
    *,
    sparse: bool = False,
) -> torch.Tensor:
    """As `fastnlp.kernels.skipgram_bce`; float64 stays float64.

    Example:
        >>> table, yes = torch.zeros(3, 2), torch.ones(1, 2).bool()
        >>> skipgram_bce(torch.tensor([1]), torch.tensor([[2, 0]]), yes, yes, table, table)
        tensor([0.6931])
    """
    v = wide_rows(v_table, centers, sparse)
    u = wide_rows(u_table, torch.where(mask, contexts, 0), sparse)
    # (B, L, D) x (B, D, 1): the gradient of u comes out in its own order.
    return masked_bce(torch.bmm(u, v[:, :, None])[:, :, 0], labels, mask)
