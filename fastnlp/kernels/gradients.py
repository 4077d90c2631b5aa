"""Gradients of tables of which a batch reaches few rows."""

from __future__ import annotations

import torch

__all__ = ["expect_width", "row_gradient", "wants_gradients"]

_WIDEST = 4096  # numbers of a row that a program can hold in registers


def expect_width(name: str, table: torch.Tensor) -> None:
    """Checks that rows fit the registers of a Triton program.

    Raises:
        ValueError: they are too long.

    Example:
        >>> expect_width("v_table", torch.empty(1, 5000))
        Traceback (most recent call last):
        ValueError: v_table: expected 1 to 4096 columns for backend 'triton', got 5000
    """
    if not 1 <= table.shape[1] <= _WIDEST:
        raise ValueError(
            f"{name}: expected 1 to {_WIDEST} columns for backend 'triton', got {table.shape[1]}"
        )


def wants_gradients(*tensors: torch.Tensor) -> bool:
    """Whether a forward pass has to keep what the backward pass needs.

    Example:
        >>> wants_gradients(torch.ones(1), torch.ones(1, requires_grad=True))
        True
    """
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def row_gradient(table: torch.Tensor, ids: torch.Tensor, values: torch.Tensor, sparse: bool) -> torch.Tensor:
    """The gradient of a table from the gradients of rows, some of them several times.

    Args:
        table: (V, D).
        ids: (N,) integers.
        values: (N, D).
        sparse: as a sparse tensor, repeated rows not added up; else dense, added up in a fixed order if
            `torch.use_deterministic_algorithms(True)` is set.

    Returns:
        (V, D), of the dtype of `values`.

    Example:
        >>> row_gradient(torch.zeros(2, 1), torch.tensor([1, 1]), torch.ones(2, 1), sparse=False)
        tensor([[0.],
                [2.]])
    """
    if sparse:
        return torch.sparse_coo_tensor(ids[None].long(), values, table.shape, check_invariants=False)
    wide = torch.zeros(table.shape, dtype=torch.float32, device=table.device)
    return wide.index_add_(0, ids, values.float()).to(values.dtype)
