"""The loss of masked words, in chunks, so that the logits of all of them are never there at once."""

from __future__ import annotations

from typing import Any, Literal, overload

import torch

from fastnlp.kernels.backends import Backend, choose_backend
from fastnlp.kernels.checks import BOOLS, FLOATS, IDS, expect, expect_one_device, expect_range

__all__ = ["masked_lm_loss"]

_CHUNK_BYTES = {"cpu": 16 << 20, "cuda": 32 << 20}  # of float32 logits, which then stay in a cache
_CHUNK_ROWS = {"cpu": 64, "cuda": 128}  # at least: below, the matrix products read the decoder too often


@overload
def masked_lm_loss(
    hidden: torch.Tensor,
    positions: torch.Tensor | None,
    weights: torch.Tensor,
    labels: torch.Tensor,
    decoder: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    count_correct: Literal[False] = False,
    compact: bool = True,
    chunk_rows: int | None = None,
    validate: bool = True,
    backend: Backend | None = None,
) -> torch.Tensor: ...
@overload
def masked_lm_loss(
    hidden: torch.Tensor,
    positions: torch.Tensor | None,
    weights: torch.Tensor,
    labels: torch.Tensor,
    decoder: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    count_correct: Literal[True],
    compact: bool = True,
    chunk_rows: int | None = None,
    validate: bool = True,
    backend: Backend | None = None,
) -> tuple[torch.Tensor, torch.Tensor]: ...
def masked_lm_loss(
    hidden: torch.Tensor,
    positions: torch.Tensor | None,
    weights: torch.Tensor,
    labels: torch.Tensor,
    decoder: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    count_correct: bool = False,
    compact: bool = True,
    chunk_rows: int | None = None,
    validate: bool = True,
    backend: Backend | None = None,
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """The weighted mean of the cross-entropies of masked words, sum(w * per) / sum(w).

    Masked language modelling of Devlin et al. 2019 (arXiv:1810.04805, section 3.1). The logits are made,
    turned into losses and gradients, and dropped, a chunk of rows at a time, as in Hsu et al. 2024
    (arXiv:2410.10989): memory is that of a chunk and of the decoder's gradient. The gradients are made in the
    forward pass, which is possible because the result is one number, and wait for `backward`; making the
    logits a second time there would cost a fourth matrix product. Words of weight 0 cost nothing, and what is
    in their rows, NaN too, has no effect. If all weights are 0 the loss is 0.

    Under autocast `hidden`, `decoder` and `bias` are taken in its dtype; sums are float32.

    Args:
        hidden: (B, S, H) float32, float16 or bfloat16; without `positions` the rows themselves, (..., H).
        positions: (B, M) int32 or int64 in [0, S), the places of the masked words; or None.
        weights: (B, M), or as the rows: floats at least 0, or bool; 0 is padding. Not differentiable.
        labels: int32 or int64, shaped as `weights`, in [0, V) where the weight is not 0.
        decoder: (V, H) of hidden's dtype: the output embedding.
        bias: (V,) of hidden's dtype, or None.
        count_correct: also give the number of words of weight not 0 that no other has a higher logit than.
        compact: leave words of weight 0 out from the start, for which the GPU is waited for. False computes
            them in vain instead, for CUDA graphs.
        chunk_rows: words a chunk; None for as many as the caches hold.
        validate: look for ids out of range first, for which the GPU is waited for too. False trusts them.
        backend: "triton", "torch", or None to choose by device. A request never falls back.

    Returns:
        float32 scalar, in nats, differentiable in `hidden`, `decoder` and `bias`; with `count_correct` also
        an int64 scalar.

    Raises:
        ValueError: shapes or devices differ, or `chunk_rows` is below 1.
        TypeError: a dtype is not one listed above.
        IndexError: a position or a label is out of range.
        RuntimeError: `backend` cannot run on this device.

    Example:
        >>> hidden, decoder = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]]), 2 * torch.eye(2)
        >>> positions, labels = torch.tensor([[0, 1, 0]]), torch.tensor([[0, 0, 0]])
        >>> weights = torch.tensor([[1.0, 1.0, 0.0]])
        >>> masked_lm_loss(hidden, positions, weights, labels, decoder, count_correct=True)
        (tensor(1.1269), tensor(1))
    """
    if positions is None:
        expect("hidden", hidden, FLOATS, (*"BMNPQR"[: max(hidden.dim() - 1, 1)], "H"))
        shape = hidden.shape[:-1]
    else:
        expect("hidden", hidden, FLOATS, ("B", "S", "H"))
        expect("positions", positions, IDS, (hidden.shape[0], "M"))
        shape = positions.shape
    expect("weights", weights, FLOATS + BOOLS, shape)
    expect("labels", labels, IDS, shape)
    expect("decoder", decoder, FLOATS, ("V", hidden.shape[-1]))
    given = {} if positions is None else {"positions": positions}
    if bias is not None:
        expect("bias", bias, FLOATS, (decoder.shape[0],))
        given["bias"] = bias
    expect_one_device(hidden=hidden, weights=weights, labels=labels, decoder=decoder, **given)
    if chunk_rows is not None and chunk_rows < 1:
        raise ValueError(f"chunk_rows: expected at least 1, got {chunk_rows}")
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        hidden, decoder = hidden.to(dtype), decoder.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    for name, parameter in (("decoder", decoder), ("bias", bias)):
        if parameter is not None and parameter.dtype != hidden.dtype:
            raise TypeError(f"{name}: expected the dtype of hidden, {hidden.dtype}, got {parameter.dtype}")
    backend = choose_backend(backend, hidden.device)
    if positions is None:
        rows = hidden.reshape(-1, hidden.shape[-1])
    else:
        if validate:
            positions = _within("positions", positions, hidden.shape[1])
        first = torch.arange(shape[0], device=hidden.device)[:, None] * hidden.shape[1]
        rows = hidden.reshape(-1, hidden.shape[-1]).index_select(0, (first + positions).reshape(-1))
    if validate:
        labels = _within("labels", labels, decoder.shape[0], where=weights != 0)
    differentiable = (hidden, decoder) if bias is None else (hidden, decoder, bias)
    gradients = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in differentiable)
    if chunk_rows is None:
        chunk_rows = default_chunk_rows(kind, decoder.shape[0])
    loss, correct, *_ = _forward(
        rows,
        weights.reshape(-1).float(),
        labels.reshape(-1),
        decoder,
        bias,
        backend,
        gradients,
        compact,
        chunk_rows,
    )
    return (loss, correct) if count_correct else loss


