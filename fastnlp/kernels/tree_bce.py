"""Hierarchical softmax: from ids and the paths of a tree to losses, and back to both tables."""

from __future__ import annotations

from typing import Any

import torch

from fastnlp.kernels import reference
from fastnlp.kernels.backends import Backend, choose_backend
from fastnlp.kernels.checks import FLOATS, IDS, expect, expect_one_device, expect_range
from fastnlp.kernels.gradients import expect_width, row_gradient
from fastnlp.kernels.lists import expand_lists, expect_lists

__all__ = ["tree_bce"]


def tree_bce(
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    path: torch.Tensor,
    path_offsets: torch.Tensor,
    *,
    sparse: bool = False,
    validate: bool = True,
    backend: Backend | None = None,
) -> torch.Tensor:
    """-log P(target | center) by hierarchical softmax, the sum over the decisions from the root to a leaf.

    -sum log s(u_n.v) where the path turns left at inner node n, and of s(-u_n.v) where it turns right
    (Mikolov et al. 2013, arXiv:1310.4546, eq. 3); the probabilities of all words sum to 1. Scores and sums
    are float32. On the order of sums, and on NaN, see `skipgram_bce`.

    Args:
        centers: (B,) int32 or int64, rows of `v_table`. For CBOW `v_table` holds the means of the contexts,
            and these are 0 to B - 1.
        targets: (B,) int32 or int64, words in [0, V). One without a path has loss 0.
        v_table: (C, D) float32, float16 or bfloat16; D is at most 4096 for Triton.
        node_table: (U, D) of the same dtype, vectors of the inner nodes.
        path: flat int32 or int64, 2 * (inner node) + (0 for left, 1 for right) a step, as that of
            `fastnlp.sampling.HuffmanTree`.
        path_offsets: (V + 1,) int64; the path of word w is path[path_offsets[w]:path_offsets[w + 1]].
        sparse: give gradients as sparse tensors with a row for each center and each step, repeated rows not
            added up yet.
        validate: look for ids out of range first, for which the GPU is waited for. False trusts them.
        backend: "triton", "torch", or None to choose by device. A request never falls back.

    Returns:
        (B,) float32, in nats. Differentiable in both tables.

    Raises:
        ValueError: shapes or devices differ, or offsets are none.
        TypeError: a dtype is not one listed above.
        IndexError: an id is out of range.
        RuntimeError: `backend` cannot run on this device.

    Example:
        >>> from fastnlp.sampling import HuffmanTree
        >>> tree = HuffmanTree.from_counts([2, 1, 1])
        >>> paths = torch.from_numpy(tree.path), torch.from_numpy(tree.path_offsets)
        >>> v, nodes = torch.zeros(1, 4), torch.zeros(2, 4)
        >>> torch.exp(-tree_bce(torch.tensor([0, 0, 0]), torch.tensor([0, 1, 2]), v, nodes, *paths))
        tensor([0.5000, 0.2500, 0.2500])
    """
    expect("centers", centers, IDS, ("B",))
    expect("targets", targets, IDS, centers.shape)
    expect("v_table", v_table, FLOATS, ("C", "D"))
    expect("node_table", node_table, (v_table.dtype,), ("U", v_table.shape[1]))
    expect("path", path, IDS, ("P",))
    expect("path_offsets", path_offsets, (torch.int64,), ("V + 1",))
    expect_one_device(
        v_table=v_table,
        node_table=node_table,
        centers=centers,
        targets=targets,
        path=path,
        path_offsets=path_offsets,
    )
    arguments = (centers, targets, v_table, node_table, path, path_offsets)
    if choose_backend(backend, v_table.device) == "torch":
        if validate and not torch.compiler.is_compiling():
            _check_ids(*arguments)
        return reference.tree_bce(*arguments, sparse=sparse)
    expect_width("v_table", v_table)
    losses: torch.Tensor = _forward(*arguments, sparse, validate)
    return losses


def _check_ids(
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    path: torch.Tensor,
    path_offsets: torch.Tensor,
) -> None:
    expect_range("centers", centers, len(v_table))
    expect_lists(targets, path, path_offsets, 2 * len(node_table), ("targets", "path", "path_offsets"))


@torch.library.custom_op("fastnlp::tree_bce", mutates_args=())
def _forward(
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    path: torch.Tensor,
    path_offsets: torch.Tensor,
    sparse: bool,
    validate: bool,
) -> torch.Tensor:
    from fastnlp.kernels.triton import tree_bce as kernels

    arguments = (centers, targets, v_table, node_table, path, path_offsets)
    if validate:
        _check_ids(*arguments)
    return kernels.forward(*arguments)


@_forward.register_fake
def _(centers: torch.Tensor, targets: torch.Tensor, v_table: torch.Tensor, *_: Any) -> torch.Tensor:
    return v_table.new_empty(len(centers), dtype=torch.float32)


@torch.library.custom_op("fastnlp::tree_bce_backward", mutates_args=())
def _backward(
    upstream: torch.Tensor,
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    path: torch.Tensor,
    path_offsets: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    from fastnlp.kernels.triton import tree_bce as kernels

    tables = (v_table, node_table, path, path_offsets)
    v, nodes = kernels.backward(upstream, centers, targets, *tables, None, 0)
    return v.to(v_table.dtype), nodes.to(v_table.dtype)


@_backward.register_fake
def _(
    upstream: torch.Tensor,
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    *_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    return v_table.new_empty(v_table.shape), node_table.new_empty(node_table.shape)


@torch.library.custom_op("fastnlp::tree_bce_backward_rows", mutates_args=())
def _backward_rows(
    upstream: torch.Tensor,
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    path: torch.Tensor,
    path_offsets: torch.Tensor,
    owners: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    from fastnlp.kernels.triton import tree_bce as kernels

    firsts = torch.searchsorted(owners, torch.arange(len(centers), device=owners.device))
    tables = (v_table, node_table, path, path_offsets)
    v, nodes = kernels.backward(upstream, centers, targets, *tables, firsts, len(owners))
    return v.to(v_table.dtype), nodes.to(v_table.dtype)


@_backward_rows.register_fake
def _(
    upstream: torch.Tensor,
    centers: torch.Tensor,
    targets: torch.Tensor,
    v_table: torch.Tensor,
    node_table: torch.Tensor,
    path: torch.Tensor,
    path_offsets: torch.Tensor,
    owners: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    D = v_table.shape[1]  # not len(): how many owners there are is known when it runs
    return v_table.new_empty((centers.shape[0], D)), v_table.new_empty((owners.shape[0], D))


def _save(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    *tensors, ctx.sparse, _ = inputs
    ctx.save_for_backward(*tensors)


def _differentiate(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    centers, targets, v_table, node_table, path, path_offsets = saved = ctx.saved_tensors
    if ctx.sparse or torch.are_deterministic_algorithms_enabled():
        places, owners = expand_lists(targets, path_offsets)
        v, nodes = _backward_rows(upstream, *saved, owners)
        v = row_gradient(v_table, centers, v, ctx.sparse)
        nodes = row_gradient(node_table, path[places] >> 1, nodes, ctx.sparse)
    else:
        v, nodes = _backward(upstream, *saved)
    return None, None, v, nodes, None, None, None, None


_forward.register_autograd(_differentiate, setup_context=_save)
