"""Curves of training runs: loss, learning rate, and the scores of each epoch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fastnlp.plots.fonts import font_families
from fastnlp.plots.libraries import load_library
from fastnlp.plots.style import (
    COLOURS,
    INK,
    MARKERS,
    Size,
    add_heading,
    heading_height,
    new_figure,
    ruled_axes,
)
from fastnlp.training.checkpoint import Checkpoint
from fastnlp.training.estimator import Estimator
from fastnlp.training.progress import EpochReport
from fastnlp.training.run_log import RunLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Run", "plot_run"]

Run: TypeAlias = Estimator[Any, Any] | RunLog | Sequence[EpochReport] | str | os.PathLike[str]
_Points: TypeAlias = list[tuple[float, float]]

_LOSS, _LR = "loss a pair", "learning rate"
_DASHES = ("-", (0, (5, 3)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))


@dataclass
class _Curves:
    """Points (epoch, value) by the name of what is drawn, and whether they are epochs to be marked."""

    marked: bool
    points: dict[str, _Points] = field(default_factory=dict)

    def add(self, name: str, epoch: float, value: float) -> None:
        if math.isfinite(value):
            self.points.setdefault(name, []).append((epoch, value))


def plot_run(
    runs: Run | Iterable[Run] | Mapping[str, Run], *, title: str = "", size: Size | None = None
) -> Figure:
    """The loss, the learning rate and the scores of one run, or of several to compare.

    A fitted model, its checkpoint or its history have a point for each epoch, where the loss is the mean of
    the epoch; a `RunLog` has one about every half second, where the loss is that of the last moments. The
    learning rate between epochs is that of the configuration: linear from `lr` to `min_lr`, or `lr` all the
    way where AdaGrad divides it.

    Args:
        runs: a model that was fitted, a `RunLog`, a list of `EpochReport`, the file of a checkpoint or of a
            log; or several of them, by name or in a list.
        title: above the curves.
        size: width and height in inches.

    Returns:
        A Matplotlib figure that belongs to no window, with an axes for each figure: loss, learning rate, and
        the scores of `fit(evaluate=...)`.

    Raises:
        ValueError: there is no run, a run has no epoch that is complete, or a file is damaged.
        TypeError: something is not a run.
        OSError: a file cannot be read.
        ImportError: Matplotlib is not installed.

    Example:
        >>> history = [EpochReport(0, 2.5, 90, 400, 1.0), EpochReport(1, 2.2, 90, 400, 1.0)]
        >>> figure = plot_run({"small": history})
        >>> figure.axes[0].lines[0].get_ydata().tolist()
        [2.5, 2.2]
    """
    named = _named(runs)
    curves = {name: _curves(run, name) for name, run in named.items()}
    quantities = list(dict.fromkeys(quantity for each in curves.values() for quantity in each.points))
    quantities.sort(key=lambda quantity: {_LOSS: 0, _LR: 1}.get(quantity, 2))
    families = font_families([*named, *quantities, title])
    heights = [3.1 if quantity == _LOSS else 1.9 for quantity in quantities]
    legend = 0.32 * math.ceil(len(named) / 3) if len(named) > 1 else 0.0
    above = heading_height(title, note=False) + 0.1 + legend
    figure = new_figure(size or (7.6, sum(heights) + above + 0.55))
    width, height = figure.get_size_inches()
    grid = figure.add_gridspec(
        len(quantities),
        1,
        left=0.95 / width,
        right=1 - 0.25 / width,
        bottom=0.6 / height,
        top=1 - above / height,
        hspace=0.16,
        height_ratios=heights,
    )
    shared: Axes | None = None
    for row, quantity in enumerate(quantities):
        axes = figure.add_subplot(grid[row], sharex=shared)
        shared = shared or axes
        _draw(axes, quantity, curves)
        axes.set_ylabel(quantity, fontsize=10.5, color=INK, family=families, parse_math=False)
        axes.tick_params(labelbottom=row == len(quantities) - 1)
    axes.set_xlabel("epochs", fontsize=10.5, color=INK)
    ticker: Any = load_library("matplotlib.ticker", "a picture")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    if len(named) > 1:
        box = figure.legend(
            *figure.axes[0].get_legend_handles_labels(),
            loc="lower left",
            bbox_to_anchor=(0.95 / width, 1 - above / height),
            ncols=3,
            frameon=False,
            borderaxespad=0.2,
            borderpad=0,
            prop={"family": families, "size": 10},
            labelcolor=INK,
        )
        for text in box.get_texts():
            text.set_parse_math(False)
    if title:
        add_heading(figure, title, "", families)
    figure.align_ylabels()
    return figure


def _draw(axes: Axes, quantity: str, curves: Mapping[str, _Curves]) -> None:
    ruled_axes(axes)
    for place, (name, each) in enumerate(curves.items()):
        points = each.points.get(quantity, [])
        marked = each.marked and quantity != _LR
        axes.plot(
            [epoch for epoch, _ in points],
            [value for _, value in points],
            color=COLOURS[place % len(COLOURS)],
            linestyle=_DASHES[place % len(_DASHES)],
            linewidth=1.8,
            marker=MARKERS[place % len(MARKERS)] if marked else None,
            markersize=6,
            markeredgecolor="white",
            label=name,
            clip_on=False,
            zorder=3,
        )
    axes.margins(x=0.02)
    axes.set_xlim(left=0)
    if quantity == _LR:
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)


def _named(runs: Run | Iterable[Run] | Mapping[str, Run]) -> dict[str, Run]:
    """Runs by name: that of a file, or of the class of a model with a number."""
    if isinstance(runs, Mapping):
        named: dict[str, Run] = {str(name): run for name, run in runs.items()}
    else:
        named = {}
        for run in [runs] if _is_run(runs) else runs:  # type: ignore[union-attr]
            name = Path(run).stem if isinstance(run, str | os.PathLike) else type(run).__name__
            name = {"list": "run", "tuple": "run", "RunLog": "run"}.get(name, name)
            count, unique = 1, name
            while unique in named:
                count += 1
                unique = f"{name} {count}"
            named[unique] = run  # type: ignore[assignment]
    if not named:
        raise ValueError("runs: expected at least one run, got none")
    return named


def _is_run(run: object) -> bool:
    if isinstance(run, list | tuple):
        return all(isinstance(report, EpochReport) for report in run)
    return isinstance(run, str | os.PathLike | RunLog | Estimator)


def _curves(run: Run, name: str) -> _Curves:
    if isinstance(run, str | os.PathLike):
        with Path(run).open("rb") as file:
            first = file.read(1)
        if first in (b"{", b""):
            return _curves(RunLog.load(run), os.fspath(run))
        saved = Checkpoint(run, None)
        rounds = bool(saved.past)
        return _of_history([*saved.past, *saved.state.history], name, None if rounds else saved.config)
    if isinstance(run, Estimator):
        # A later round over new text may have had another learning rate, which only its log has.
        rounds = len(run.history) > run.config.epochs
        return _of_history(run.history, name, None if rounds else run.config.to_dict())
    if isinstance(run, RunLog):
        return _of_log(run, name)
    if _is_run(run):
        return _of_history(run, name, None)
    raise TypeError(
        f"runs: expected a fitted model, a RunLog, a list of EpochReport or the name of a file, "
        f"got {type(run).__name__}"
    )


def _of_history(history: Sequence[EpochReport], name: str, config: Mapping[str, Any] | None) -> _Curves:
    if not history:
        raise ValueError(f"runs: expected a run with at least one complete epoch, got none in {name!r}")
    curves = _Curves(marked=True)
    for epoch, report in enumerate(history, 1):
        curves.add(_LOSS, epoch, report.loss)
        for score, value in report.scores.items():
            curves.add(score, epoch, value)
    if config is not None:
        epochs, last = float(config["epochs"]), float(config["lr"])
        if "min_lr" in config:
            lowest = last / 10_000 if config["min_lr"] is None else float(config["min_lr"])
            last += (lowest - last) * len(history) / epochs
        curves.add(_LR, 0, float(config["lr"]))
        curves.add(_LR, len(history), last)
    if not curves.points:
        raise ValueError(f"runs: expected a loss that is a number, got none in {name!r}")
    return curves


def _of_log(log: RunLog, name: str) -> _Curves:
    if not log.reports:
        raise ValueError(f"runs: expected a run with at least one report, got none in {name!r}")
    curves = _Curves(marked=False)
    for report in log.reports:
        curves.add(_LOSS, report.fraction * report.epochs, report.loss)
        curves.add(_LR, report.fraction * report.epochs, report.lr)
    return curves
