"""Batches on a device ahead of time: while one is trained on, the next are read, pinned and copied."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

__all__ = ["prefetched"]

_AHEAD = 2  # batches that may be on their way: one is copied while one is read
_LOOK = 0.1  # seconds between two looks whether anybody still waits for batches


def prefetched(
    batches: Iterable[Iterable[Tensor]], device: torch.device | str
) -> Generator[list[Tensor], None, None]:
    """The tensors of batches on a device, in order.

    On a CUDA device a thread takes the next batches from `batches`, pins them, and copies them on a stream of
    its own while the present one is trained on; two are on their way at most. Elsewhere it is the plain loop.
    Whoever stops early closes the generator, which ends the thread.

    Args:
        batches: tensors, a few at a time; called in another thread on CUDA.
        device: where they are wanted.

    Yields:
        The tensors of a batch, ready for the current stream.

    Raises:
        Exception: what `batches` raises, at the place where the batch would have come.

    Example:
        >>> batches = [(torch.arange(2), torch.zeros(1)), (torch.arange(3),)]
        >>> [[len(tensor) for tensor in batch] for batch in prefetched(batches, "cpu")]
        [[2, 1], [3]]
    """
    device = torch.device(device)
    if device.type != "cuda":
        for batch in batches:
            yield [tensor.to(device) for tensor in batch]
        return
    yield from _copied(iter(batches), device)


def _copied(batches: Iterator[Iterable[Tensor]], device: torch.device) -> Generator[list[Tensor], None, None]:
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def copied(batch: Iterable[Tensor]) -> tuple[list[Tensor], torch.cuda.Event]:
        with torch.cuda.stream(stream):
            # What is pinned is kept by torch until the copy from it is done.
            tensors = [_pinned(tensor).to(device, non_blocking=True) for tensor in batch]
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(stream)
        return tensors, event

    with _Ahead(map(copied, batches)) as ready:
        for tensors, event in ready:
            current = torch.cuda.current_stream(device)
            current.wait_event(event)
            for tensor in tensors:
                tensor.record_stream(current)  # its memory is not given away before this stream is done
            yield tensors


def _pinned(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_cuda or tensor.is_pinned() else tensor.pin_memory()


class _Ahead:
    """Takes items from an iterator in a thread, two ahead of who asks for them."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._ready: queue.Queue[tuple[str, Any]] = queue.Queue(_AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._take, name="fastnlp-prefetch", daemon=True)

    def __enter__(self) -> Iterator[Any]:
        self._thread.start()
        return self._given()

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def _take(self) -> None:
        try:
            for item in self._items:
                if not self._put(("item", item)):
                    return
            self._put(("end", None))
        except BaseException as error:
            self._put(("error", error))

    def _put(self, found: tuple[str, Any]) -> bool:
        while not self._closed.is_set():
            try:
                self._ready.put(found, timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False

    def _given(self) -> Iterator[Any]:
        while True:
            kind, item = self._ready.get()
            if kind == "end":
                return
            if kind == "error":
                raise item
            yield item
