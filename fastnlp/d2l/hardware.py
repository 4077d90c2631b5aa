"""Which devices and processes to use."""

from __future__ import annotations

import os

import torch


def try_gpu(i: int = 0) -> torch.device:
    """The GPU with number i, or the CPU where there is no such GPU.

    Args:
        i: from 0.

    Returns:
        The device.

    Example:
        >>> try_gpu(1000)
        device(type='cpu')
    """
    if torch.cuda.device_count() >= i + 1:
        return torch.device(f"cuda:{i}")
    return torch.device("cpu")


def try_all_gpus() -> list[torch.device]:
    """All GPUs, or the CPU alone where there is none.

    Returns:
        At least one device.

    Example:
        >>> len(try_all_gpus()) >= 1
        True
    """
    return [torch.device(f"cuda:{i}") for i in range(torch.cuda.device_count())] or [torch.device("cpu")]


def get_dataloader_workers() -> int:
    """How many processes read data: the book's 4, or as many as there are cores.

    Returns:
        1 to 4.

    Example:
        >>> 1 <= get_dataloader_workers() <= 4
        True
    """
    return min(4, os.cpu_count() or 1)
