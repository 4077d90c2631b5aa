"""Labels beside points, none over another."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.plots.fonts import bold_weight
from fastnlp.plots.libraries import load_library
from fastnlp.plots.style import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Label", "draw_labels", "place_boxes"]

_DIRECTIONS = 16
_PASSES = 3
_AT_ONCE = 16  # candidates that are looked at together
_PREFERENCE = 0.35  # of the right over the left, and of both over the other directions, in heights of a label
_COVERED_POINT = 6.0  # what it costs to cover the point of another label, in heights of a label
_COVERED_OBSTACLE = 0.8
_CROSSED = 3.0  # a line to a label that lies over another label or near another point


@dataclass(frozen=True)
class Label:
    """A word to write at a point.

    Attributes:
        text: what to write.
        size: of the font, in points.
        bold: whether it stands out.
        radius: of the marker at the point, in points.
    """

    text: str
    size: float
    bold: bool = False
    radius: float = 2.5


def place_boxes(
    anchors: NDArray[np.float64],
    sizes: NDArray[np.float64],
    frame: tuple[float, float, float, float],
    *,
    gap: float,
    radii: NDArray[np.float64] | None = None,
    obstacles: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Where to put a box beside each point so that no two boxes overlap.

    Boxes are placed one after another, each at the cheapest free place among rings of places around its
    point; near places cost little, places that cover points much. Then each is placed anew, three times,
    given all others.

    Args:
        anchors: (N, 2) the points, the most important first.
        sizes: (N, 2) widths and heights of the boxes.
        frame: left, bottom, right and top of what the boxes stay in.
        gap: between a point and its box; a third of it stays free between two boxes.
        radii: (N,) how far the mark of each point reaches, beyond which the gap begins; 0 without.
        obstacles: (M, 2) further points to keep free.

    Returns:
        (N, 2) left and bottom of each box; NaN where there was no room.

    Example:
        >>> place_boxes(np.array([[10.0, 10.0]]), np.array([[20.0, 4.0]]), (0, 0, 100, 100), gap=3).tolist()
        [[13.0, 8.0]]
    """
    count = len(anchors)
    corners = np.full((count, 2), np.nan)
    if count == 0:
        return corners
    reaches = np.zeros(count) if radii is None else radii
    points, marks, weights = anchors, reaches + gap, np.full(count, _COVERED_POINT)
    if obstacles is not None:
        points = np.concatenate([anchors, obstacles])
        marks = np.concatenate([marks, np.full(len(obstacles), gap / 2)])
        weights = np.concatenate([weights, np.full(len(obstacles), _COVERED_OBSTACLE)])
    height = float(np.median(sizes[:, 1]))
    distance, direction, preference = _places(height, gap)
    reach = np.clip(direction * np.sqrt(2), -1, 1) / 2  # of a box beside its point, in its own size
    candidates = []
    for i in range(count):
        centres = anchors[i] + reach * sizes[i] + (distance[:, None] + reaches[i]) * direction
        low = centres - sizes[i] / 2
        inside = (low >= frame[:2]).all(axis=1) & (low + sizes[i] <= frame[2:]).all(axis=1)
        low, far = low[inside], distance[inside] > gap + 0.5 * height
        high, clear = (low + sizes[i])[:, None], marks[:, None]
        covered = ((points > low[:, None] - clear) & (points < high + clear)).all(axis=2)
        covered[:, i] = False  # its own distance is kept by the rings
        cost = (distance - gap + preference)[inside] + height * (covered @ weights)
        order = np.argsort(cost, kind="stable")
        candidates.append((low[order], far[order], cost[order]))
    for _ in range(1 + _PASSES):
        for i in range(count):
            others = np.isfinite(corners[:, 0])
            others[i] = False
            left = corners[others] - gap / 3
            right = corners[others] + sizes[others] + gap / 3
            near, clear = np.delete(anchors, i, axis=0), np.delete(marks[:count], i)[:, None]
            barriers = np.concatenate([left, near - clear]), np.concatenate([right, near + clear])
            corners[i] = _cheapest(
                anchors[i], sizes[i], candidates[i], left, right, barriers, _CROSSED * height
            )
    return corners


def _places(height: float, gap: float) -> tuple[NDArray[np.float64], ...]:
    """Distances (P,), directions (P, 2) and costs of the directions (P,) of the places around a point."""
    rings = gap + height * np.array([0, 0.4, 1, 1.8, 2.8, 4, 5.5, 7.5, 10, 13])
    angles = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
    direction = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    preference = height * _PREFERENCE * (np.abs(direction[:, 1]) + (direction[:, 0] < 0.5))
    return (
        np.repeat(rings, _DIRECTIONS),
        np.tile(direction, (len(rings), 1)),
        np.tile(preference, len(rings)),
    )


