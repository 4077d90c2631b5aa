"""GloVe: from pairs and their counts to losses, and back to vectors and biases."""

from __future__ import annotations

import math
from typing import Any

import torch

from fastnlp.kernels import reference
from fastnlp.kernels.backends import Backend, choose_backend
from fastnlp.kernels.checks import FLOATS, IDS, expect, expect_one_device, expect_range
from fastnlp.kernels.gradients import expect_width, row_gradient

__all__ = ["glove_loss"]


def glove_loss(
    rows: torch.Tensor,
    columns: torch.Tensor,
    counts: torch.Tensor,
    words: torch.Tensor,
    contexts: torch.Tensor,
    word_biases: torch.Tensor,
    context_biases: torch.Tensor,
    *,
    x_max: float = 100.0,
    alpha: float = 0.75,
    sparse: bool = False,
    validate: bool = True,
    backend: Backend | None = None,
) -> torch.Tensor:
    """h(x) (u.v + b + c - log x)^2 of each pair, h(x) = min(1, (x / x_max)^alpha).

    The objective of Pennington et al. 2014 (eq. 8), of which a model minimises the sum; a pair that does not
    occur costs 0. Sums are float32. On their order, and on NaN, see `skipgram_bce`.

    Args:
        rows: (N,) int32 or int64, the words, rows of `words`.
        columns: (N,) int32 or int64, their contexts, rows of `contexts`.
        counts: (N,) float32 or float64, how often the pairs occur, at least 0.
        words: (V, D) float32, float16 or bfloat16, u; D is at most 4096 for Triton.
        contexts: (U, D) of the same dtype, v.
        word_biases: (V,) of the same dtype, b.
        context_biases: (U,) of the same dtype, c.
        x_max: from where pairs weigh 1, above 0.
        alpha: exponent of the weight below, at least 0.
        sparse: give the gradients of the vectors as sparse tensors with a row for each pair, repeated rows
            not added up yet; those of the biases are dense.
        validate: look for ids out of range and bad counts first, for which the GPU is waited for.
        backend: "triton", "torch", or None to choose by device. A request never falls back.

    Returns:
        (N,) float32. Differentiable in vectors and biases.

    Raises:
        ValueError: shapes or devices differ; a count is negative or not finite; `x_max` or `alpha` is out of
            range.
        TypeError: a dtype is not one listed above.
        IndexError: an id is out of range.
        RuntimeError: `backend` cannot run on this device.

    Example:
        >>> ids, table, biases = torch.tensor([0, 0]), torch.ones(1, 3), torch.zeros(1)
        >>> glove_loss(ids, ids, torch.tensor([100.0, 0.0]), table, table, biases, biases)
        tensor([2.5766, 0.0000])
    """
    expect("rows", rows, IDS, ("N",))
    expect("columns", columns, IDS, rows.shape)
    expect("counts", counts, (torch.float32, torch.float64), rows.shape)
    expect("words", words, FLOATS, ("V", "D"))
    expect("contexts", contexts, (words.dtype,), ("U", words.shape[1]))
    expect("word_biases", word_biases, (words.dtype,), (words.shape[0],))
    expect("context_biases", context_biases, (words.dtype,), (contexts.shape[0],))
    expect_one_device(
        words=words,
        contexts=contexts,
        word_biases=word_biases,
        context_biases=context_biases,
        rows=rows,
        columns=columns,
        counts=counts,
    )
    if not 0 < x_max < math.inf:
        raise ValueError(f"x_max: expected a number above 0, got {x_max}")
    if not 0 <= alpha < math.inf:
        raise ValueError(f"alpha: expected a number of at least 0, got {alpha}")
    tables = (words, contexts, word_biases, context_biases)
    if choose_backend(backend, words.device) == "torch":
        if validate and not torch.compiler.is_compiling():
            _check_pairs(rows, columns, counts, len(words), len(contexts))
        return reference.glove_loss(rows, columns, counts, *tables, x_max=x_max, alpha=alpha, sparse=sparse)
    expect_width("words", words)
    losses: torch.Tensor = _forward(
        rows, columns, counts, *tables, float(alpha), math.log(x_max), sparse, validate
    )[0]
    return losses


def _check_pairs(
    rows: torch.Tensor, columns: torch.Tensor, counts: torch.Tensor, words: int, contexts: int
) -> None:
    expect_range("rows", rows, words)
    expect_range("columns", columns, contexts)
    wrong = ~((counts >= 0) & (counts < math.inf))
    if wrong.any():
        place = int(wrong.nonzero()[0, 0])
        raise ValueError(f"counts[{place}]: expected a number of at least 0, got {counts[place].item()}")


@torch.library.custom_op("fastnlp::glove_loss", mutates_args=())
def _forward(
    rows: torch.Tensor,
    columns: torch.Tensor,
    counts: torch.Tensor,
    words: torch.Tensor,
    contexts: torch.Tensor,
    word_biases: torch.Tensor,
    context_biases: torch.Tensor,
    alpha: float,
    log_x_max: float,
    sparse: bool,
    validate: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    from fastnlp.kernels.triton import glove_loss as kernels

    if validate:
        _check_pairs(rows, columns, counts, len(words), len(contexts))
    tables = (words, contexts, word_biases, context_biases)
    return kernels.forward(rows, columns, counts, *tables, alpha, log_x_max)


@_forward.register_fake
def _(
    rows: torch.Tensor, columns: torch.Tensor, counts: torch.Tensor, words: torch.Tensor, *_: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    losses, slopes = (words.new_empty(len(rows), dtype=torch.float32) for _ in range(2))
    return losses, slopes


@torch.library.custom_op("fastnlp::glove_loss_backward", mutates_args=())
def _backward(
    upstream: torch.Tensor,
    slopes: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
    words: torch.Tensor,
    contexts: torch.Tensor,
    by_rows: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    from fastnlp.kernels.triton import glove_loss as kernels

    u, v, b, c = kernels.backward(upstream, slopes, rows, columns, words, contexts, by_rows)
    if by_rows:
        # Numbers of one column: added up as rows are.
        b = row_gradient(words[:, :1], rows, b[:, None], sparse=False)[:, 0]
        c = row_gradient(contexts[:, :1], columns, c[:, None], sparse=False)[:, 0]
    dtype = words.dtype
    return u.to(dtype), v.to(dtype), b.to(dtype), c.to(dtype)


@_backward.register_fake
def _(
    upstream: torch.Tensor,
    slopes: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
    words: torch.Tensor,
    contexts: torch.Tensor,
    by_rows: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    D = words.shape[1]
    V, U = (len(rows), len(rows)) if by_rows else (len(words), len(contexts))
    biases = words.new_empty(len(words)), words.new_empty(len(contexts))
    return words.new_empty((V, D)), words.new_empty((U, D)), *biases


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
    rows, columns, _, words, contexts, _, _, _, _, ctx.sparse, _ = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1], rows, columns, words, contexts)


def _differentiate(ctx: Any, upstream: torch.Tensor, *_: Any) -> tuple[torch.Tensor | None, ...]:
    slopes, rows, columns, words, contexts = ctx.saved_tensors
    by_rows = ctx.sparse or torch.are_deterministic_algorithms_enabled()
    u, v, b, c = _backward(upstream, slopes, rows, columns, words, contexts, by_rows)
    if by_rows:
        u = row_gradient(words, rows, u, ctx.sparse)
        v = row_gradient(contexts, columns, v, ctx.sparse)
    return None, None, None, u, v, b, c, None, None, None, None


_forward.register_autograd(_differentiate, setup_context=_save)
