"""`masked_lm_loss` in plain torch, with all logits at once."""

from __future__ import annotations

import torch

__all__ = ["masked_lm_loss"]


def masked_lm_loss(
    hidden: torch.Tensor,
    positions: torch.Tensor | None,
    weights: torch.Tensor,
    labels: torch.Tensor,
    decoder: torch.Tensor,
    bias: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(loss, number of right predictions) as of `fastnlp.kernels.masked_lm_loss`; float64 stays float64.

    Example:
        >>> one = torch.ones(1, 1)
        >>> masked_lm_loss(torch.ones(1, 1, 2), one.long() - 1, one, one.long(), torch.eye(2))
        (tensor(0.6931), tensor(1))
    """
    if positions is not None:
        hidden = torch.gather(hidden, 1, positions.long()[..., None].expand(-1, -1, hidden.shape[-1]))
    logits = torch.nn.functional.linear(hidden, decoder, bias)
    logits = logits if logits.dtype == torch.float64 else logits.float()
    counts = weights != 0
    safe = torch.where(counts, labels, 0).long()
    target = logits.gather(-1, safe[..., None])[..., 0]
    losses = torch.where(counts, logits.logsumexp(-1) - target, 0.0)
    wide = weights.to(losses.dtype)
    total = wide.sum()
    right = counts & (target >= logits.amax(-1))
    return (losses * wide).sum() / torch.where(total == 0, torch.ones_like(total), total), right.sum()
