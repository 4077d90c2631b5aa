"""What has to hold before a kernel, which trusts its arguments, may be launched."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["BOOLS", "FLOATS", "IDS", "expect", "expect_one_device", "expect_range"]

FLOATS = (torch.float32, torch.float16, torch.bfloat16)
IDS = (torch.int32, torch.int64)
BOOLS = (torch.bool,)


def expect(name: str, value: object, dtypes: Sequence[torch.dtype], shape: Sequence[int | str]) -> None:
    """Checks the type and the shape of an argument.

    Args:
        name: of the argument.
        value: what was passed.
        dtypes: those it may have.
        shape: a number for a length that is fixed, a letter for any.

    Raises:
        TypeError: it is no tensor, or of another dtype.
        ValueError: the shape differs.

    Example:
        >>> expect("mask", torch.zeros(2, 3), BOOLS, ("B", "L"))
        Traceback (most recent call last):
        TypeError: mask: expected bool, got float32
        >>> expect("mask", torch.zeros(2, 3).bool(), BOOLS, (2, 4))
        Traceback (most recent call last):
        ValueError: mask: expected the shape (2, 4), got (2, 3)
    """
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name}: expected a torch.Tensor, got {type(value).__name__}")
    if value.dtype not in dtypes:
        allowed = ", ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise TypeError(f"{name}: expected {allowed}, got {str(value.dtype).removeprefix('torch.')}")
    fits = value.dim() == len(shape) and all(
        isinstance(length, str) or length == size for length, size in zip(shape, value.shape, strict=True)
    )
    if not fits:
        expected = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name}: expected the shape ({expected}), got {tuple(value.shape)}")


def expect_one_device(**tensors: torch.Tensor) -> None:
    """Checks that all tensors lie where the first does.

    Raises:
        ValueError: one is elsewhere.
    """
    (first, home), *others = tensors.items()
    for name, tensor in others:
        if tensor.device != home.device:
            raise ValueError(f"{name}: expected the device of {first}, {home.device}, got {tensor.device}")


def expect_range(name: str, values: torch.Tensor, bound: int, where: torch.Tensor | None = None) -> None:
    """Checks that integers are in [0, bound). On a GPU this waits for all work before it.

    Args:
        name: of the argument.
        values: integers of any shape.
        bound: above all of them.
        where: bool of the same shape; values elsewhere are not used, and may be any.

    Raises:
        IndexError: one is outside; the first is named, with its place.

    Example:
        >>> expect_range("contexts", torch.tensor([[1, 2], [5, -1]]), 4)
        Traceback (most recent call last):
        IndexError: contexts[1, 0]: expected an id in [0, 4), got 5
    """
    wrong = (values < 0) | (values >= bound)
    if where is not None:
        wrong &= where
    if wrong.any():
        place = wrong.nonzero()[0].tolist()
        got = values[tuple(place)].item()
        raise IndexError(f"{name}[{', '.join(map(str, place))}]: expected an id in [0, {bound}), got {got}")
