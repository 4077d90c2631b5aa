"""Entering torch's group of processes, and leaving it so that nothing of it outlives the interpreter."""

from __future__ import annotations

import gc
import importlib
import time

import torch.distributed as dist

__all__ = ["enter_group", "leave_group"]

_LET_GO = 0.05  # seconds


def enter_group(backend: str) -> None:
    """Joins the processes that torchrun has started.

    Args:
        backend: as `torch.distributed.init_process_group` takes it.
    """
    # Its functions hold the group that there is when it is loaded, as a default and for ever: so load it
    # before there is one.
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group(backend)


def leave_group() -> None:
    """Leaves the group, if there is one.

    A thread of gloo that lets go of a tensor when the interpreter has ended aborts the process. The threads
    end with the group, which nothing may hold then; those of a group that torch itself still holds, as it
    does after FSDP, are given a moment to let go.
    """
    if not dist.is_initialized():
        return
    gc.collect()  # modules of DDP hold it, in a circle
    dist.destroy_process_group()
    time.sleep(_LET_GO)
