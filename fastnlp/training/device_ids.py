"""The ids of a corpus on a device: all of them, or, where they do not fit, the next ones ahead of time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["DeviceIds"]


class DeviceIds:
    """Gives ids of neighbouring positions as tensors on a device.

    Ids that do not stay there come from the mapped file through two buffers of pinned memory: while one
    stretch is trained on, `prefetch` copies the next one beside it.

    Attributes:
        resident: whether all ids are on the device.
    """

    def __init__(self, ids: NDArray[np.int32], device: torch.device, resident: bool, longest: int) -> None:
        """Copies the ids, or makes the buffers.

        Args:
            ids: (T,) int32, perhaps mapped.
            device: where they are wanted.
            resident: copy all of them now.
            longest: the longest stretch that is asked for.
        """
        self.resident = resident
        self._ids, self._device = ids, device
        self._ahead: tuple[int, int, Tensor] | None = None
        if resident:
            self._all = torch.from_numpy(np.array(ids)).to(device)
        else:
            pinned = device.type == "cuda"
            self._buffers = [torch.empty(longest, dtype=torch.int32, pin_memory=pinned) for _ in range(2)]
            self._copied: list[torch.cuda.Event | None] = [None, None]
            self._stream = torch.cuda.Stream(device) if pinned else None  # type: ignore[no-untyped-call]
            self._turn = 0

    def prefetch(self, begin: int, end: int) -> None:
        """Begins to copy positions [begin, end), which will be asked for next."""
        if self.resident or end <= begin:
            return
        turn, self._turn = self._turn, 1 - self._turn
        copied = self._copied[turn]
        if copied is not None:
            copied.synchronize()  # the buffer may still be read
        buffer = self._buffers[turn][: end - begin]
        buffer.numpy()[...] = self._ids[begin:end]
        if self._stream is None:
            self._ahead = begin, end, buffer.clone()
            return
        with torch.cuda.stream(self._stream):
            on_device = buffer.to(self._device, non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._stream)
        self._copied[turn] = event
        self._ahead = begin, end, on_device

    def between(self, begin: int, end: int) -> Tensor:
        """(end - begin,) int32 ids of positions [begin, end)."""
        if self.resident:
            return self._all[begin:end]
        if self._ahead is None or self._ahead[:2] != (begin, end):
            self.prefetch(begin, end)
        if self._ahead is None:
            return torch.empty(0, dtype=torch.int32, device=self._device)
        found = self._ahead[2]
        if self._stream is not None:
            current = torch.cuda.current_stream(self._device)
            current.wait_stream(self._stream)
            found.record_stream(current)
        return found
