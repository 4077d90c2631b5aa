"""Kernel of `fastnlp.kernels.masked_lm_loss`: from a chunk of logits to losses and their gradient."""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.launching import OPTIONS, on_device

_BLOCK = 4096  # logits that a program holds at a time
_WARPS = 8


@triton.jit
def softmax_loss(
    logits, labels, scales, losses, right, gradient, V, GRADIENT: tl.constexpr, BLOCK: tl.constexpr
):
    """-log softmax at the label of one row, and (softmax - one hot) * scale where it is wanted.

    Each lane keeps a maximum and a sum of its own, so that nothing is exchanged between threads before the
    row has been read. `gradient` may be `logits`. A row whose scale is 0 costs nothing: its label may be any.
    """
    row = tl.program_id(0).to(tl.int64)
    scale = tl.load(scales + row)
    counts = scale != 0.0
    width = tl.where(counts, V, 0)
    peak = tl.full((BLOCK,), -1e30, tl.float32)  # not -inf, whose difference to itself is NaN
    total = tl.zeros((BLOCK,), tl.float32)
    for first in range(0, V, BLOCK):
        columns = first + tl.arange(0, BLOCK)
        x = tl.load(logits + row * V + columns, mask=columns < width, other=float("-inf")).to(tl.float32)
        higher = tl.maximum(peak, x)
        total = total * tl.exp(peak - higher) + tl.exp(x - higher)
        peak = higher
    highest = tl.max(peak, 0)
    sums = tl.where(counts, tl.sum(total * tl.exp(peak - highest), 0), 1.0)
    label = tl.load(labels + row, mask=counts, other=0).to(tl.int64)
    target = tl.load(logits + row * V + label, mask=counts, other=0.0).to(tl.float32)
    tl.store(losses + row, tl.where(counts, tl.log(sums) + highest - target, 0.0))
    tl.store(right + row, tl.where(counts, (target >= highest).to(tl.int32), 0))
    if GRADIENT:
        highest = tl.where(counts, highest, 0.0)
        for first in range(0, V, BLOCK):
            columns = first + tl.arange(0, BLOCK)
            x = tl.load(logits + row * V + columns, mask=columns < width, other=float("-inf")).to(tl.float32)
            slope = (tl.exp(x - highest) / sums - (columns == label).to(tl.float32)) * scale
            tl.store(gradient + row * V + columns, slope.to(gradient.dtype.element_ty), mask=columns < V)


def losses_and_slopes(
    logits: torch.Tensor, labels: torch.Tensor, scales: torch.Tensor, slopes: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses and right predictions of (R, V) logits; fills `slopes`, which may be `logits`, with gradients.

    Returns:
        (R,) float32 losses and (R,) int32, 1 where the label has the highest logit; not yet scaled.
    """
    R, V = logits.shape
    losses = torch.empty(R, dtype=torch.float32, device=logits.device)
    right = torch.empty(R, dtype=torch.int32, device=logits.device)
    with on_device(logits):
        softmax_loss[(R,)](
            logits,
            labels,
            scales,
            losses,
            right,
            logits if slopes is None else slopes,
            V,
            GRADIENT=slopes is not None,
            BLOCK=min(_BLOCK, triton.next_power_of_2(V)),
            num_warps=_WARPS,
            **OPTIONS,
        )
    return losses, right
