"""Kernel of `sgd_rows_`, `adagrad_rows_` and `adam_rows_` in `fastnlp.kernels`.

Gradients are sorted by their rows. The program of the first gradient of a row adds up all of that row, in the
order in which they came, and makes the step; so sums have one order and no row is written twice.
"""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.launching import OPTIONS, on_device, tile, with_rows

_TILE = 2048  # elements of a tile of gradients
_PARTS = 16


@triton.jit
def update_rows(
    table,
    means,
    squares,
    rows,
    order,
    ends,
    gradients,
    rate,
    beta1,
    beta2,
    eps,
    RULE: tl.constexpr,
    D: tl.constexpr,
    PITCH: tl.constexpr,
    GRADIENT_PITCH: tl.constexpr,
    PARTS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """One row's step by RULE: "sgd", "adagrad" or "adam"."""
    begin = tl.program_id(0).to(tl.int64)
    row = tl.load(rows + begin).to(tl.int64)
    before = tl.load(rows + begin - 1, mask=begin > 0, other=-1).to(tl.int64)
    first_of_row = row != before
    count = tl.where(first_of_row, tl.load(ends + begin) - begin, 0).to(tl.int32)
    d = tl.arange(0, WIDTH)
    inside = (d < D) & (d < count * WIDTH)  # nothing unless this is the first of its row
    g = tl.zeros((WIDTH,), tl.float32)
    for start in range(0, count, PARTS):
        parts = start + tl.arange(0, PARTS)
        place = tl.load(order + begin + parts, mask=parts < count, other=0)
        used = (parts < count)[:, None] & (d < D)[None, :]
        block = tl.load(gradients + place[:, None] * GRADIENT_PITCH + d[None, :], mask=used, other=0.0)
        g += tl.sum(block.to(tl.float32), 0)
    move = g
    if RULE == "adagrad":
        square = tl.load(squares + row * D + d, mask=inside, other=0.0) + g * g
        tl.store(squares + row * D + d, square, mask=inside)
        move = g / (tl.sqrt(square) + eps)
    if RULE == "adam":
        mean = tl.load(means + row * D + d, mask=inside, other=0.0)
        mean = beta1 * mean + (1.0 - beta1) * g
        square = tl.load(squares + row * D + d, mask=inside, other=0.0)
        square = beta2 * square + (1.0 - beta2) * g * g
        tl.store(means + row * D + d, mean, mask=inside)
        tl.store(squares + row * D + d, square, mask=inside)
        move = mean / (tl.sqrt(square) + eps)
    value = tl.load(table + row * PITCH + d, mask=inside, other=0.0).to(tl.float32) - rate * move
    tl.store(table + row * PITCH + d, value.to(table.dtype.element_ty), mask=inside)


def update(
    rule: str,
    table: torch.Tensor,
    means: torch.Tensor | None,
    squares: torch.Tensor | None,
    rows: torch.Tensor,
    gradients: torch.Tensor,
    rate: float,
    beta1: float = 0.0,
    beta2: float = 0.0,
    eps: float = 0.0,
) -> None:
    """Makes one step by "sgd", "adagrad" or "adam", in place."""
    (N,), D = rows.shape, table.shape[1]
    if not N:
        return
    gradients = with_rows(gradients)
    ordered, order = torch.sort(rows, stable=True)
    ends = torch.searchsorted(ordered, ordered, right=True)
    parts, width = tile(D, _TILE, _PARTS)
    with on_device(table):
        update_rows[(N,)](
            table,
            means,
            squares,
            ordered,
            order,
            ends,
            gradients,
            rate,
            beta1,
            beta2,
            eps,
            RULE=rule,
            D=D,
            PITCH=table.stride(0),
            GRADIENT_PITCH=gradients.stride(0),
            PARTS=parts,
            WIDTH=width,
            **OPTIONS,
        )
