"""What asks a run to end before its time: Ctrl-C, or the SIGTERM that schedulers and torchrun send."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["StopRequest", "stop_request"]

_TERMINATED = 128 + signal.SIGTERM  # the exit code that shells give a program that SIGTERM ended


class StopRequest:
    """Whether a run was asked to end, and how it ends then."""

    def __init__(self) -> None:
        self._signal: int | None = None

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self._signal is not None

    def note(self, signum: int, frame: FrameType | None = None) -> None:
        """Keeps a signal; the last of several counts.

        Args:
            signum: its number.
            frame: where the program was, which does not matter.
        """
        self._signal = signum

    def error(self) -> BaseException:
        """What a run raises when it has ended: SystemExit with 143 after SIGTERM, else KeyboardInterrupt."""
        return SystemExit(_TERMINATED) if self._signal == signal.SIGTERM else KeyboardInterrupt()


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Notes Ctrl-C and SIGTERM instead of letting them strike.

    A KeyboardInterrupt could strike between the end of a slice and the note that it is done, and SIGTERM
    would end the program with what it has learned. The request is looked at only between slices, so the state
    and the tables always belong together. Outside of the main thread, and for a signal that the program has a
    handler of its own for, nothing changes.

    Yields:
        The request.
    """
    request = StopRequest()
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    main = threading.current_thread() is threading.main_thread()
    own = [number for number, handler in usual.items() if main and signal.getsignal(number) is handler]
    for number in own:
        signal.signal(number, request.note)
    try:
        yield request
    finally:
        for number in own:
            signal.signal(number, usual[number])