def _cheapest(
    anchor: NDArray[np.float64],
    size: NDArray[np.float64],
    candidates: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    barriers: tuple[NDArray[np.float64], NDArray[np.float64]],
    crossing: float,
) -> NDArray[np.float64]:
    """The free place of least cost; candidates come by rising cost, to which crossings can only add."""
    lows, fars, costs = candidates
    best, least = np.full(2, np.nan), np.inf
    for start in range(0, len(lows), _AT_ONCE):
        if costs[start] >= least:
            break
        part = slice(start, start + _AT_ONCE)
        low = lows[part]
        over: Any = (low[:, None] < right) & (low[:, None] + size > left)
        free = ~over.all(axis=2).any(axis=1)
        if not free.any():
            continue
        low, far, cost = low[free], fars[part][free], costs[part][free].copy()
        if far.any():
            ends = np.clip(anchor, low[far], low[far] + size)
            cost[far] += crossing * _crossings(anchor, ends, *barriers)
        if cost.min() < least:
            best, least = low[cost.argmin()], cost.min()
    return best


def _crossings(
    start: NDArray[np.float64],
    ends: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.int64]:
    """How many boxes each of the lines from one point crosses."""
    way = (ends - start)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - start) / way, (high - start) / way
    enter = np.nanmax(np.minimum(first, second), axis=2, initial=0.0)
    leave = np.nanmin(np.maximum(first, second), axis=2, initial=1.0)
    crossed: NDArray[np.int64] = (enter < leave).sum(axis=1)
    return crossed


def draw_labels(
    axes: Axes,
    points: NDArray[np.float64],
    labels: Sequence[Label],
    families: list[str],
    obstacles: NDArray[np.float64] | None = None,
) -> list[Any]:
    """Writes a label beside each point; a thin line leads to one that had to go farther away.

    The places hold for the size that the figure has now: limits and layout have to be final.

    Args:
        axes: where the points are.
        points: (N, 2) in data coordinates, the most important first.
        labels: N texts.
        families: fonts that have all glyphs.
        obstacles: (M, 2) further points to keep free, in data coordinates.

    Returns:
        Matplotlib's annotations, without those that had no room.

    Warns:
        UserWarning: some labels found no room.
    """
    figure: Any = axes.figure
    renderer = figure.canvas.get_renderer()
    effects: Any = load_library("matplotlib.patheffects", "a picture")
    halo = [effects.withStroke(linewidth=2.5, foreground="white", alpha=0.85)]
    texts = []
    bold = bold_weight(families)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from")
        for label, point in zip(labels, points, strict=True):
            text: Any = axes.annotate(
                label.text,
                point,
                xytext=(0, 0),
                textcoords="offset points",
                fontsize=label.size,
                fontweight=bold if label.bold else "normal",
                color=INK,
                family=families,
                parse_math=False,
                annotation_clip=False,
                path_effects=halo,
                zorder=5,
            )
            texts.append(text)
        boxes = [text.get_window_extent(renderer) for text in texts]
    sizes = np.array([[box.width, box.height] for box in boxes]).reshape(-1, 2)
    anchors = np.asarray(axes.transData.transform(points)).reshape(-1, 2)
    blocked = None if obstacles is None else np.asarray(axes.transData.transform(obstacles))
    frame = axes.get_window_extent(renderer)
    pixel = figure.dpi / 72
    gap = 2.5 * pixel
    radii = np.array([label.radius * pixel for label in labels])
    corners = place_boxes(
        anchors,
        sizes,
        (frame.x0 + gap, frame.y0 + gap, frame.x1 - gap, frame.y1 - gap),
        gap=gap,
        radii=radii,
        obstacles=blocked,
    )
    drawn = []
    for text, box, anchor, radius, corner, point in zip(
        texts, boxes, anchors, radii, corners, points, strict=True
    ):
        if not np.isfinite(corner[0]):
            text.remove()
            continue
        # In points, so that the places hold for another resolution too.
        text.set_position(((corner - [box.x0, box.y0]) / pixel).tolist())
        drawn.append(text)
        nearest = np.clip(anchor, corner, corner + np.array([box.width, box.height]))
        if np.hypot(*(nearest - anchor)) > radius + 2.5 * gap:
            axes.annotate(
                "",
                point,
                xytext=((nearest - anchor) / pixel).tolist(),
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 3},
                annotation_clip=False,
                zorder=2,
            )
    if len(drawn) < len(labels):
        warnings.warn(
            f"{len(labels) - len(drawn)} of {len(labels)} labels found no room and are left out; "
            "draw fewer words or give a larger size",
            stacklevel=3,
        )
    return drawn
