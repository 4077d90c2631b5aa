"""Where a model is trained: the engine and the device that its arguments stand for."""

from __future__ import annotations

import importlib.util
import logging
import math
import os
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

__all__ = [
    "ENGINES",
    "Choice",
    "check_arguments",
    "check_memory",
    "choose",
    "choose_aloud",
    "free_memory",
    "require",
]

ENGINES = ("native", "torch", "triton")

_log = logging.getLogger("fastnlp")

_OLDEST = (8, 0)  # compute capability that the kernels are compiled for


class Choice(NamedTuple):
    """What trains, where, and why.

    Attributes:
        engine: "native", "torch" or "triton".
        device: a device of torch; "cpu" for the native engine.
        why: for the log.
    """

    engine: str
    device: str
    why: str


def choose(device: str, engine: str | None, unfit: str | None = None) -> Choice:
    """The engine and the device for a run.

    "auto" alone is the CPU: the engines on CUDA have been proved equal to the reference, but their speed and
    the quality of what they learn have not been measured on a device, so they are for who asks for them.

    Args:
        device: "auto", "cpu", "cuda" or "cuda:N".
        engine: "native", "torch", "triton" or None for the fastest on the device.
        unfit: why the Triton engine cannot train the model as it is configured; None where it can.

    Returns:
        What to use.

    Raises:
        ValueError: device or engine is none of these, they exclude each other, or the engine cannot train the
            model.
        RuntimeError: there is no CUDA device of the kind, or torch or triton is missing, or the driver is too
            old.

    Example:
        >>> choose("cpu", None)
        Choice(engine='native', device='cpu', why='the CPU was asked for')
    """
    check_arguments(device, engine)
    if engine == "native" or (device == "cpu" and engine is None):
        return Choice("native", "cpu", "the CPU was asked for" if device == "cpu" else "it was asked for")
    if engine == "triton" and unfit is not None:
        raise ValueError(f"engine: expected 'native' or 'torch' for {unfit}, got 'triton'")
    if device != "auto":
        require(device, engine)
        if engine is not None:
            return Choice(engine, device, "it was asked for")
        if unfit is not None:
            return Choice("torch", device, f"the kernels do not train {unfit}")
        return Choice("triton", device, "it is the fastest there")
    if engine == "triton":
        require(device, engine)
        return Choice(engine, _device_of_kernels(), "it was asked for")
    if engine == "torch":
        require("cpu", engine)
        missing = _missing_driver() or _missing_cuda("cuda")
        return Choice(engine, "cpu" if missing else "cuda", "it was asked for")
    return Choice("native", "cpu", "a CUDA device is used where device='cuda' asks for it")


def choose_aloud(device: str, engine: str | None, unfit: str | None, threads: int) -> Choice:
    """What `choose` gives, and a line of the log that says so and why.

    Args:
        device: as for `choose`.
        engine: as for `choose`.
        unfit: as for `choose`.
        threads: of the native engine.

    Returns:
        What to use.

    Raises:
        ValueError, RuntimeError: as `choose`.
    """
    choice = choose(device, engine, unfit)
    _log.info(
        "device=%r: training on %s by the %s engine%s: %s",
        device,
        "the CPU" if choice.device == "cpu" else choice.device,
        choice.engine,
        f" with {threads} threads" if choice.engine == "native" else "",
        choice.why,
    )
    return choice


def check_arguments(device: str, engine: str | None) -> None:
    """Refuses what is no device, no engine, or no pair of both.

    Raises:
        ValueError: as `choose`.
    """
    if not isinstance(device, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise ValueError(f"device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got {device!r}")
    if engine is not None and engine not in ENGINES:
        raise ValueError(f"engine: expected 'native', 'torch', 'triton' or None, got {engine!r}")
    if engine == "native" and device.startswith("cuda"):
        raise ValueError(f"device: expected 'auto' or 'cpu' with engine='native', got {device!r}")
    if engine == "triton" and device == "cpu" and not _interpreting():
        raise ValueError("device: expected 'auto' or 'cuda' with engine='triton', got 'cpu'")


def require(device: str, engine: str | None) -> None:
    """Refuses a device or an engine that is not on this machine, before anything is allocated.

    Args:
        device: as for `choose`; of "auto", that which the engine cannot do without.
        engine: as for `choose`.

    Raises:
        RuntimeError: it says what is missing and what there is instead.
    """
    if engine == "triton" and device == "auto":
        device = _device_of_kernels()
    missing = _missing_module("torch")
    instead = "device='cpu'" if device.startswith("cuda") else "engine='native'"
    if not missing and (engine == "triton" or (engine is None and device != "cpu")):
        missing, instead = _missing_module("triton"), "engine='torch'"
    if missing:
        raise RuntimeError(f"engine: {missing} (pip install 'fastnlp[torch]'), or {instead}")
    if device.startswith("cuda"):
        missing = _missing_cuda(device)
        if missing:
            instead = "device='cpu'" if engine != "triton" else "engine='native' and device='cpu'"
            raise RuntimeError(f"device: {missing}; {instead} trains on the processor")


def _interpreting() -> bool:
    """Whether Triton runs kernels in its interpreter, on the CPU."""
    return os.environ.get("TRITON_INTERPRET", "0") == "1"


def _device_of_kernels() -> str:
    """Where the Triton engine trains if no device is asked for."""
    return "cpu" if _interpreting() else "cuda"


def _missing_module(name: str) -> str:
    return "" if importlib.util.find_spec(name) else f"{name} is not installed"


def _missing_driver() -> str:
    """Why there can be no CUDA device, told without importing torch, which takes seconds; else empty."""
    if sys.platform == "linux" and not any(Path(path).exists() for path in ("/dev/nvidiactl", "/dev/dxg")):
        return "there is no NVIDIA driver"
    return ""


def _missing_cuda(device: str) -> str:
    """Why torch cannot use a CUDA device here; empty where it can."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is raised below
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            if torch.version.cuda is None:
                return f"expected a build of torch with CUDA, got {torch.__version__}"
            try:
                torch.cuda.init()  # type: ignore[no-untyped-call]
            except (RuntimeError, AssertionError) as error:
                return f"expected a CUDA device, got: {str(error).splitlines()[0]}"
            return "expected a CUDA device, found none"
        index = int(device.partition(":")[2] or 0)
        if index >= count:
            return f"expected cuda:0 to cuda:{count - 1}, got {device}"
        found = torch.cuda.get_device_capability(index)
    if found < _OLDEST:
        return (
            f"expected a device of compute capability {_OLDEST[0]}.{_OLDEST[1]} or newer, got "
            f"{torch.cuda.get_device_name(index)} of {found[0]}.{found[1]}"
        )
    return ""


def check_memory(device: torch.device, **bytes_of: int) -> None:
    """Refuses what the device has no room for, before it is allocated.

    Args:
        device: where; the memory of the CPU is not looked at.
        **bytes_of: what is to be put there, and how many bytes each takes.

    Raises:
        MemoryError: it says how much each needs and how much is free.
    """
    free, needed = free_memory(device), sum(bytes_of.values())
    if needed > free:
        each = ", ".join(f"{name} {size / 1e9:.2f} GB" for name, size in bytes_of.items())
        raise MemoryError(
            f"device: expected {needed / 1e9:.2f} GB free on {device} ({each}), got {free / 1e9:.2f} GB"
        )


def free_memory(device: torch.device) -> float:
    """Bytes that are free on a device; infinite on the CPU, which is not looked at."""
    if device.type != "cuda":
        return math.inf
    import torch

    return torch.cuda.mem_get_info(device)[0]
