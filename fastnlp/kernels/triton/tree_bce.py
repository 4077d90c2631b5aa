"""Kernels of `fastnlp.kernels.tree_bce`: a program walks one path.

The backward pass scores the path again rather than keep its errors: paths differ in length, so a place for
them would have to be counted on the host, and the rows near the root are in the cache.
"""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.decisions import decide, scatter, scatter_one
from fastnlp.kernels.triton.launching import OPTIONS, empty, on_device, tile, with_rows, zeros

_TILE = 2048  # elements of a tile of rows
_STEPS = 16


@triton.jit
def tree_forward(
    centers,
    targets,
    path,
    path_offsets,
    v_table,
    node_table,
    losses,
    D: tl.constexpr,
    V_PITCH: tl.constexpr,
    NODE_PITCH: tl.constexpr,
    STEPS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """The loss of one center and its target."""
    row = tl.program_id(0).to(tl.int64)
    d = tl.arange(0, WIDTH)
    target = tl.load(targets + row).to(tl.int64)
    begin = tl.load(path_offsets + target)
    length = (tl.load(path_offsets + target + 1) - begin).to(tl.int32)
    center = tl.load(centers + row).to(tl.int64)
    v = tl.load(v_table + center * V_PITCH + d, mask=d < D, other=0.0).to(tl.float32)
    total = tl.zeros((STEPS,), tl.float32)
    for first in range(0, length, STEPS):
        steps = first + tl.arange(0, STEPS)
        real = steps < length
        entry = tl.load(path + begin + steps, mask=real, other=0).to(tl.int64)
        loss, _, _ = decide(v, node_table, entry >> 1, (entry & 1) == 0, real, 1.0, D, NODE_PITCH, WIDTH)
        total += loss
    tl.store(losses + row, tl.sum(total, 0))


@triton.jit
def tree_backward(
    upstream,
    centers,
    targets,
    path,
    path_offsets,
    firsts,
    v_table,
    node_table,
    v_target,
    node_target,
    upstream_row,
    D: tl.constexpr,
    V_PITCH: tl.constexpr,
    NODE_PITCH: tl.constexpr,
    SPARSE: tl.constexpr,
    STEPS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Gradients of one center and its path: added to tables, or with SPARSE row by row to values."""
    row = tl.program_id(0).to(tl.int64)
    d = tl.arange(0, WIDTH)
    scale = tl.load(upstream + row * upstream_row)
    target = tl.load(targets + row).to(tl.int64)
    begin = tl.load(path_offsets + target)
    length = (tl.load(path_offsets + target + 1) - begin).to(tl.int32)
    center = tl.load(centers + row).to(tl.int64)
    v = tl.load(v_table + center * V_PITCH + d, mask=d < D, other=0.0).to(tl.float32)
    place = tl.load(firsts + row) if SPARSE else begin
    by_v = tl.zeros((WIDTH,), tl.float32)
    for first in range(0, length, STEPS):
        steps = first + tl.arange(0, STEPS)
        real = steps < length
        entry = tl.load(path + begin + steps, mask=real, other=0).to(tl.int64)
        node = entry >> 1
        _, error, part = decide(v, node_table, node, (entry & 1) == 0, real, scale, D, NODE_PITCH, WIDTH)
        by_v += part
        scatter(node_target, node, place + steps, error[:, None] * v[None, :], real, D, WIDTH, SPARSE)
    scatter_one(v_target, center, row, by_v, D, WIDTH, SPARSE)


def forward(
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    path: torch.Tensor,
    path_offsets: torch.Tensor,
) -> torch.Tensor:
    """(B,) float32 losses."""
    (B,), D = centers.shape, v_table.shape[1]
    v_table, node_table = with_rows(v_table), with_rows(node_table)
    losses = empty((B,), v_table)
    steps, width = tile(D, _TILE, _STEPS)
    if B:
        with on_device(v_table):
            tree_forward[(B,)](
                centers.contiguous(),
                targets.contiguous(),
                path.contiguous(),
                path_offsets.contiguous(),
                v_table,
                node_table,
                losses,
                D=D,
                V_PITCH=v_table.stride(0),
                NODE_PITCH=node_table.stride(0),
                STEPS=steps,
                WIDTH=width,
                **OPTIONS,
            )
    return losses


def backward(
    upstream: torch.Tensor,
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    path: torch.Tensor,
    path_offsets: torch.Tensor,
    firsts: torch.Tensor | None,
    entries: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Float32 gradients of both tables; with `firsts`, where each path begins among all, their values."""
    (B,), D = centers.shape, v_table.shape[1]
    v_table, node_table = with_rows(v_table), with_rows(node_table)
    if firsts is None:
        v_target, node_target = zeros(tuple(v_table.shape), v_table), zeros(tuple(node_table.shape), v_table)
    else:
        v_target, node_target = empty((B, D), v_table), empty((entries, D), v_table)
    steps, width = tile(D, _TILE, _STEPS)
    if B:
        with on_device(v_table):
            tree_backward[(B,)](
                upstream,
                centers.contiguous(),
                targets.contiguous(),
                path.contiguous(),
                path_offsets.contiguous(),
                path_offsets if firsts is None else firsts,
                v_table,
                node_table,
                v_target,
                node_target,
                upstream.stride(0),
                D=D,
                V_PITCH=v_table.stride(0),
                NODE_PITCH=node_table.stride(0),
                SPARSE=firsts is not None,
                STEPS=steps,
                WIDTH=width,
                **OPTIONS,
            )
    return v_target, node_target