def _within(name: str, ids: torch.Tensor, bound: int, where: torch.Tensor | None = None) -> torch.Tensor:
    """The ids, looked at; in a graph that torch.compile makes, each time it runs."""
    if torch.compiler.is_compiling():
        ids = _looked_at(ids, name, bound, where)
    else:
        expect_range(name, ids, bound, where=where)
    return ids


@torch.library.custom_op("fastnlp::masked_lm_ids", mutates_args=())
def _looked_at(ids: torch.Tensor, name: str, bound: int, where: torch.Tensor | None) -> torch.Tensor:
    expect_range(name, ids, bound, where=where)
    return ids.clone()  # an operation may not give back what it was given


@_looked_at.register_fake
def _(ids: torch.Tensor, name: str, bound: int, where: torch.Tensor | None) -> torch.Tensor:
    return torch.empty_like(ids)


def default_chunk_rows(device: str, vocabulary: int) -> int:
    """How many rows of logits a cache holds, and not so few that the matrix products suffer.

    Args:
        device: "cpu" or "cuda".
        vocabulary: V.

    Returns:
        A multiple of 16.

    Example:
        >>> default_chunk_rows("cpu", 32_768)
        128
    """
    kind = device if device in _CHUNK_BYTES else "cpu"
    rows = _CHUNK_BYTES[kind] // (4 * max(vocabulary, 1)) // 16 * 16
    return max(_CHUNK_ROWS[kind], rows)


