"""The loss of the masked language model, whose logits are never there all at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

__all__ = ["MaskedLoss", "masked_lm_loss"]

_CHUNK = 1 << 23  # logits at a time: 32 MB of float32


class MaskedLoss(NamedTuple):
    """What the predictions of a batch came to.

    Attributes:
        loss: scalar, the weighted mean of the cross-entropies in nats; differentiable.
        correct: scalar, the weights of the rows whose label has the highest logit.
    """

    loss: torch.Tensor
    correct: torch.Tensor


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Computes the gradients along with the loss, while a chunk of logits is in the cache."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        labels: torch.Tensor,
        shares: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        half = (
            torch.get_autocast_dtype(rows.device.type)
            if torch.is_autocast_enabled(rows.device.type)
            else None
        )
        kind = rows.dtype if half is None else half
        with torch.autocast(rows.device.type, enabled=False):
            needed = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
            inputs, table = rows.to(kind), weight.to(kind)
            bias_row = bias.float()
            loss, correct = rows.new_zeros((), dtype=torch.float32), shares.new_zeros(())
            d_rows = torch.zeros_like(inputs) if needed else None
            d_weight = torch.zeros_like(weight, dtype=torch.float32) if needed else None
            d_bias = torch.zeros_like(bias_row) if needed else None
            step = max(1, _CHUNK // len(weight))
            for start in range(0, len(inputs), step):
                part = slice(start, start + step)
                x, label, share = inputs[part], labels[part, None], shares[part, None]
                logits = (x @ table.T).float().add_(bias_row)
                highest = logits.amax(1, keepdim=True)
                aim = logits.gather(1, label)
                correct += (share * (aim >= highest)).sum()
                scores = logits.sub_(highest).exp_()
                total = scores.sum(1, keepdim=True)
                loss += (share * (total.log() + highest - aim)).sum()
                if d_rows is None or d_weight is None or d_bias is None:
                    continue
                slopes = scores.mul_(share / total)
                slopes.scatter_add_(1, label, -share)
                d_bias += slopes.sum(0)
                slopes = slopes.to(kind)
                d_rows[part] = slopes @ table
                if kind == torch.float32:
                    d_weight.addmm_(slopes.T, x)
                else:
                    d_weight += slopes.T @ x
        if needed:
            ctx.save_for_backward(d_rows, d_weight, d_bias)
            ctx.kinds = rows.dtype, weight.dtype, bias.dtype
        ctx.mark_non_differentiable(correct)
        return loss, correct

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor, _: Any) -> tuple[torch.Tensor | None, ...]:
        gradients = zip(ctx.saved_tensors, ctx.kinds, strict=True)
        scaled = [gradient.to(kind).mul(upstream.to(kind)) for gradient, kind in gradients]
        return *scaled, None, None


def masked_lm_loss(
    rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> MaskedLoss:
    """Cross-entropy of the words at masked positions: sum(w * -log p(label)) / sum(w).

    Args:
        rows: (M, D) vectors of the masked positions.
        weight: (V, D) of the last layer.
        bias: (V,).
        labels: (M,) int64 in [0, V).
        weights: (M,) float32, at least 0; rows of weight 0 should be left out by the caller.

    Returns:
        The loss, and the weights of the rows that were predicted right; zeros where the weights are.

    Example:
        >>> loss, correct = masked_lm_loss(torch.ones(1, 2), torch.zeros(4, 2), torch.zeros(4),
        ...                                torch.tensor([3]), torch.ones(1))
        >>> round(float(loss), 4)  # log 4
        1.3863
    """
    shares = weights.float() / weights.float().sum().clamp_min(1e-12)
    loss, correct = _ChunkedCrossEntropy.apply(rows, weight, bias, labels.long(), shares)  # type: ignore[no-untyped-call]
    return MaskedLoss(loss, correct * weights.float().sum())
