"""Progress on the standard error: a line that changes on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import sys
import time

__all__ = ["Reading", "say"]

_REDRAW, _REPORT = 0.1, 10.0  # seconds between updates, on a terminal and elsewhere


def say(text: str) -> None:
    """A line on the standard error."""
    print(text, file=sys.stderr, flush=True)


class Reading:
    """How much of a text has been read, called with bytes done and bytes in all (None where unknown).

    Args:
        verb: what is being done.
        unit: what is counted in the line.
        scale: how many of those that are reported make one of them.
    """

    def __init__(self, verb: str = "reading", unit: str = "MB", scale: float = 1e6) -> None:
        self._verb, self._unit, self._scale = verb, unit, scale
        self._terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._shown = self._started
        self._width = 0

    def __call__(self, done: int, total: int | None) -> None:
        """Shows the progress if the last showing is long enough ago."""
        now = time.monotonic()
        if now - self._shown < (_REDRAW if self._terminal else _REPORT):
            return
        self._shown = now
        digits = 1 if self._scale > 1 else 0
        count = f"{done / self._scale:,.{digits}f}"
        share = f" {self._unit}"
        if total:
            share = f" of {total / self._scale:,.{digits}f}{share}, {done / total:.0%}"
        rate = done / self._scale / (now - self._started)
        line = f"{self._verb}: {count}{share}, {rate:,.0f} {self._unit}/s"
        if self._terminal:
            sys.stderr.write("\r" + line.ljust(self._width))
            sys.stderr.flush()
            self._width = len(line)
        else:
            say(line)

    def close(self) -> None:
        """Clears the changing line."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0
