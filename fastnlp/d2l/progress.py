"""Stopwatch, running sums and the curve that grows while a model trains."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np


class Timer:
    """A stopwatch that keeps every interval; it runs from the moment it is made.

    Example:
        >>> timer = Timer()
        >>> timer.stop() >= 0 and len(timer.times) == 1
        True
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.start()

    def start(self) -> None:
        """Begins an interval."""
        self.tik = time.perf_counter()

    def stop(self) -> float:
        """Ends the interval and returns its seconds."""
        self.times.append(time.perf_counter() - self.tik)
        return self.times[-1]

    def avg(self) -> float:
        """Mean seconds of the intervals."""
        return sum(self.times) / len(self.times)

    def sum(self) -> float:
        """Seconds of all intervals."""
        return sum(self.times)

    def cumsum(self) -> list[float]:
        """Seconds up to the end of each interval."""
        return [float(total) for total in np.cumsum(self.times)]


class Accumulator:
    """n running sums.

    Args:
        n: how many.

    Example:
        >>> metric = Accumulator(2)
        >>> metric.add(1, 2.5)
        >>> metric.add(3, 1)
        >>> metric[0], metric[1]
        (4.0, 3.5)
    """

    def __init__(self, n: int) -> None:
        self.data = [0.0] * n

    def add(self, *args: float) -> None:
        """Adds one number to each sum."""
        self.data = [total + float(value) for total, value in zip(self.data, args, strict=True)]

    def reset(self) -> None:
        """Sets all sums to 0."""
        self.data = [0.0] * len(self.data)

    def __getitem__(self, index: int) -> float:
        """Sum number `index`."""
        return self.data[index]


def _in_notebook() -> bool:
    """Whether a figure would be seen: a notebook runs this, and matplotlib is installed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return (
        shell is not None
        and "IPKernelApp" in getattr(shell, "config", {})
        and importlib.util.find_spec("matplotlib") is not None
    )


class Animator:
    """Curves that are redrawn point by point in a notebook; elsewhere `X` and `Y` only keep the points.

    Args:
        xlabel: of the x axis.
        ylabel: of the y axis.
        legend: names of the curves.
        xlim: ends of the x axis.
        ylim: ends of the y axis.
        xscale: "linear" or "log".
        yscale: "linear" or "log".
        fmts: matplotlib's format of each curve.
        nrows: rows of axes; points go into the first axes.
        ncols: columns of axes.
        figsize: inches.

    Example:
        >>> animator = Animator(xlabel="epoch", xlim=[1, 2])
        >>> animator.add(1, (0.5, None))
        >>> animator.add(2, (0.4, 0.9))
        >>> animator.X, animator.Y
        ([[1, 2], [2]], [[0.5, 0.4], [0.9]])
    """

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        legend: Sequence[str] | None = None,
        xlim: Sequence[float] | None = None,
        ylim: Sequence[float] | None = None,
        xscale: str = "linear",
        yscale: str = "linear",
        fmts: Sequence[str] = ("-", "m--", "g-.", "r:"),
        nrows: int = 1,
        ncols: int = 1,
        figsize: tuple[float, float] = (3.5, 2.5),
    ) -> None:
        self.X: list[list[float]] = []
        self.Y: list[list[float]] = []
        self.fmts = fmts
        self._legend = legend
        self._axes_options = {
            "xlabel": xlabel,
            "ylabel": ylabel,
            "xscale": xscale,
            "yscale": yscale,
            "xlim": xlim,
            "ylim": ylim,
        }
        self.fig: Any = None
        if _in_notebook():
            from matplotlib import pyplot

            self.fig, axes = pyplot.subplots(nrows, ncols, figsize=figsize, squeeze=False)
            self._axes = axes[0, 0]

    def add(self, x: float | Sequence[float], y: float | Sequence[float | None]) -> None:
        """Adds a point to each curve; None leaves a curve as it is.

        Args:
            x: one for all curves, or one each.
            y: one each, or a single number for a single curve.
        """
        ys = y if isinstance(y, Sequence) else [y]
        xs = x if isinstance(x, Sequence) else [x] * len(ys)
        while len(self.X) < len(ys):
            self.X.append([])
            self.Y.append([])
        for curve, (a, b) in enumerate(zip(xs, ys, strict=True)):
            if b is not None:
                self.X[curve].append(a)
                self.Y[curve].append(b)
        if self.fig is not None:
            self._draw()

    def _draw(self) -> None:
        self._axes.cla()
        for curve, (xs, ys) in enumerate(zip(self.X, self.Y, strict=True)):
            self._axes.plot(xs, ys, self.fmts[curve % len(self.fmts)])
        self._axes.set(**{name: value for name, value in self._axes_options.items() if value is not None})
        if self._legend:
            self._axes.legend(self._legend)
        self._axes.grid()
        display = sys.modules["IPython"].display
        display.display(self.fig)
        display.clear_output(wait=True)
