"""Dropout that costs a third of torch's on the CPU: four decisions from one 64-bit draw."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["Dropout", "decisions", "dropout"]

_STEPS = 1 << 16  # a decision has 16 bits, so the rate is rounded to 1 / 65,536


def decisions(shape: torch.Size, rate: float) -> tuple[torch.Tensor, float]:
    """Which entries dropout keeps on the CPU, and what it multiplies them by.

    Args:
        shape: of the entries.
        rate: in [0, 1); rounded to a multiple of 1 / 65,536.

    Returns:
        `shape` bool, False with probability `rate`; and the factor.
    """
    dropped, count = round(rate * _STEPS), shape.numel()
    draws = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), 2**63 - 1)
    keep = (draws.view(torch.int16)[:count] >= dropped - _STEPS // 2).view(shape)
    return keep, _STEPS / (_STEPS - dropped)


class _CpuDropout(torch.autograd.Function):
    """Zeros entries and scales the others; keeps the decisions as booleans for the way back."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, rate: float) -> torch.Tensor:
        keep, ctx.scale = decisions(x.shape, rate)
        ctx.save_for_backward(keep)
        return (x * keep).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (keep,) = ctx.saved_tensors
        return (gradient * keep).mul_(ctx.scale), None


def dropout(x: torch.Tensor, rate: float, training: bool = True) -> torch.Tensor:
    """Entries set to zero with probability `rate`, and the others divided by 1 - `rate`.

    Drawn from torch's default generator, so `torch.manual_seed` repeats it.

    Args:
        x: any shape, of a floating type.
        rate: in [0, 1); on the CPU rounded to a multiple of 1 / 65,536.
        training: False gives `x`.

    Returns:
        The shape and type of `x`.

    Example:
        >>> out = dropout(torch.ones(10_000), 0.25)
        >>> float(out.min()), round(float(out.max()), 4), 0.9 < float(out.mean()) < 1.1
        (0.0, 1.3333, True)
    """
    if not training or rate == 0:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return functional.dropout(x, rate)
    out: torch.Tensor = _CpuDropout.apply(x, rate)  # type: ignore[no-untyped-call]
    return out


class Dropout(nn.Module):
    """`dropout` as a module.

    Args:
        rate: in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drops entries while training."""
        return dropout(x, self.rate, self.training)

    def extra_repr(self) -> str:
        """The rate."""
        return str(self.rate)