@torch.library.custom_op("fastnlp::masked_lm_loss", mutates_args=())
def _forward(
    rows: torch.Tensor,
    weights: torch.Tensor,
    labels: torch.Tensor,
    decoder: torch.Tensor,
    bias: torch.Tensor | None,
    backend: str,
    gradients: bool,
    compact: bool,
    chunk_rows: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    wide = torch.float64 if rows.dtype == torch.float64 else torch.float32
    if backend == "triton":
        from fastnlp.kernels.triton.masked_lm_loss import losses_and_slopes as evaluate
    else:
        evaluate = _losses_and_slopes
    weights = weights.to(wide)
    total = weights.sum()
    scales = weights / torch.where(total == 0, torch.ones_like(total), total)
    loss = torch.zeros((), dtype=wide, device=rows.device)
    correct = torch.zeros((), dtype=torch.int64, device=rows.device)
    shapes = _gradient_shapes(rows, decoder, bias, gradients)
    by_rows, by_decoder, by_bias = (torch.zeros(shape, dtype=wide, device=rows.device) for shape in shapes)
    used = weights.nonzero()[:, 0] if compact else None
    whole = used is None or len(used) == len(rows)
    for first in range(0, len(rows) if used is None else len(used), chunk_rows):
        chunk: Any = slice(first, first + chunk_rows)
        chunk = chunk if used is None or whole else used[chunk]
        x, scale = rows[chunk], scales[chunk]
        if used is None:
            x = torch.where((scale != 0)[:, None], x, torch.zeros_like(x))  # NaN times a slope of 0 is NaN
        logits = _logits(x, decoder, bias, wide)
        slopes = None
        if gradients:
            slopes = logits if decoder.dtype == wide else torch.empty_like(logits, dtype=decoder.dtype)
        losses, right = evaluate(logits, labels[chunk], scale, slopes)
        # A loss may be infinite, or NaN, where it does not count.
        loss += torch.where(scale == 0, torch.zeros_like(losses), losses * scale).sum()
        correct += right.sum()
        if slopes is not None:
            by_rows[chunk] = (slopes @ decoder).to(wide)
            _add_product(by_decoder, slopes.T, x)
            if bias is not None:
                by_bias += slopes.sum(0, dtype=wide)
    return loss, correct, by_rows, by_decoder, by_bias


def _logits(
    x: torch.Tensor, decoder: torch.Tensor, bias: torch.Tensor | None, wide: torch.dtype
) -> torch.Tensor:
    """Contiguous logits in float32; half precision goes into the product and not out of it where it may."""
    if x.is_cuda and x.dtype != wide:
        logits = torch.mm(x, decoder.T, out_dtype=wide)
        return logits if bias is None else logits.add_(bias)
    return torch.nn.functional.linear(x, decoder, bias).to(wide)


def _add_product(total: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
    """Total += a @ b, in the precision of the total where the device can."""
    if a.dtype == total.dtype:
        total.addmm_(a, b)
    elif a.is_cuda:
        total += torch.mm(a, b, out_dtype=total.dtype)
    else:
        total += a @ b


def _losses_and_slopes(
    logits: torch.Tensor, labels: torch.Tensor, scales: torch.Tensor, slopes: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """As that of the Triton kernels; `logits` are overwritten."""
    counts = scales != 0
    label = torch.where(counts, labels, 0).long()[:, None]
    target = logits.gather(1, label)[:, 0]
    highest = logits.amax(1)
    right = (target >= highest) & counts
    sums = logits.sub_(highest[:, None]).exp_().sum(1)
    losses = torch.where(counts, sums.log() + highest - target, 0.0)
    if slopes is not None:
        logits.mul_((scales / sums)[:, None]).scatter_add_(1, label, -scales[:, None])
        if not counts.all():
            logits.masked_fill_(~counts[:, None], 0.0)
        if slopes is not logits:
            slopes.copy_(logits)
    return losses, right


def _gradient_shapes(
    rows: torch.Tensor, decoder: torch.Tensor, bias: torch.Tensor | None, gradients: bool
) -> tuple[tuple[int, ...], ...]:
    """Of the three gradients, with no elements where they are not wanted."""
    if not gradients:
        return (0, 0), (0, 0), (0,)
    return tuple(rows.shape), tuple(decoder.shape), (0 if bias is None else len(bias),)


@_forward.register_fake
def _(
    rows: torch.Tensor,
    weights: torch.Tensor,
    labels: torch.Tensor,
    decoder: torch.Tensor,
    bias: torch.Tensor | None,
    backend: str,
    gradients: bool,
    compact: bool,
    chunk_rows: int,
) -> tuple[torch.Tensor, ...]:
    wide = torch.float64 if rows.dtype == torch.float64 else torch.float32
    shapes = _gradient_shapes(rows, decoder, bias, gradients)
    kept = [rows.new_empty(shape, dtype=wide) for shape in shapes]
    return rows.new_empty((), dtype=wide), rows.new_empty((), dtype=torch.int64), *kept


@torch.library.custom_op("fastnlp::masked_lm_loss_backward", mutates_args=())
def _backward(upstream: torch.Tensor, gradient: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """The gradient of an argument. Told whose it is, torch refuses to differentiate it again."""
    return (gradient * upstream).to(of.dtype)


@_backward.register_fake
def _(upstream: torch.Tensor, gradient: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(gradient, dtype=of.dtype)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
    ctx.mark_non_differentiable(*output[1:])
    rows, _, _, decoder, bias, *_ = inputs
    differentiable = (rows, decoder) if bias is None else (rows, decoder, bias)
    ctx.save_for_backward(*output[2:], *differentiable)


def _differentiate(ctx: Any, upstream: torch.Tensor, *_: Any) -> tuple[torch.Tensor | None, ...]:
    gradients, arguments = ctx.saved_tensors[:3], ctx.saved_tensors[3:]
    by = [_backward(upstream, *pair) for pair in zip(gradients, arguments, strict=False)]
    return by[0], None, None, by[1], by[2] if len(by) > 2 else None, None, None, None, None


_forward.register_autograd(_differentiate, setup_context=_save)
