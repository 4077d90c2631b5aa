"""`masked_bce` in plain torch."""

from __future__ import annotations

import torch

from fastnlp.kernels.reference.lookup import widened

__all__ = ["masked_bce"]


def masked_bce(logits: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """As `fastnlp.kernels.masked_bce`; float64 stays float64.

    Example:
        >>> masked_bce(torch.tensor([[0.0, 9.0]]), torch.ones(1, 2).bool(), torch.tensor([[True, False]]))
        tensor([0.6931])
    """
    wide = widened(logits)
    # What is masked is replaced and not multiplied by 0, which would leave NaN, and NaN in the gradient.
    signed = torch.where(mask, torch.where(labels, -wide, wide), 0.0)
    losses = torch.where(mask, -torch.nn.functional.logsigmoid(-signed), 0.0)
    return losses.sum(1) / mask.sum(1).clamp(min=1)
