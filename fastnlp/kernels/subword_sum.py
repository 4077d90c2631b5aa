"""Vectors of words from those of their n-grams."""

from __future__ import annotations

from typing import Any, Literal

import torch

from fastnlp.kernels import reference
from fastnlp.kernels.backends import Backend, choose_backend
from fastnlp.kernels.checks import FLOATS, IDS, expect, expect_one_device
from fastnlp.kernels.gradients import expect_width, row_gradient
from fastnlp.kernels.lists import expand_lists, expect_lists

__all__ = ["subword_sum"]


def subword_sum(
    words: torch.Tensor,
    ids: torch.Tensor,
    offsets: torch.Tensor,
    table: torch.Tensor,
    *,
    mode: Literal["mean", "sum"] = "mean",
    sparse: bool = False,
    validate: bool = True,
    backend: Backend | None = None,
) -> torch.Tensor:
    """The mean or the sum of the rows of each word, v_w = sum of z_g over its subwords g.

    Bojanowski et al. 2017 (section 3.2) and the book add the rows up; fastText's program takes their mean.
    Sums are float32. On their order, and on NaN, see `skipgram_bce`.

    Args:
        words: int32 or int64 of any shape, in [0, V).
        ids: flat int32 or int64, rows of `table`, as `fastnlp.sampling.hashed_ngrams` gives them.
        offsets: (V + 1,) int64; the rows of word w are ids[offsets[w]:offsets[w + 1]].
        table: (R, D) float32, float16 or bfloat16; D is at most 4096 for Triton.
        mode: "mean" or "sum".
        sparse: give the gradient as a sparse tensor with a row for each entry, repeated rows not added
            up yet.
        validate: look for ids out of range first, for which the GPU is waited for. False trusts them.
        backend: "triton", "torch", or None to choose by device. A request never falls back.

    Returns:
        The shape of `words` and D, of the table's dtype; zeros for a word without rows. Differentiable in
        `table`.

    Raises:
        ValueError: shapes or devices differ, offsets are none, or `mode` is neither.
        TypeError: a dtype is not one listed above.
        IndexError: an id is out of range.
        RuntimeError: `backend` cannot run on this device.

    Example:
        >>> ids, offsets = torch.tensor([0, 1, 1]), torch.tensor([0, 2, 3])
        >>> table = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> subword_sum(torch.tensor([[0], [1]]), ids, offsets, table, mode="sum")
        tensor([[[1., 2.]],
        <BLANKLINE>
                [[0., 2.]]])
    """
    if not isinstance(words, torch.Tensor):
        raise TypeError(f"words: expected a torch.Tensor, got {type(words).__name__}")
    expect("words", words, IDS, words.shape)
    expect("ids", ids, IDS, ("K",))
    expect("offsets", offsets, (torch.int64,), ("V + 1",))
    expect("table", table, FLOATS, ("R", "D"))
    expect_one_device(table=table, words=words, ids=ids, offsets=offsets)
    if mode not in ("mean", "sum"):
        raise ValueError(f"mode: expected 'mean' or 'sum', got {mode!r}")
    flat = words.reshape(-1)
    if choose_backend(backend, table.device) == "torch":
        if validate and not torch.compiler.is_compiling():
            expect_lists(flat, ids, offsets, len(table), ("words", "ids", "offsets"))
        sums = reference.subword_sum(flat, ids, offsets, table, mode=mode, sparse=sparse)
    else:
        expect_width("table", table)
        sums = _forward(flat, ids, offsets, table, mode == "mean", sparse, validate)
    return sums.reshape(*words.shape, table.shape[1])


@torch.library.custom_op("fastnlp::subword_sum", mutates_args=())
def _forward(
    words: torch.Tensor,
    ids: torch.Tensor,
    offsets: torch.Tensor,
    table: torch.Tensor,
    mean: bool,
    sparse: bool,
    validate: bool,
) -> torch.Tensor:
    from fastnlp.kernels.triton import subword_sum as kernels

    if validate:
        expect_lists(words, ids, offsets, len(table), ("words", "ids", "offsets"))
    return kernels.forward(words, ids, offsets, table, mean)


@_forward.register_fake
def _(
    words: torch.Tensor, ids: torch.Tensor, offsets: torch.Tensor, table: torch.Tensor, *_: Any
) -> torch.Tensor:
    return table.new_empty((len(words), table.shape[1]))


@torch.library.custom_op("fastnlp::subword_sum_backward", mutates_args=())
def _backward(
    upstream: torch.Tensor,
    words: torch.Tensor,
    ids: torch.Tensor,
    offsets: torch.Tensor,
    table: torch.Tensor,
    mean: bool,
) -> torch.Tensor:
    from fastnlp.kernels.triton import subword_sum as kernels

    return kernels.backward(upstream, words, ids, offsets, len(table), mean).to(table.dtype)


@_backward.register_fake
def _(
    upstream: torch.Tensor,
    words: torch.Tensor,
    ids: torch.Tensor,
    offsets: torch.Tensor,
    table: torch.Tensor,
    mean: bool,
) -> torch.Tensor:
    return table.new_empty(table.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    *tensors, ctx.mean, ctx.sparse, _ = inputs
    ctx.save_for_backward(*tensors)


def _differentiate(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    words, ids, offsets, table = ctx.saved_tensors
    if ctx.sparse or torch.are_deterministic_algorithms_enabled():
        places, owners = expand_lists(words, offsets)
        if ctx.mean:
            counts = torch.bincount(owners, minlength=len(words)).clamp(min=1)
            upstream = upstream / counts[:, None]
        by_table = row_gradient(table, ids[places], upstream[owners].to(table.dtype), ctx.sparse)
    else:
        by_table = _backward(upstream, words, ids, offsets, table, ctx.mean)
    return None, None, None, by_table, None, None, None


_forward.register_autograd(_differentiate, setup_context=_save)
