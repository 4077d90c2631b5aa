"""Steps of optimizers on the rows of a table that a batch has reached, and on no others."""

from __future__ import annotations

import math

import torch

from fastnlp.kernels import reference
from fastnlp.kernels.backends import Backend, choose_backend
from fastnlp.kernels.checks import FLOATS, IDS, expect, expect_one_device, expect_range
from fastnlp.kernels.gradients import expect_width

__all__ = ["adagrad_rows_", "adam_rows_", "sgd_rows_"]


def sgd_rows_(
    table: torch.Tensor,
    rows: torch.Tensor,
    gradients: torch.Tensor,
    *,
    lr: float,
    validate: bool = True,
    backend: Backend | None = None,
) -> torch.Tensor:
    """table[row] -= lr * g for each row, g being the sum of the row's gradients.

    No gradient of the size of the table is made. A sparse gradient of `skipgram_bce`, `tree_bce`,
    `glove_loss` or `subword_sum` has `rows` in `grad._indices()[0]` and `gradients` in `grad._values()`. Sums
    are float32 and have one order, so the result is the same in every run.

    Args:
        table: (V, D) float32, float16 or bfloat16, changed in place; D is at most 4096 for Triton.
        rows: (N,) int32 or int64 in [0, V), in any order, some several times.
        gradients: (N, D) floats of any precision of `table`; NaN makes the row NaN.
        lr: the learning rate.
        validate: look for ids out of range first, for which the GPU is waited for. False trusts them.
        backend: "triton", "torch", or None to choose by device. A request never falls back.

    Returns:
        `table`.

    Raises:
        ValueError: shapes or devices differ, the numbers of a row are not neighbours in memory, or `lr` is
            not finite.
        TypeError: a dtype is not one listed above.
        IndexError: a row is out of range.
        RuntimeError: `backend` cannot run on this device.

    Example:
        >>> sgd_rows_(torch.ones(3, 2), torch.tensor([2, 0, 2]), torch.ones(3, 2), lr=0.25)
        tensor([[0.7500, 0.7500],
                [1.0000, 1.0000],
                [0.5000, 0.5000]])
    """
    chosen = _checked(table, {}, rows, gradients, {"lr": lr}, backend)
    with torch.no_grad():
        _sgd(table, rows, gradients, lr, validate, chosen)
    return table


def adagrad_rows_(
    table: torch.Tensor,
    squares: torch.Tensor,
    rows: torch.Tensor,
    gradients: torch.Tensor,
    *,
    lr: float,
    eps: float = 1e-10,
    validate: bool = True,
    backend: Backend | None = None,
) -> torch.Tensor:
    """squares[row] += g^2, then table[row] -= lr * g / (sqrt(squares[row]) + eps), for each row.

    AdaGrad (Duchi et al. 2011) as `torch.optim.Adagrad` makes it of sparse gradients.

    Args:
        table: as `sgd_rows_`.
        squares: (V, D) float32, contiguous, the sums of squared gradients, changed in place.
        rows: as `sgd_rows_`.
        gradients: as `sgd_rows_`.
        lr: the learning rate.
        eps: keeps rows without gradients where they are, at least 0.
        validate: as `sgd_rows_`.
        backend: as `sgd_rows_`.

    Returns:
        `table`.

    Raises:
        ValueError: as `sgd_rows_`.
        TypeError: as `sgd_rows_`.
        IndexError: as `sgd_rows_`.
        RuntimeError: as `sgd_rows_`.

    Example:
        >>> squares = torch.zeros(2, 1)
        >>> adagrad_rows_(torch.ones(2, 1), squares, torch.tensor([1]), torch.tensor([[3.0]]), lr=0.5)
        tensor([[1.0000],
                [0.5000]])
        >>> squares.tolist()
        [[0.0], [9.0]]
    """
    chosen = _checked(table, {"squares": squares}, rows, gradients, {"lr": lr, "eps": eps}, backend)
    with torch.no_grad():
        _adagrad(table, squares, rows, gradients, lr, eps, validate, chosen)
    return table


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
    validate: bool = True,
    backend: Backend | None = None,
) -> torch.Tensor:
    """A step of Adam (Kingma and Ba 2015) on some rows; the moments of the others stay as they are.

    As `torch.optim.SparseAdam`: with g the sum of a row's gradients, m = b1 m + (1 - b1) g,
    s = b2 s + (1 - b2) g^2, and the row moves by -lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(s) + eps).

    Args:
        table: as `sgd_rows_`.
        means: (V, D) float32, contiguous, m, changed in place.
        squares: (V, D) float32, contiguous, s, changed in place.
        rows: as `sgd_rows_`.
        gradients: as `sgd_rows_`.
        step: t, the number of this step, from 1.
        lr: the learning rate.
        betas: (b1, b2), in [0, 1).
        eps: at least 0.
        validate: as `sgd_rows_`.
        backend: as `sgd_rows_`.

    Returns:
        `table`.

    Raises:
        ValueError: as `sgd_rows_`, or `step` or `betas` are out of range.
        TypeError: as `sgd_rows_`.
        IndexError: as `sgd_rows_`.
        RuntimeError: as `sgd_rows_`.

    Example:
        >>> moments = torch.zeros(2, 1), torch.zeros(2, 1)
        >>> adam_rows_(torch.ones(2, 1), *moments, torch.tensor([1]), torch.tensor([[3.0]]), step=1, lr=0.5)
        tensor([[1.0000],
                [0.5000]])
    """
    states = {"means": means, "squares": squares}
    chosen = _checked(table, states, rows, gradients, {"lr": lr, "eps": eps}, backend)
    if step < 1:
        raise ValueError(f"step: expected at least 1, got {step}")
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas: expected two numbers in [0, 1), got {betas}")
    with torch.no_grad():
        _adam(table, means, squares, rows, gradients, step, lr, *betas, eps, validate, chosen)
    return table


