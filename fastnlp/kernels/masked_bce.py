"""The loss of scores by negative sampling, row by row, with padding left out."""

from __future__ import annotations

from typing import Any

import torch

from fastnlp.kernels import reference
from fastnlp.kernels.backends import Backend, choose_backend
from fastnlp.kernels.checks import BOOLS, FLOATS, expect, expect_one_device

__all__ = ["masked_bce"]


def masked_bce(
    logits: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor, *, backend: Backend | None = None
) -> torch.Tensor:
    """Mean binary cross-entropy of each row over its unmasked columns.

    The negative-sampling objective of Mikolov et al. 2013 (arXiv:1310.4546, eq. 4); the book's
    `loss(x, y, m) * m.shape[1] / m.sum(1)`, except that a fully masked row gives 0 instead of NaN. What
    stands in masked columns, NaN too, has no effect; NaN elsewhere makes its row's loss NaN.

    Args:
        logits: (B, L) float32, float16 or bfloat16.
        labels: (B, L) bool; True is a context word, False a negative.
        mask: (B, L) bool; False is padding.
        backend: "triton", "torch", or None to choose by device. A request never falls back.

    Returns:
        (B,) float32, in nats. Differentiable in `logits` only.

    Raises:
        ValueError: shapes or devices differ.
        TypeError: a dtype is not one listed above.
        RuntimeError: `backend` cannot run on this device.

    Example:
        >>> x = torch.tensor([[1.1, -2.2, 3.3, -4.4]] * 2)
        >>> y = torch.tensor([[1, 0, 0, 0], [0, 1, 0, 0]]).bool()
        >>> m = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]).bool()
        >>> masked_bce(x, y, m)
        tensor([0.9352, 1.8462])
    """
    expect("logits", logits, FLOATS, ("B", "L"))
    expect("labels", labels, BOOLS, logits.shape)
    expect("mask", mask, BOOLS, logits.shape)
    expect_one_device(logits=logits, labels=labels, mask=mask)
    if choose_backend(backend, logits.device) == "torch":
        return reference.masked_bce(logits, labels, mask)
    losses: torch.Tensor = _forward(logits, labels, mask)
    return losses


@torch.library.custom_op("fastnlp::masked_bce", mutates_args=())
def _forward(logits: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    from fastnlp.kernels.triton import masked_bce as kernels

    return kernels.forward(logits, labels, mask)


@torch.library.custom_op("fastnlp::masked_bce_backward", mutates_args=())
def _backward(
    upstream: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    from fastnlp.kernels.triton import masked_bce as kernels

    return kernels.backward(upstream, logits, labels, mask)


@_forward.register_fake
def _(logits: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return logits.new_empty(logits.shape[0], dtype=torch.float32)


@_backward.register_fake
def _(upstream: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return logits.new_empty(logits.shape)


def _save(ctx: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _differentiate(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None]:
    return _backward(upstream, *ctx.saved_tensors), None, None


_forward.register_autograd(_differentiate, setup_context=_save)
