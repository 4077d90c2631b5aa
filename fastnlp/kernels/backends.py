"""Which implementation of an operation runs."""

from __future__ import annotations

import importlib.util
import os
from typing import Literal

import torch

__all__ = ["Backend", "choose_backend"]

Backend = Literal["triton", "torch"]

_HAS_TRITON = importlib.util.find_spec("triton") is not None


def choose_backend(backend: Backend | None, device: torch.device) -> Backend:
    """The backend that is asked for if it can run on the device; by default Triton on CUDA, else torch.

    Triton compiles for GPUs. On CPU tensors its kernels run in its interpreter, slowly, for tests, if the
    variable TRITON_INTERPRET is 1 before anything imports triton.

    Args:
        backend: "triton", "torch" or None.
        device: of the tensors.

    Returns:
        "triton" or "torch". What is asked for is never replaced.

    Raises:
        ValueError: `backend` is none of the three.
        RuntimeError: the backend cannot run on this device, or triton is not installed.

    Example:
        >>> choose_backend(None, torch.device("cpu"))
        'torch'
    """
    if backend not in ("triton", "torch", None):
        raise ValueError(f"backend: expected 'triton', 'torch' or None, got {backend!r}")
    if backend == "torch" or (backend is None and device.type != "cuda"):
        return "torch"
    if not _HAS_TRITON:
        raise RuntimeError(
            f"backend: expected triton for tensors on {device}, got no installation of it; "
            "install triton or pass backend='torch'"
        )
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if device.type != "cuda" and not (device.type == "cpu" and interpreted):
        raise RuntimeError(
            f"backend: expected a CUDA device for 'triton', got tensors on {device}; pass backend='torch', "
            "or set TRITON_INTERPRET=1 before triton is imported to interpret the kernels on the CPU"
        )
    return "triton"
