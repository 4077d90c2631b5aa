"""Kernels of `fastnlp.kernels.skipgram_bce`: a program has a center in registers and reads each row once.

The forward pass keeps the error of every column and the gradient of the center's vector, for which the rows
are at hand; so the backward pass reads no row of the contexts' table again and is one scatter.
"""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.decisions import decide, scatter, scatter_one
from fastnlp.kernels.triton.launching import OPTIONS, empty, on_device, tile, with_rows, zeros

_TILE = 4096  # elements of a tile of rows: 32 registers of a thread
_COLUMNS = 32


@triton.jit
def skipgram_forward(
    centers,
    contexts,
    labels,
    mask,
    v_table,
    u_table,
    losses,
    errors,
    v_gradients,
    L,
    D: tl.constexpr,
    V_PITCH: tl.constexpr,
    U_PITCH: tl.constexpr,
    GRADIENTS: tl.constexpr,
    COLUMNS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """The loss of one row, and with GRADIENTS its errors and the gradient of its center."""
    row = tl.program_id(0).to(tl.int64)
    d = tl.arange(0, WIDTH)
    count = 0.0
    for first in range(0, L, 128):
        columns = first + tl.arange(0, 128)
        real = tl.load(mask + row * L + columns, mask=columns < L, other=0) != 0
        count += tl.sum(real.to(tl.float32), 0)
    scale = 1.0 / tl.maximum(count, 1.0)
    center = tl.load(centers + row).to(tl.int64)
    v = tl.load(v_table + center * V_PITCH + d, mask=d < D, other=0.0).to(tl.float32)
    by_v = tl.zeros((WIDTH,), tl.float32)
    total = tl.zeros((COLUMNS,), tl.float32)
    for first in range(0, L, COLUMNS):
        columns = first + tl.arange(0, COLUMNS)
        inside = columns < L
        real = tl.load(mask + row * L + columns, mask=inside, other=0) != 0
        ids = tl.load(contexts + row * L + columns, mask=real, other=0).to(tl.int64)
        yes = tl.load(labels + row * L + columns, mask=real, other=0) != 0
        loss, error, part = decide(v, u_table, ids, yes, real, scale, D, U_PITCH, WIDTH)
        total += loss
        if GRADIENTS:
            by_v += part
            tl.store(errors + row * L + columns, error, mask=inside)
    tl.store(losses + row, tl.sum(total, 0) * scale)
    if GRADIENTS:
        tl.store(v_gradients + row * D + d, by_v, mask=d < D)


@triton.jit
def skipgram_backward(
    upstream,
    errors,
    v_gradients,
    centers,
    contexts,
    v_table,
    v_target,
    u_target,
    L,
    upstream_row,
    D: tl.constexpr,
    V_PITCH: tl.constexpr,
    SPARSE: tl.constexpr,
    COLUMNS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Gradients of one row: added to tables, or with SPARSE row by row to (B, D) and (B * L, D) values."""
    row = tl.program_id(0).to(tl.int64)
    d = tl.arange(0, WIDTH)
    scale = tl.load(upstream + row * upstream_row)
    center = tl.load(centers + row).to(tl.int64)
    by_v = tl.load(v_gradients + row * D + d, mask=d < D, other=0.0) * scale
    scatter_one(v_target, center, row, by_v, D, WIDTH, SPARSE)
    v = tl.load(v_table + center * V_PITCH + d, mask=d < D, other=0.0).to(tl.float32) * scale
    for first in range(0, L, COLUMNS):
        columns = first + tl.arange(0, COLUMNS)
        inside = columns < L
        error = tl.load(errors + row * L + columns, mask=inside, other=0.0)
        used = inside if SPARSE else error != 0.0
        ids = tl.load(contexts + row * L + columns, mask=used, other=0).to(tl.int64)
        scatter(u_target, ids, row * L + columns, error[:, None] * v[None, :], used, D, WIDTH, SPARSE)


def forward(
    centers: torch.Tensor,
    contexts: torch.Tensor,
    labels: torch.Tensor,
    mask: torch.Tensor,
    v_table: torch.Tensor,
    u_table: torch.Tensor,
    gradients: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B,) losses, (B, L) errors and (B, D) gradients of the centers' vectors, float32."""
    B, L = contexts.shape
    D = v_table.shape[1]
    v_table, u_table = with_rows(v_table), with_rows(u_table)
    losses = empty((B,), v_table)
    errors, v_gradients = (empty(shape if gradients else (0, 0), v_table) for shape in ((B, L), (B, D)))
    columns, width = tile(D, _TILE, _COLUMNS)
    if B:
        with on_device(v_table):
            skipgram_forward[(B,)](
                centers.contiguous(),
                contexts.contiguous(),
                labels.contiguous(),
                mask.contiguous(),
                v_table,
                u_table,
                losses,
                errors,
                v_gradients,
                L,
                D=D,
                V_PITCH=v_table.stride(0),
                U_PITCH=u_table.stride(0),
                GRADIENTS=gradients,
                COLUMNS=columns,
                WIDTH=width,
                **OPTIONS,
            )
    return losses, errors, v_gradients


def backward(
    upstream: torch.Tensor,
    errors: torch.Tensor,
    v_gradients: torch.Tensor,
    centers: torch.Tensor,
    contexts: torch.Tensor,
    v_table: torch.Tensor,
    u_rows: int,
    sparse: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Float32 gradients of both tables, or their (B, D) and (B * L, D) values, row by row."""
    B, L = contexts.shape
    V, D = v_table.shape
    v_table = with_rows(v_table)
    allocate = empty if sparse else zeros
    v_target = allocate((B if sparse else V, D), v_table)
    u_target = allocate((B * L if sparse else u_rows, D), v_table)
    columns, width = tile(D, _TILE, _COLUMNS)
    if B:
        with on_device(v_table):
            skipgram_backward[(B,)](
                upstream,
                errors,
                v_gradients,
                centers.contiguous(),
                contexts.contiguous(),
                v_table,
                v_target,
                u_target,
                L,
                upstream.stride(0),
                D=D,
                V_PITCH=v_table.stride(0),
                SPARSE=sparse,
                COLUMNS=columns,
                WIDTH=width,
                **OPTIONS,
            )
    return v_target, u_target
