"""Kernels of `fastnlp.kernels.subword_sum`: a program has the sum of one word's rows in registers."""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.decisions import scatter
from fastnlp.kernels.triton.launching import OPTIONS, on_device, tile, with_rows, zeros

_TILE = 2048  # elements of a tile of rows
_ROWS = 16


@triton.jit
def subword_forward(
    words,
    ids,
    offsets,
    table,
    sums,
    D: tl.constexpr,
    PITCH: tl.constexpr,
    MEAN: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """The sum or the mean of the rows of one word."""
    row = tl.program_id(0).to(tl.int64)
    d = tl.arange(0, WIDTH)
    word = tl.load(words + row).to(tl.int64)
    begin = tl.load(offsets + word)
    length = (tl.load(offsets + word + 1) - begin).to(tl.int32)
    total = tl.zeros((WIDTH,), tl.float32)
    for first in range(0, length, ROWS):
        entries = first + tl.arange(0, ROWS)
        real = entries < length
        gram = tl.load(ids + begin + entries, mask=real, other=0).to(tl.int64)
        inside = real[:, None] & (d < D)[None, :]
        z = tl.load(table + gram[:, None] * PITCH + d[None, :], mask=inside, other=0.0)
        total += tl.sum(z.to(tl.float32), 0)
    if MEAN:
        total = total / tl.maximum(length.to(tl.float32), 1.0)
    tl.store(sums + row * D + d, total.to(sums.dtype.element_ty), mask=d < D)


@triton.jit
def subword_backward(
    upstream,
    words,
    ids,
    offsets,
    target,
    upstream_row,
    upstream_column,
    D: tl.constexpr,
    MEAN: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Adds the gradient of one word to each of its rows."""
    row = tl.program_id(0).to(tl.int64)
    d = tl.arange(0, WIDTH)
    word = tl.load(words + row).to(tl.int64)
    begin = tl.load(offsets + word)
    length = (tl.load(offsets + word + 1) - begin).to(tl.int32)
    slope = tl.load(upstream + row * upstream_row + d * upstream_column, mask=d < D, other=0.0).to(tl.float32)
    if MEAN:
        slope = slope / tl.maximum(length.to(tl.float32), 1.0)
    for first in range(0, length, ROWS):
        entries = first + tl.arange(0, ROWS)
        real = entries < length
        gram = tl.load(ids + begin + entries, mask=real, other=0).to(tl.int64)
        spread = tl.broadcast_to(slope[None, :], (ROWS, WIDTH))
        scatter(target, gram, gram, spread, real, D, WIDTH, False)


def forward(
    words: torch.Tensor, ids: torch.Tensor, offsets: torch.Tensor, table: torch.Tensor, mean: bool
) -> torch.Tensor:
    """(N, D) sums or means, of the table's dtype."""
    (N,), D = words.shape, table.shape[1]
    table = with_rows(table)
    sums = torch.empty((N, D), dtype=table.dtype, device=table.device)
    rows, width = tile(D, _TILE, _ROWS)
    if N:
        with on_device(table):
            subword_forward[(N,)](
                words.contiguous(),
                ids.contiguous(),
                offsets.contiguous(),
                table,
                sums,
                D=D,
                PITCH=table.stride(0),
                MEAN=mean,
                ROWS=rows,
                WIDTH=width,
                **OPTIONS,
            )
    return sums


def backward(
    upstream: torch.Tensor,
    words: torch.Tensor,
    ids: torch.Tensor,
    offsets: torch.Tensor,
    table_rows: int,
    mean: bool,
) -> torch.Tensor:
    """(table_rows, D) float32 gradient of the table."""
    N, D = upstream.shape
    target = zeros((table_rows, D), upstream)
    rows, width = tile(D, _TILE, _ROWS)
    if N:
        with on_device(upstream):
            subword_backward[(N,)](
                upstream,
                words.contiguous(),
                ids.contiguous(),
                offsets.contiguous(),
                target,
                *upstream.stride(),
                D=D,
                MEAN=mean,
                ROWS=rows,
                WIDTH=width,
                **OPTIONS,
            )
    return target
