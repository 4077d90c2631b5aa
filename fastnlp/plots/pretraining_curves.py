"""Curves of a pretraining run: losses, accuracies and the learning rate by updates."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastnlp.plots.fonts import font_families
from fastnlp.plots.style import (
    COLOURS,
    FAINT,
    INK,
    Size,
    add_heading,
    heading_height,
    new_figure,
    ruled_axes,
)
from fastnlp.training.pretraining_reports import PretrainingProgress, PretrainingTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_pretraining"]

# What an axes shows: its name, and the fields of what was trained on and of validation.
_AXES = (
    ("loss of masked words", "mlm_loss", "validation_mlm_loss", 3.1),
    ("words right", "mlm_accuracy", "validation_mlm_accuracy", 1.6),
    ("loss of pairs", "nsp_loss", "validation_nsp_loss", 1.6),
    ("learning rate", "lr", None, 1.3),
)


def plot_pretraining(
    run: Sequence[PretrainingProgress] | str | os.PathLike[str],
    *,
    unigram_entropy: float | None = None,
    title: str = "",
    size: Size | None = None,
) -> Figure:
    """Losses and accuracies of a BERT by updates, while training and on other text.

    Args:
        run: the `history` of a `BertPretrainer`, or the CSV file that `fit(log=...)` wrote.
        unigram_entropy: a line at the loss that the frequencies of words alone give, of a trainer's attribute
            of this name.
        title: above the curves.
        size: width and height in inches.

    Returns:
        A Matplotlib figure that belongs to no window.

    Raises:
        ValueError: there is no report, or the file is damaged.
        OSError: the file cannot be read.
        ImportError: Matplotlib is not installed.

    Example:
        >>> run = [PretrainingProgress(0, 1, 0.5 * i, 9, 9.0, 7.0 - i, 1e-4, 1.0, 1.0, step=i, steps=2,
        ...                            mlm_loss=7.0 - i) for i in (1, 2)]
        >>> plot_pretraining(run).axes[0].lines[0].get_ydata().tolist()
        [6.0, 5.0]
    """
    reports = PretrainingTable.load(run) if isinstance(run, str | os.PathLike) else list(run)
    if not reports:
        raise ValueError("run: expected a run with at least one report, got none")
    shown = [each for each in _AXES if any(math.isfinite(getattr(r, each[1])) for r in reports)]
    families = font_families([title])
    above = heading_height(title, note=False) + 0.1
    figure = new_figure(size or (7.6, sum(each[3] for each in shown) + above + 0.55))
    width, height = figure.get_size_inches()
    grid = figure.add_gridspec(
        len(shown), 1, left=0.95 / width, right=1 - 0.25 / width, bottom=0.6 / height,
        top=1 - above / height, hspace=0.16, height_ratios=[each[3] for each in shown],
    )  # fmt: skip
    shared = None
    for row, (name, trained, other, _) in enumerate(shown):
        axes = figure.add_subplot(grid[row], sharex=shared)
        shared = shared or axes
        ruled_axes(axes)
        for field, label, colour in ((trained, "training", COLOURS[0]), (other, "validation", COLOURS[1])):
            points = [] if field is None else [(r.step, getattr(r, field)) for r in reports]
            points = [point for point in points if math.isfinite(point[1])]
            if points:
                marker = "o" if label == "validation" else None
                axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.6, label=label, marker=marker,
                          markersize=4, zorder=3)  # fmt: skip
        if row == 0 and unigram_entropy is not None:
            axes.axhline(unigram_entropy, color=FAINT, linestyle=(0, (5, 3)), linewidth=1.2,
                         label="frequencies alone")  # fmt: skip
        if row == 0:
            axes.legend(frameon=False, fontsize=10, labelcolor=INK)
        axes.set_ylabel(name, fontsize=10.5, color=INK)
        axes.tick_params(labelbottom=row == len(shown) - 1)
        axes.margins(x=0.02)
    figure.axes[-1].set_ylim(bottom=0)
    figure.axes[-1].ticklabel_format(axis="y", style="plain", useOffset=False)
    figure.axes[-1].set_xlabel("updates", fontsize=10.5, color=INK)
    if title:
        add_heading(figure, title, "", families)
    figure.align_ylabels()
    return figure
