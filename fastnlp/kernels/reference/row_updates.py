"""Updates of some rows of a table in plain torch, in place."""

from __future__ import annotations

import torch

from fastnlp.kernels.reference.lookup import widened

__all__ = ["adagrad_rows_", "adam_rows_", "sgd_rows_"]


def _summed(rows: torch.Tensor, gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Different rows, and the sums of their gradients."""
    unique, inverse = torch.unique(rows.long(), return_inverse=True)
    wide = widened(gradients)
    return unique, wide.new_zeros(len(unique), wide.shape[1]).index_add_(0, inverse, wide)


def _move(table: torch.Tensor, rows: torch.Tensor, steps: torch.Tensor) -> None:
    table[rows] = (widened(table[rows]) - steps).to(table.dtype)


def sgd_rows_(table: torch.Tensor, rows: torch.Tensor, gradients: torch.Tensor, *, lr: float) -> None:
    """As `fastnlp.kernels.sgd_rows_`; float64 stays float64."""
    unique, g = _summed(rows, gradients)
    _move(table, unique, lr * g)


def adagrad_rows_(
    table: torch.Tensor,
    squares: torch.Tensor,
    rows: torch.Tensor,
    gradients: torch.Tensor,
    *,
    lr: float,
    eps: float = 1e-10,
) -> None:
    """As `fastnlp.kernels.adagrad_rows_`; float64 stays float64."""
    unique, g = _summed(rows, gradients)
    squares[unique] += g**2
    _move(table, unique, lr * g / (squares[unique].sqrt() + eps))


def adam_rows_(
    table: torch.Tensor,
    means: torch.Tensor,
    squares: torch.Tensor,
    rows: torch.Tensor,
    gradients: torch.Tensor,
    *,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> None:
    """As `fastnlp.kernels.adam_rows_`; float64 stays float64."""
    unique, g = _summed(rows, gradients)
    means[unique] = betas[0] * means[unique] + (1 - betas[0]) * g
    squares[unique] = betas[1] * squares[unique] + (1 - betas[1]) * g**2
    rate = lr * (1 - betas[1] ** step) ** 0.5 / (1 - betas[0] ** step)
    _move(table, unique, rate * means[unique] / (squares[unique].sqrt() + eps))
