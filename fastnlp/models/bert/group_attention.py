"""Attention with dropout on the CPU, over sequences without padding and without copies of their heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from fastnlp.models.bert.dropout import decisions

__all__ = ["attend_groups", "fits_groups"]


def fits_groups(qkv: torch.Tensor, rate: float) -> bool:
    """Whether `attend_groups` is the way: with dropout, in float32 or float64, on a CPU, not compiled."""
    return (
        rate > 0
        and qkv.device.type == "cpu"
        and qkv.dtype in (torch.float32, torch.float64)
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def attend_groups(qkv: torch.Tensor, groups: Sequence[tuple[int, int]], rate: float) -> torch.Tensor:
    """softmax(Q K^T / sqrt(d)) V (Vaswani et al. 2017, eq. 1) in each sequence, with dropout of the weights.

    Heads are taken where they lie, one product for each head of a group, and the way back writes into one
    gradient, where autograd would copy each head of each group several times.

    Args:
        qkv: (T, 3, H, d) float32 or float64 on the CPU: queries, keys and values.
        groups: (sequences, length) of each run of sequences of one length; together they have T rows.
        rate: of dropout, in (0, 1); rounded to a multiple of 1 / 65,536.

    Returns:
        (T, H, d), of the type of `qkv`.

    Example:
        >>> attend_groups(torch.zeros(5, 3, 2, 4), [(1, 2), (1, 3)], 0.1).shape
        torch.Size([5, 2, 4])
    """
    out: torch.Tensor = _GroupAttention.apply(qkv, groups, rate)  # type: ignore[no-untyped-call]
    return out


def _heads(x: torch.Tensor, row: int, group: tuple[int, int]) -> tuple[torch.Tensor, ...]:
    """The heads of a group's rows of (T, H, d), each (sequences, length, d), where they lie."""
    return x[row : row + math.prod(group)].view(*group, *x.shape[1:]).unbind(2)


def _products(
    out: torch.Tensor, left: Sequence[torch.Tensor], right: Sequence[torch.Tensor], scale: float
) -> torch.Tensor:
    """Writes scale * left[h] @ right[h] to out[h]."""
    for result, a, b in zip(out, left, right, strict=True):
        torch.baddbmm(result, a, b, beta=0, alpha=scale, out=result)
    return out


class _GroupAttention(torch.autograd.Function):
    """The formula and its derivative, a group at a time."""

    @staticmethod
    def forward(ctx: Any, qkv: torch.Tensor, groups: Sequence[tuple[int, int]], rate: float) -> torch.Tensor:
        rows, _, heads, size = qkv.shape
        mixed = qkv.new_empty(rows, heads, size)
        kept, row = [], 0
        for group in groups:
            query, key, value = (_heads(x, row, group) for x in qkv.unbind(1))
            sequences, length = group
            scores = qkv.new_empty(heads, sequences, length, length)
            _products(scores, query, [x.mT for x in key], 1 / math.sqrt(size))
            weights = scores.softmax(-1)
            keep, ctx.scale = decisions(weights.shape, rate)
            gathered = qkv.new_empty(heads, sequences, length, size)
            _products(gathered, torch.mul(weights, keep, out=scores).unbind(), value, ctx.scale)
            for place, part in zip(_heads(mixed, row, group), gathered, strict=True):
                place.copy_(part)
            kept += [weights, keep]
            row += math.prod(group)
        ctx.save_for_backward(qkv, *kept)
        ctx.groups = groups
        return mixed

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        qkv, *kept = ctx.saved_tensors
        _, _, heads, size = qkv.shape
        by, scale, row = torch.empty_like(qkv), ctx.scale, 0
        for group, weights, keep in zip(ctx.groups, kept[::2], kept[1::2], strict=True):
            query, key, value = (_heads(x, row, group) for x in qkv.unbind(1))
            upstream = _heads(gradient, row, group)
            slopes = _products(torch.empty_like(weights), upstream, [x.mT for x in value], scale).mul_(keep)
            slopes = torch._softmax_backward_data(slopes, weights, -1, weights.dtype)
            room = qkv.new_empty(3, heads, *group, size)
            _products(room[0], slopes.unbind(), key, 1 / math.sqrt(size))
            _products(room[1], slopes.mT.unbind(), query, 1 / math.sqrt(size))
            _products(room[2], (weights * keep).mT.unbind(), upstream, scale)
            for x, parts in zip(by.unbind(1), room, strict=True):
                for place, part in zip(_heads(x, row, group), parts, strict=True):
                    place.copy_(part)
            row += math.prod(group)
        return by, None, None
