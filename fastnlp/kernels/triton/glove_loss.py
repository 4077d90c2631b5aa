"""Kernels of `fastnlp.kernels.glove_loss`: a program takes some pairs, whose rows it reads once each way."""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.decisions import scatter
from fastnlp.kernels.triton.launching import OPTIONS, empty, on_device, tile, with_rows, zeros

_TILE = 2048  # elements of each of two tiles of rows
_PAIRS = 16


@triton.jit
def rows_of(table, ids, used, D: tl.constexpr, PITCH: tl.constexpr, WIDTH: tl.constexpr):
    """Rows of a table in float32, zeros where they are not used."""
    d = tl.arange(0, WIDTH)
    inside = used[:, None] & (d < D)[None, :]
    return tl.load(table + ids[:, None] * PITCH + d[None, :], mask=inside, other=0.0).to(tl.float32)


@triton.jit
def glove_forward(
    rows,
    columns,
    counts,
    words,
    contexts,
    word_biases,
    context_biases,
    losses,
    slopes,
    N,
    alpha,
    log_x_max,
    D: tl.constexpr,
    WORD_PITCH: tl.constexpr,
    CONTEXT_PITCH: tl.constexpr,
    PAIRS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Losses of PAIRS pairs, and their derivatives in the score."""
    pairs = tl.program_id(0).to(tl.int64) * PAIRS + tl.arange(0, PAIRS)
    x = tl.load(counts + pairs, mask=pairs < N, other=0.0).to(tl.float32)
    occurs = x > 0.0
    i = tl.load(rows + pairs, mask=occurs, other=0).to(tl.int64)
    j = tl.load(columns + pairs, mask=occurs, other=0).to(tl.int64)
    u = rows_of(words, i, occurs, D, WORD_PITCH, WIDTH)
    v = rows_of(contexts, j, occurs, D, CONTEXT_PITCH, WIDTH)
    log_x = tl.log(tl.where(occurs, x, 1.0))
    weight = tl.where(occurs, tl.exp(tl.minimum(alpha * (log_x - log_x_max), 0.0)), 0.0)
    error = tl.sum(u * v, 1) - log_x
    error += tl.load(word_biases + i, mask=occurs, other=0.0).to(tl.float32)
    error += tl.load(context_biases + j, mask=occurs, other=0.0).to(tl.float32)
    tl.store(losses + pairs, weight * error * error, mask=pairs < N)
    tl.store(slopes + pairs, 2.0 * weight * error, mask=pairs < N)


@triton.jit
def glove_backward(
    upstream,
    slopes,
    rows,
    columns,
    words,
    contexts,
    word_target,
    context_target,
    word_bias_target,
    context_bias_target,
    N,
    upstream_row,
    D: tl.constexpr,
    WORD_PITCH: tl.constexpr,
    CONTEXT_PITCH: tl.constexpr,
    SPARSE: tl.constexpr,
    PAIRS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Gradients of PAIRS pairs: added to tables, or with SPARSE row by row to (N, D) and (N,) values."""
    pairs = tl.program_id(0).to(tl.int64) * PAIRS + tl.arange(0, PAIRS)
    inside = pairs < N
    slope = tl.load(slopes + pairs, mask=inside, other=0.0)
    slope *= tl.load(upstream + pairs * upstream_row, mask=inside, other=0.0)
    used = inside & (slope != 0.0)
    written = inside if SPARSE else used
    i = tl.load(rows + pairs, mask=used, other=0).to(tl.int64)
    j = tl.load(columns + pairs, mask=used, other=0).to(tl.int64)
    v = rows_of(contexts, j, used, D, CONTEXT_PITCH, WIDTH)
    scatter(word_target, i, pairs, slope[:, None] * v, written, D, WIDTH, SPARSE)
    u = rows_of(words, i, used, D, WORD_PITCH, WIDTH)
    scatter(context_target, j, pairs, slope[:, None] * u, written, D, WIDTH, SPARSE)
    if SPARSE:
        tl.store(word_bias_target + pairs, slope, mask=inside)
    else:
        tl.atomic_add(word_bias_target + i, slope, mask=used, sem="relaxed")
        tl.atomic_add(context_bias_target + j, slope, mask=used, sem="relaxed")


def forward(
    rows: torch.Tensor,
    columns: torch.Tensor,
    counts: torch.Tensor,
    words: torch.Tensor,
    contexts: torch.Tensor,
    word_biases: torch.Tensor,
    context_biases: torch.Tensor,
    alpha: float,
    log_x_max: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(N,) float32 losses, and their derivatives in the score."""
    (N,), D = rows.shape, words.shape[1]
    words, contexts = with_rows(words), with_rows(contexts)
    losses, slopes = empty((N,), words), empty((N,), words)
    pairs, width = tile(D, _TILE, _PAIRS)
    if N:
        with on_device(words):
            glove_forward[(triton.cdiv(N, pairs),)](
                rows.contiguous(),
                columns.contiguous(),
                counts.contiguous(),
                words,
                contexts,
                word_biases.contiguous(),
                context_biases.contiguous(),
                losses,
                slopes,
                N,
                alpha,
                log_x_max,
                D=D,
                WORD_PITCH=words.stride(0),
                CONTEXT_PITCH=contexts.stride(0),
                PAIRS=pairs,
                WIDTH=width,
                **OPTIONS,
            )
    return losses, slopes


def backward(
    upstream: torch.Tensor,
    slopes: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
    words: torch.Tensor,
    contexts: torch.Tensor,
    sparse: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Float32 gradients of both tables and both biases, or (N, D), (N, D) and (N,) values, row by row."""
    (N,), (V, D), U = rows.shape, words.shape, len(contexts)
    words, contexts = with_rows(words), with_rows(contexts)
    allocate = empty if sparse else zeros
    word_target, context_target = (allocate((N if sparse else length, D), words) for length in (V, U))
    word_biases, context_biases = (allocate((N if sparse else length,), words) for length in (V, U))
    pairs, width = tile(D, _TILE, _PAIRS)
    if N:
        with on_device(words):
            glove_backward[(triton.cdiv(N, pairs),)](
                upstream,
                slopes,
                rows.contiguous(),
                columns.contiguous(),
                words,
                contexts,
                word_target,
                context_target,
                word_biases,
                context_biases,
                N,
                upstream.stride(0),
                D=D,
                WORD_PITCH=words.stride(0),
                CONTEXT_PITCH=contexts.stride(0),
                SPARSE=sparse,
                PAIRS=pairs,
                WIDTH=width,
                **OPTIONS,
            )
    return word_target, context_target, word_biases, word_biases if sparse else context_biases
