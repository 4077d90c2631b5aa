"""What a run reports while it goes on, and two ways to show it."""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TextIO

__all__ = ["EpochReport", "Progress", "ProgressDisplay", "display_for"]


@dataclass(frozen=True)
class Progress:
    """The state of a run after a slice of about 0.1 s.

    Attributes:
        epoch: epochs completed, the current one excluded. epochs: epochs in all. fraction: of the whole run
        that is done, in [0, 1]. words: corpus positions (of GloVe: co-occurrences) passed in this call of
        `fit`, before subsampling. words_per_second: of this call, in wall time. loss: mean of the objective a
        pair over the last slices, in nats where it is a likelihood; NaN before one is measured. lr: the
        learning rate of the next unit. elapsed: seconds since this call began. remaining: estimated seconds
        to the end. items: what `words` counts.
    """

    epoch: int
    epochs: int
    fraction: float
    words: int
    words_per_second: float
    loss: float
    lr: float
    elapsed: float
    remaining: float
    items: str = "words"

    def __str__(self) -> str:
        loss = "" if math.isnan(self.loss) else f"loss {self.loss:.4f}  "
        return (
            f"{self.fraction:6.1%}  epoch {min(self.epoch + 1, self.epochs)}/{self.epochs}  "
            f"{self.words_per_second / 1e6:.2f}M {self.items}/s  {loss}lr {self.lr:.5f}  "
            f"{_clock(self.remaining)} left"
        )


@dataclass(frozen=True)
class EpochReport:
    """What one epoch came to.

    Attributes:
        epoch: 0 for the first.
        loss: mean loss a pair, in nats, over a sample of one position in 64; NaN where a small text has none.
        kept: words that survived subsampling.
        pairs: (center, context) pairs trained.
        seconds: wall time.
        scores: what `fit(evaluate=...)` gave after the epoch.
    """

    epoch: int
    loss: float
    kept: int
    pairs: int
    seconds: float
    scores: dict[str, float] = field(default_factory=dict)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _columns(terminal: TextIO) -> int:
    """How wide a terminal is; one that does not say is as wide as the environment says, or 80."""
    try:
        columns = os.get_terminal_size(terminal.fileno()).columns
    except (OSError, ValueError):  # no file of the system's
        columns = 0
    return columns or shutil.get_terminal_size().columns


class ProgressDisplay:
    """Shows a run on a stream: a bar that moves on a terminal, a plain line every ten seconds elsewhere.

    On a narrow terminal the bar is shorter, or left out, so that a report stays on its line.

    Example:
        >>> import io
        >>> stream = io.StringIO()
        >>> show = ProgressDisplay(stream)
        >>> show(Progress(0, 1, 1.0, 100, 2.5e6, 1.5, 0.01, 1.0, 0.0))
        >>> print(stream.getvalue(), end="")
        100.0%  epoch 1/1  2.50M words/s  loss 1.5000  lr 0.01000  0:00 left
    """

    def __init__(self, stream: TextIO | None = None, every: float = 10.0) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._every = every
        self._shown = time.monotonic()
        self._width = 0

    def __call__(self, progress: Progress) -> None:
        """Shows a report, if the last one shown is old enough or this one is the last of the run."""
        now = time.monotonic()
        if self._stream.isatty():
            columns = _columns(self._stream) - 1  # in the last one a terminal may begin a new line
            line = str(progress)
            cells = min(20, columns - len(line) - 3)
            if cells >= 5:
                filled = round(progress.fraction * cells)
                line = f"[{'=' * filled}{' ' * (cells - filled)}] {line}"
            line = line[:columns]
            self._stream.write("\r" + line.ljust(min(self._width, columns)))
            self._width = len(line)
        elif progress.fraction >= 1.0 or now - self._shown >= self._every:
            self._shown = now
            self._stream.write(f"{progress}\n")
        self._stream.flush()

    def close(self) -> None:
        """Leaves the bar behind and starts a new line."""
        if self._width:
            self._stream.write("\n")
            self._stream.flush()
            self._width = 0


def display_for(
    progress: bool | Literal["auto"] | Callable[[Progress], None],
) -> Callable[[Progress], None] | None:
    """The callable that `fit(progress=...)` stands for: "auto" shows a bar only where a terminal can.

    Raises:
        TypeError: it is none of the accepted kinds.
    """
    if callable(progress):
        return progress
    if progress == "auto":
        return ProgressDisplay() if sys.stderr.isatty() else None
    if isinstance(progress, bool):
        return ProgressDisplay() if progress else None
    raise TypeError(f"progress: expected True, False, 'auto' or a callable, got {progress!r}")
