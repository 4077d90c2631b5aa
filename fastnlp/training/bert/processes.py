"""One process or several under torchrun: who is who, and how the model is spread over them."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from fastnlp.training.process_group import enter_group, leave_group

__all__ = ["Processes", "processes"]


@dataclass(frozen=True)
class Processes:
    """The place of this process among those that train together.

    Attributes:
        rank: 0 writes files and shows progress.
        size: processes in all.
        device: of this one.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Adds a tensor of each process up, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()

    def gather(self, value: Any) -> list[Any]:
        """A value of each process, by rank, on all of them."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def spread(self, module: nn.Module, blocks: list[nn.Module], how: str) -> nn.Module:
        """The module as it trains on all processes: copies (DDP), or shards of parameters (FSDP2).

        Args:
            module: with the loss as its forward; on the device.
            blocks: parts that are gathered one at a time, with "fsdp".
            how: "ddp" or "fsdp".
        """
        if self.size == 1:
            return module
        if how == "fsdp":
            from torch.distributed.fsdp import fully_shard

            for block in blocks:
                fully_shard(block)
            fully_shard(module)
            return module
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=ids)


def processes(device: str) -> Processes:
    """Joins the processes of torchrun, if it started this one, until the program ends.

    Args:
        device: "auto", "cpu", "cuda" or "cuda:1" and the like.

    Raises:
        RuntimeError: the device is not there.
        ValueError: it is no device.
    """
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    where = _device(device, int(os.environ.get("LOCAL_RANK", rank)), size)
    if size > 1 and not dist.is_initialized():
        # To the end of the program: processes that have left a group cannot meet under its name again.
        enter_group("nccl" if where.type == "cuda" else "gloo")
        atexit.register(leave_group)
    if where.type == "cuda":
        torch.cuda.set_device(where)
    return Processes(rank, size, where)


def _device(name: str, local: int, size: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device: expected 'auto', 'cpu' or 'cuda', got {name!r}") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device: expected 'auto', 'cpu' or 'cuda', got {name!r}")
    if device.type == "cuda":
        if ":" not in name:
            device = torch.device("cuda", local if size > 1 else 0)
        if device.index >= torch.cuda.device_count():
            raise RuntimeError(f"device: expected one of {torch.cuda.device_count()} GPUs, got {device}")
    return device