def _checked(
    table: torch.Tensor,
    states: dict[str, torch.Tensor],
    rows: torch.Tensor,
    gradients: torch.Tensor,
    numbers: dict[str, float],
    backend: Backend | None,
) -> Backend:
    expect("table", table, FLOATS, ("V", "D"))
    expect("rows", rows, IDS, ("N",))
    expect("gradients", gradients, FLOATS, (len(rows), table.shape[1]))
    for name, state in states.items():
        expect(name, state, (torch.float32,), table.shape)
        if not state.is_contiguous():
            raise ValueError(f"{name}: expected a contiguous tensor, got strides {state.stride()}")
    if table.stride(1) != 1:
        raise ValueError(f"table: expected rows that lie in one piece, got strides {table.stride()}")
    expect_one_device(table=table, rows=rows, gradients=gradients, **states)
    for name, number in numbers.items():
        if not math.isfinite(number) or (name == "eps" and number < 0):
            raise ValueError(f"{name}: expected a finite number, at least 0 if it is eps, got {number}")
    chosen = choose_backend(backend, table.device)
    if chosen == "triton":
        expect_width("table", table)
    return chosen


@torch.library.custom_op("fastnlp::sgd_rows_", mutates_args=("table",))
def _sgd(
    table: torch.Tensor, rows: torch.Tensor, gradients: torch.Tensor, lr: float, validate: bool, backend: str
) -> None:
    if validate:
        expect_range("rows", rows, len(table))
    if backend == "torch":
        reference.sgd_rows_(table, rows, gradients, lr=lr)
    else:
        from fastnlp.kernels.triton import row_updates

        row_updates.update("sgd", table, None, None, rows, gradients, lr)


@torch.library.custom_op("fastnlp::adagrad_rows_", mutates_args=("table", "squares"))
def _adagrad(
    table: torch.Tensor,
    squares: torch.Tensor,
    rows: torch.Tensor,
    gradients: torch.Tensor,
    lr: float,
    eps: float,
    validate: bool,
    backend: str,
) -> None:
    if validate:
        expect_range("rows", rows, len(table))
    if backend == "torch":
        reference.adagrad_rows_(table, squares, rows, gradients, lr=lr, eps=eps)
    else:
        from fastnlp.kernels.triton import row_updates

        row_updates.update("adagrad", table, None, squares, rows, gradients, lr, eps=eps)


@torch.library.custom_op("fastnlp::adam_rows_", mutates_args=("table", "means", "squares"))
def _adam(
    table: torch.Tensor,
    means: torch.Tensor,
    squares: torch.Tensor,
    rows: torch.Tensor,
    gradients: torch.Tensor,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    validate: bool,
    backend: str,
) -> None:
    if validate:
        expect_range("rows", rows, len(table))
    if backend == "torch":
        moments = (table, means, squares)
        reference.adam_rows_(*moments, rows, gradients, step=step, lr=lr, betas=(beta1, beta2), eps=eps)
    else:
        from fastnlp.kernels.triton import row_updates

        rate = lr * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        row_updates.update("adam", table, means, squares, rows, gradients, rate, beta1, beta2, eps)


for _op in (_sgd, _adagrad, _adam):
    _op.register_fake(lambda *_: None)
