"""Similarities of words as a picture of squares."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fastnlp.plots.fonts import font_families
from fastnlp.plots.libraries import load_library
from fastnlp.plots.style import EDGE, FAINT, HAIRLINE, INK, add_heading, heading_height, new_figure
from fastnlp.plots.words import different_words, unit_rows
from fastnlp.vectors import WordVectors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Order", "plot_heatmap"]

Order = Literal["clusters", "given"]

_MOST = 150
_NUMBERS_UP_TO = 16  # words on a side for which each square shows its cosine


def plot_heatmap(
    vectors: WordVectors,
    words: Iterable[str],
    columns: Iterable[str] | None = None,
    *,
    order: Order = "clusters",
    title: str = "",
) -> Figure:
    """The cosines of words with each other, or with other words, as a heat map.

    Similar words stand together: they are ordered by average-linkage clustering with the leaves in the order
    in which neighbours are nearest (Bar-Joseph et al. 2001). Blue is dissimilar and yellow similar, with a
    lightness that rises evenly, so the picture can be read without colour. The diagonal of a word with itself
    is grey and does not stretch the scale.

    Args:
        vectors: where the words are looked up.
        words: the rows, two words to 150.
        columns: other words as columns; the same words without.
        order: "clusters", or "given" to keep the order.
        title: above the picture.

    Returns:
        A Matplotlib figure that belongs to no window, as large as the words ask for.

    Raises:
        KeyError: words are unknown.
        ValueError: there are too few or too many words, or a vector has no direction.
        ImportError: Matplotlib or SciPy is not installed.

    Example:
        >>> table = np.array([[2, 0], [0, 3], [2, 1]], np.float32)
        >>> figure = plot_heatmap(WordVectors(["cat", "stone", "dog"], table), ["cat", "stone", "dog"])
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['stone', 'dog', 'cat']
    """
    if order not in get_args(Order):
        raise ValueError(f"order: expected one of {get_args(Order)}, got {order!r}")
    down = _ordered(vectors, words, "words", order)
    across = down if columns is None else _ordered(vectors, columns, "columns", order)
    if columns is None and len(down) < 2:
        raise ValueError(f"words: expected at least two to compare, got {len(down)}")
    cosines = np.clip(unit_rows(vectors, down) @ unit_rows(vectors, across).T, -1, 1)
    itself = np.array([[a == b for b in across] for a in down])
    others = cosines[~itself]
    if others.size == 0:
        raise ValueError(f"columns: expected a word besides {down[0]!r}, got none")
    return _draw(np.ma.array(cosines, mask=itself), others, down, across, title)


def _ordered(vectors: WordVectors, words: Iterable[str], name: str, order: Order) -> list[str]:
    listed = different_words(words)
    if not 1 <= len(listed) <= _MOST:
        raise ValueError(f"{name}: expected 1 to {_MOST} different words, got {len(listed)}")
    rows = unit_rows(vectors, listed)
    if order == "given" or len(listed) < 3:
        return listed
    hierarchy: Any = load_library("scipy.cluster.hierarchy", "a heat map ordered by clusters")
    upper = np.triu_indices(len(rows), 1)
    distances = np.maximum(1 - (rows @ rows.T)[upper], 0)
    tree = hierarchy.linkage(distances, "average", optimal_ordering=True)
    return [listed[i] for i in hierarchy.leaves_list(tree)]


def _draw(
    cosines: Any, others: NDArray[np.float64], down: list[str], across: list[str], title: str
) -> Figure:
    families = font_families([*down, *across, title])
    numbers = max(len(down), len(across)) <= _NUMBERS_UP_TO
    cell, font = (0.46, 11.0) if numbers else (0.235, 10.0)
    left, above = (_longest(words, families, font) + 0.12 for words in (down, across))
    upright = above > cell  # columns whose names are wider than a square are read from the side
    if not upright:
        above = font / 72 + 0.12
    grid_width, grid_height = cell * len(across), cell * len(down)
    width = max(EDGE + left + grid_width + 1.0, 4.5)
    height = heading_height(title) + above + grid_height + EDGE
    figure = new_figure((width, height))
    axes = figure.add_axes(((EDGE + left) / width, EDGE / height, grid_width / width, grid_height / height))
    low, high = float(others.min()), float(others.max())
    if high - low < 1e-3:
        low, high = low - 5e-4, high + 5e-4
    colours: Any = load_library("matplotlib", "a picture").colormaps["viridis"]
    colours = colours.with_extremes(bad=HAIRLINE)
    image = axes.imshow(cosines, cmap=colours, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    axes.xaxis.tick_top()
    style: dict[str, Any] = {"fontsize": font, "color": INK, "family": families, "parse_math": False}
    axes.set_xticks(range(len(across)), across, rotation=90 if upright else 0, **style)
    axes.set_yticks(range(len(down)), down, **style)
    axes.set_xticks(np.arange(len(across) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(down) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5 if numbers else 0.7)
    axes.tick_params(which="both", length=0, pad=5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if numbers:
        for (i, j), cosine in np.ndenumerate(cosines.data):
            if not cosines.mask[i, j]:
                number = f"{round(cosine, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
                ink = "white" if cosine < (low + high) / 2 else INK
                axes.text(j, i, number, ha="center", va="center", fontsize=9, color=ink)
    tall = min(grid_height, 2.2)
    scale = figure.add_axes(
        (
            (EDGE + left + grid_width + 0.18) / width,
            (EDGE + grid_height - tall) / height,
            0.14 / width,
            tall / height,
        )
    )
    bar = figure.colorbar(image, cax=scale)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=9, color=FAINT, labelcolor=INK, length=3)
    add_heading(figure, title, "cosine similarity", families)
    return figure


def _longest(words: list[str], families: list[str], font: float) -> float:
    """Inches that the longest of some words takes."""
    figure: Any = new_figure((1, 1))
    renderer = figure.canvas.get_renderer()
    texts = [figure.text(0, 0, word, fontsize=font, family=families, parse_math=False) for word in words]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from")
        return float(max(text.get_window_extent(renderer).width for text in texts) / figure.dpi)
