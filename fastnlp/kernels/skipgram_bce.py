"""Skip-gram with negative sampling: from ids to losses, and back to both tables."""

from __future__ import annotations

from typing import Any

import torch

from fastnlp.kernels import reference
from fastnlp.kernels.backends import Backend, choose_backend
from fastnlp.kernels.checks import BOOLS, FLOATS, IDS, expect, expect_one_device, expect_range
from fastnlp.kernels.gradients import expect_width, row_gradient, wants_gradients

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
    validate: bool = True,
    backend: Backend | None = None,
) -> torch.Tensor:
    """Mean binary cross-entropy of each center against its contexts and negatives.

    The objective of Mikolov et al. 2013 (arXiv:1310.4546, eq. 4) on padded batches, as `masked_bce` of the
    book's `skip_gram(center, contexts_and_negatives, embed_v, embed_u)`: vectors are fetched, multiplied and
    turned into losses in one pass, in which each row is read once, and the gradients of both tables take one
    more pass that reads no row of `u_table` again. Scores and sums are float32.

    Masked columns have no effect, and their ids may be any. A NaN makes the losses NaN that it enters.
    Gradients are added up in the order in which a GPU comes to them, and may differ in the last bits between
    runs unless `torch.use_deterministic_algorithms(True)` is set.

    Args:
        centers: (B,) int32 or int64, rows of `v_table`.
        contexts: (B, L) int32 or int64, rows of `u_table`.
        labels: (B, L) bool; True is a context, False a negative.
        mask: (B, L) bool; False is padding.
        v_table: (V, D) float32, float16 or bfloat16, the centers' vectors; D is at most 4096 for Triton.
        u_table: (U, D) of the same dtype, the contexts' vectors.
        sparse: give gradients as sparse tensors with a row for each center and each column, repeated rows not
            added up yet, as `nn.Embedding(sparse=True)` does.
        validate: look for ids out of range first, for which the GPU is waited for. False trusts them.
        backend: "triton", "torch", or None to choose by device. A request never falls back.

    Returns:
        (B,) float32, in nats; 0 for a row of padding. Differentiable in both tables.

    Raises:
        ValueError: shapes or devices differ.
        TypeError: a dtype is not one listed above.
        IndexError: an id is out of range.
        RuntimeError: `backend` cannot run on this device.

    Example:
        The book's shapes: one center a row, 4 contexts and negatives.

        >>> embed_v, embed_u = torch.nn.Embedding(20, 4), torch.nn.Embedding(20, 4)
        >>> center, contexts = torch.ones((2, 1), dtype=torch.long), torch.ones((2, 4), dtype=torch.long)
        >>> labels, mask = torch.tensor([[1, 0, 0, 0], [0, 1, 0, 0]]).bool(), torch.ones(2, 4).bool()
        >>> losses = skipgram_bce(center[:, 0], contexts, labels, mask, embed_v.weight, embed_u.weight)
        >>> losses.sum().backward()
        >>> losses.shape, embed_u.weight.grad.shape
        (torch.Size([2]), torch.Size([20, 4]))
    """
    expect("centers", centers, IDS, ("B",))
    expect("contexts", contexts, IDS, (len(centers), "L"))
    expect("labels", labels, BOOLS, contexts.shape)
    expect("mask", mask, BOOLS, contexts.shape)
    expect("v_table", v_table, FLOATS, ("V", "D"))
    expect("u_table", u_table, (v_table.dtype,), ("U", v_table.shape[1]))
    expect_one_device(
        v_table=v_table, u_table=u_table, centers=centers, contexts=contexts, labels=labels, mask=mask
    )
    if choose_backend(backend, v_table.device) == "torch":
        if validate and not torch.compiler.is_compiling():
            _check_ids(centers, contexts, mask, v_table, u_table)
        return reference.skipgram_bce(centers, contexts, labels, mask, v_table, u_table, sparse=sparse)
    expect_width("v_table", v_table)
    gradients = wants_gradients(v_table, u_table)
    losses: torch.Tensor = _forward(
        centers, contexts, labels, mask, v_table, u_table, gradients, sparse, validate
    )[0]
    return losses


def _check_ids(
    centers: torch.Tensor,
    contexts: torch.Tensor,
    mask: torch.Tensor,
    v_table: torch.Tensor,
    u_table: torch.Tensor,
) -> None:
    expect_range("centers", centers, len(v_table))
    expect_range("contexts", contexts, len(u_table), where=mask)


@torch.library.custom_op("fastnlp::skipgram_bce", mutates_args=())
def _forward(
    centers: torch.Tensor,
    contexts: torch.Tensor,
    labels: torch.Tensor,
    mask: torch.Tensor,
    v_table: torch.Tensor,
    u_table: torch.Tensor,
    gradients: bool,
    sparse: bool,
    validate: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    from fastnlp.kernels.triton import skipgram_bce as kernels

    if validate:
        _check_ids(centers, contexts, mask, v_table, u_table)
    return kernels.forward(centers, contexts, labels, mask, v_table, u_table, gradients)


@_forward.register_fake
def _(
    centers: torch.Tensor,
    contexts: torch.Tensor,
    labels: torch.Tensor,
    mask: torch.Tensor,
    v_table: torch.Tensor,
    u_table: torch.Tensor,
    gradients: bool,
    sparse: bool,
    validate: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    (B, L), D = contexts.shape, v_table.shape[1]
    shapes = ((B, L), (B, D)) if gradients else ((0, 0), (0, 0))
    losses, errors, by_v = (v_table.new_empty(shape, dtype=torch.float32) for shape in ((B,), *shapes))
    return losses, errors, by_v


@torch.library.custom_op("fastnlp::skipgram_bce_backward", mutates_args=())
def _backward(
    upstream: torch.Tensor,
    errors: torch.Tensor,
    by_v: torch.Tensor,
    centers: torch.Tensor,
    contexts: torch.Tensor,
    v_table: torch.Tensor,
    u_table: torch.Tensor,
    sparse: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    from fastnlp.kernels.triton import skipgram_bce as kernels

    v, u = kernels.backward(upstream, errors, by_v, centers, contexts, v_table, len(u_table), sparse)
    return v.to(v_table.dtype), u.to(u_table.dtype)


@_backward.register_fake
def _(
    upstream: torch.Tensor,
    errors: torch.Tensor,
    by_v: torch.Tensor,
    centers: torch.Tensor,
    contexts: torch.Tensor,
    v_table: torch.Tensor,
    u_table: torch.Tensor,
    sparse: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    D = v_table.shape[1]
    v_rows, u_rows = (len(centers), contexts.numel()) if sparse else (len(v_table), len(u_table))
    return v_table.new_empty((v_rows, D)), u_table.new_empty((u_rows, D))


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
    centers, contexts, _, mask, v_table, u_table, _, ctx.sparse, _ = inputs
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(*output[1:], centers, contexts, mask, v_table, u_table)


def _differentiate(ctx: Any, upstream: torch.Tensor, *_: Any) -> tuple[torch.Tensor | None, ...]:
    errors, by_v, centers, contexts, mask, v_table, u_table = ctx.saved_tensors
    by_rows = ctx.sparse or torch.are_deterministic_algorithms_enabled()
    v, u = _backward(upstream, errors, by_v, centers, contexts, v_table, u_table, by_rows)
    if by_rows:
        v = row_gradient(v_table, centers, v, ctx.sparse)
        u = row_gradient(u_table, torch.where(mask, contexts, 0).reshape(-1), u, ctx.sparse)
    return None, None, None, None, v, u, None, None, None


_forward.register_autograd(_differentiate, setup_context=_save)
