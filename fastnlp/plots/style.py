"""The look that all pictures share, and how they are written to files."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnlp.io.atomic import atomic_write
from fastnlp.plots.fonts import bold_weight
from fastnlp.plots.libraries import load_library

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "INK", "MARKERS", "Size", "new_figure", "save_figure"]

Size = tuple[float, float]

# Okabe and Ito's colours ("Color Universal Design", 2008), told apart by people with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#785a10", "#5a5a5a")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
INK = "#1c1c1e"
FAINT = "#6e6e73"
HAIRLINE = "#d9d9de"

EDGE = 0.18  # inches around a picture

_DPI = 150
_FORMATS = (".png", ".svg", ".pdf")


def new_figure(size: Size) -> Figure:
    """An empty figure on Matplotlib's Agg canvas: no window, no pyplot, nothing to close.

    Args:
        size: width and height in inches.

    Returns:
        The figure.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: a side is not between 1 and 100 inches.

    Example:
        >>> new_figure((4, 3)).get_size_inches().tolist()
        [4.0, 3.0]
    """
    if len(size) != 2 or not all(1 <= side <= 100 for side in size):
        raise ValueError(f"size: expected width and height of 1 to 100 inches, got {size}")
    figure: Figure = load_library("matplotlib.figure", "a picture").Figure(
        figsize=size, dpi=_DPI, facecolor="white"
    )
    load_library("matplotlib.backends.backend_agg", "a picture").FigureCanvasAgg(figure)
    return figure


def ruled_axes(axes: Axes) -> None:
    """Axes of a curve: a frame on two sides and faint lines across."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.grid(axis="y", color=HAIRLINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=10, length=3, color=FAINT)


def add_heading(figure: Figure, title: str, note: str, families: list[str]) -> None:
    """A title at the top left of a figure, and under it in grey how the picture was made."""
    width, height = figure.get_size_inches()
    top = 0.16
    for text, size, weight, colour in ((title, 14, bold_weight(families), INK), (note, 9.5, "normal", FAINT)):
        if text:
            figure.text(
                EDGE / width,
                1 - top / height,
                text,
                va="top",
                fontsize=size,
                fontweight=weight,
                color=colour,
                family=families,
                parse_math=False,
            )
            top += size * 1.75 / 72


def heading_height(title: str, note: bool = True) -> float:
    """Inches that the heading takes, with the space around it."""
    return 0.16 + 0.34 * bool(title) + 0.31 * note


def framed_axes(figure: Figure, title: str, legend: float = 0.0) -> Axes:
    """Axes without ticks that fill a figure under its heading and so many inches for a legend.

    They are those of a map, which have no unit.
    """
    width, height = figure.get_size_inches()
    above = heading_height(title) + legend
    axes = figure.add_axes((EDGE / width, EDGE / height, 1 - 2 * EDGE / width, 1 - (EDGE + above) / height))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(HAIRLINE)
    return axes


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure to a file, which appears whole or not at all.

    The same figure gives the same bytes.

    Args:
        figure: from one of the functions of this package.
        path: a name in .png, .svg or .pdf.

    Raises:
        ValueError: the name has another ending.
        OSError: writing failed; an old file is untouched.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "empty.png")
        >>> save_figure(new_figure((1, 1)), path)
        >>> path.read_bytes()[1:4]
        b'PNG'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise ValueError(f"path: expected a name in {', '.join(_FORMATS)}, got {os.fspath(path)}")
    # Without the time of the day, by which files would differ.
    metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix, {})
    matplotlib: Any = load_library("matplotlib", "a picture")
    with (
        atomic_write(path) as file,
        matplotlib.rc_context({"svg.hashsalt": "fastnlp"}),
        warnings.catch_warnings(),
    ):
        # Glyphs that are missing were warned of when the fonts were chosen.
        warnings.filterwarnings("ignore", r"Glyph .* missing from")
        figure.savefig(file, format=suffix[1:], metadata=metadata)
