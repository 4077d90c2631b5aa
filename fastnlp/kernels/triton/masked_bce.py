"""Kernels of `fastnlp.kernels.masked_bce`: a program takes some rows and goes through their columns."""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.launching import OPTIONS, on_device, tile
from fastnlp.kernels.triton.logistic import decision

_TILE = 512  # elements; wider rows are gone through in several steps


@triton.jit
def masked_bce_forward(
    logits,
    labels,
    mask,
    losses,
    B,
    L,
    logits_row,
    logits_column,
    labels_row,
    labels_column,
    mask_row,
    mask_column,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Losses of ROWS rows."""
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    total = tl.zeros((ROWS,), tl.float32)
    count = tl.zeros((ROWS,), tl.float32)
    for first in range(0, L, COLUMNS):
        columns = (first + tl.arange(0, COLUMNS)).to(tl.int64)
        inside = (rows < B)[:, None] & (columns < L)[None, :]
        real = tl.load(mask + rows[:, None] * mask_row + columns[None, :] * mask_column, mask=inside, other=0)
        real = real != 0
        x = tl.load(
            logits + rows[:, None] * logits_row + columns[None, :] * logits_column, mask=real, other=0.0
        )
        y = tl.load(
            labels + rows[:, None] * labels_row + columns[None, :] * labels_column, mask=real, other=0
        )
        x = x.to(tl.float32)
        loss, _ = decision(tl.where(y != 0, -x, x))
        total += tl.sum(tl.where(real, loss, 0.0), 1)
        count += tl.sum(real.to(tl.float32), 1)
    tl.store(losses + rows, total / tl.maximum(count, 1.0), mask=rows < B)


@triton.jit
def masked_bce_backward(
    upstream,
    logits,
    labels,
    mask,
    gradient,
    B,
    L,
    upstream_row,
    logits_row,
    logits_column,
    labels_row,
    labels_column,
    mask_row,
    mask_column,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Gradients of the logits of ROWS rows: (sigmoid(x) - y) * upstream / (columns that are real)."""
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    count = tl.zeros((ROWS,), tl.float32)
    for first in range(0, L, COLUMNS):
        columns = (first + tl.arange(0, COLUMNS)).to(tl.int64)
        inside = (rows < B)[:, None] & (columns < L)[None, :]
        real = tl.load(mask + rows[:, None] * mask_row + columns[None, :] * mask_column, mask=inside, other=0)
        count += tl.sum((real != 0).to(tl.float32), 1)
    scale = tl.load(upstream + rows * upstream_row, mask=rows < B, other=0.0) / tl.maximum(count, 1.0)
    for first in range(0, L, COLUMNS):
        columns = (first + tl.arange(0, COLUMNS)).to(tl.int64)
        inside = (rows < B)[:, None] & (columns < L)[None, :]
        real = tl.load(mask + rows[:, None] * mask_row + columns[None, :] * mask_column, mask=inside, other=0)
        real = real != 0
        x = tl.load(
            logits + rows[:, None] * logits_row + columns[None, :] * logits_column, mask=real, other=0.0
        )
        y = tl.load(
            labels + rows[:, None] * labels_row + columns[None, :] * labels_column, mask=real, other=0
        )
        x = x.to(tl.float32)
        _, error = decision(tl.where(y != 0, -x, x))
        error = tl.where(real, tl.where(y != 0, -error, error) * scale[:, None], 0.0)
        place = gradient + rows[:, None] * L + columns[None, :]
        tl.store(place, error.to(gradient.dtype.element_ty), mask=inside)


def forward(logits: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B,) float32 losses."""
    B, L = logits.shape
    losses = torch.empty(B, dtype=torch.float32, device=logits.device)
    rows, columns = tile(min(max(L, 1), _TILE), _TILE, 16)
    if B:
        with on_device(logits):
            masked_bce_forward[(triton.cdiv(B, rows),)](
                logits,
                labels,
                mask,
                losses,
                B,
                L,
                *logits.stride(),
                *labels.stride(),
                *mask.stride(),
                ROWS=rows,
                COLUMNS=columns,
                **OPTIONS,
            )
    return losses


def backward(
    upstream: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """(B, L) gradient of the logits, from that of the (B,) losses."""
    B, L = logits.shape
    gradient = torch.empty((B, L), dtype=logits.dtype, device=logits.device)
    rows, columns = tile(min(max(L, 1), _TILE), _TILE, 16)
    if B and L:
        with on_device(logits):
            masked_bce_backward[(triton.cdiv(B, rows),)](
                upstream,
                logits,
                labels,
                mask,
                gradient,
                B,
                L,
                *upstream.stride(),
                *logits.stride(),
                *labels.stride(),
                *mask.stride(),
                ROWS=rows,
                COLUMNS=columns,
                **OPTIONS,
            )
    return gradient
