"""What every launcher needs: the tensors' device, and sizes of tiles."""

import contextlib

import torch
import triton

# Of every launch: a product and a sum become one instruction. Stated since Triton's default is to change.
OPTIONS = {"enable_fp_fusion": True}


def on_device(tensor: torch.Tensor) -> contextlib.AbstractContextManager[None]:
    """Makes the device of a tensor the one that Triton launches on."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else contextlib.nullcontext()


def tile(width: int, elements: int, rows: int) -> tuple[int, int]:
    """(rows, columns) of a tile over rows of `width`, both powers of two.

    Args:
        width: of a row, at least 1.
        elements: in a tile that has less than `rows` rows, at most; a wide row is one row of a tile.
        rows: at most.
    """
    columns = triton.next_power_of_2(width)
    return max(1, min(rows, elements // columns)), columns


def empty(shape: tuple[int, ...], beside: torch.Tensor) -> torch.Tensor:
    """An uninitialised float32 tensor on the device of another."""
    return torch.empty(shape, dtype=torch.float32, device=beside.device)


def zeros(shape: tuple[int, ...], beside: torch.Tensor) -> torch.Tensor:
    """A float32 tensor of zeros on the device of another."""
    return torch.zeros(shape, dtype=torch.float32, device=beside.device)


def with_rows(table: torch.Tensor) -> torch.Tensor:
    """The table, or a copy if the numbers of its rows are not neighbours."""
    return table if table.stride(1) == 1 or table.shape[1] == 1 else table.contiguous()
