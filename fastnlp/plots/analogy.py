"""Analogies as arrows: pairs of words that stand in the same relation point the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fastnlp.plots.fonts import font_families
from fastnlp.plots.labels import Label, draw_labels
from fastnlp.plots.projection import principal_plane
from fastnlp.plots.style import COLOURS, INK, Size, add_heading, framed_axes, new_figure
from fastnlp.plots.words import different_words, unit_rows
from fastnlp.vectors import WordVectors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Plane", "plot_analogies"]

Plane = Literal["pca", "difference"]


def plot_analogies(
    vectors: WordVectors,
    pairs: Iterable[tuple[str, str | None]],
    *,
    plane: Plane = "pca",
    title: str = "",
    size: Size = (8.5, 6.2),
) -> Figure:
    """Pairs of words as arrows; where they stand in the same relation, the arrows are about parallel.

    Args:
        vectors: where the words are looked up.
        pairs: (from, to), at least one; None in the place of `to` asks for the answer to "what is to `from`
            as in the first pair", by `WordVectors.analogy`.
        plane: "pca" shows the words from the side from which they lie farthest apart; "difference" puts the
            mean of all differences upright and what else the words differ in most across.
        title: above the picture.
        size: width and height in inches.

    Returns:
        A Matplotlib figure that belongs to no window.

    Raises:
        KeyError: words are unknown.
        ValueError: there is no pair, its two vectors are the same, or a vector has no direction.
        ImportError: Matplotlib is not installed.

    Example:
        >>> table = np.array([[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0]], np.float32)
        >>> vectors = WordVectors(["man", "woman", "king", "queen", "tree"], table)
        >>> figure = plot_analogies(vectors, [("man", "woman"), ("king", None)])
        >>> sorted(text.get_text() for text in figure.axes[0].texts if text.get_text() in vectors)
        ['king', 'man', 'queen', 'woman']
    """
    if plane not in get_args(Plane):
        raise ValueError(f"plane: expected one of {get_args(Plane)}, got {plane!r}")
    asked = _checked(pairs)
    unit_rows(vectors, different_words(word for pair in asked for word in pair if word is not None))
    ends = [(a, _answer(vectors, asked[0], a) if b is None else b) for a, b in asked]
    answers = {end for (_, end), (_, given) in zip(ends, asked, strict=True) if given is None}
    words = different_words(word for pair in ends for word in pair)
    rows = unit_rows(vectors, words)
    place = {word: i for i, word in enumerate(words)}
    arrows = np.array([[place[a], place[b]] for a, b in ends])
    for a, b in arrows:
        if np.allclose(rows[a], rows[b], atol=1e-12):
            raise ValueError(
                f"pairs: expected two different vectors, got the same for {words[a]!r} and {words[b]!r}"
            )
    points, note = _points(rows, arrows, plane)

    families = font_families([*words, title])
    figure = new_figure(size)
    axes = framed_axes(figure, title)
    starts = [i for i in range(len(words)) if i in set(arrows[:, 0])]
    targets = [i for i in range(len(words)) if i not in starts]
    for ends_of, colour in ((starts, COLOURS[0]), (targets, COLOURS[1])):
        axes.scatter(points[ends_of, 0], points[ends_of, 1], s=34, color=colour, zorder=3)
    axes.margins(0.13, 0.12)
    axes.set_aspect("equal", adjustable="datalim")
    axes.apply_aspect()
    for (tail, head), (_, word) in zip(arrows, ends, strict=True):
        axes.annotate(
            "",
            points[head],
            xytext=points[tail],
            arrowprops={
                "arrowstyle": "-|>,head_length=0.55,head_width=0.22",
                "color": COLOURS[1] if word in answers else INK,
                "alpha": 0.75,
                "linewidth": 1.3,
                "linestyle": (0, (4, 2.5)) if word in answers else "-",
                "shrinkA": 4,
                "shrinkB": 4,
            },
            annotation_clip=False,
            zorder=2,
        )
    if answers:
        note += "; dashed: to the word nearest to where the first arrow would lead"
    add_heading(figure, title, note, families)
    # Points along the arrows keep labels off them.
    start, end = points[arrows[:, 0], None], points[arrows[:, 1], None]
    along = start + np.linspace(0.06, 0.94, 24)[:, None] * (end - start)
    draw_labels(
        axes,
        points,
        [Label(word, 12, word in answers, 3.0) for word in words],
        families,
        along.reshape(-1, 2),
    )
    return figure


def _checked(pairs: Iterable[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    listed: list[tuple[str, str | None]] = []
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2:
            raise ValueError(f"pairs: expected pairs of words, got {pair!r}")
        if pair[0] == pair[1]:
            raise ValueError(f"pairs: expected two different words, got {pair!r}")
        listed.append((pair[0], pair[1]))
    if not listed or listed[0][1] is None:
        raise ValueError(f"pairs: expected a first pair of two words, got {listed[:1] or 'none'}")
    return listed


def _answer(vectors: WordVectors, first: tuple[str, str | None], word: str) -> str:
    a, b = first
    assert b is not None
    found = vectors.analogy(a, b, word)
    if not found:
        raise ValueError(f"vectors: expected a word besides {a!r}, {b!r} and {word!r}, got none")
    return found[0][0]


def _points(
    rows: NDArray[np.float64], arrows: NDArray[np.integer], plane: Plane
) -> tuple[NDArray[np.float64], str]:
    """Where the words lie in the plane, and what its directions are."""
    if plane == "pca":
        points, share = principal_plane(rows)
        return points, f"PCA, {share:.0%} of the variance"
    differences = rows[arrows[:, 1]] - rows[arrows[:, 0]]
    mean = differences.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 1e-9:
        raise ValueError("pairs: expected differences with a mean other than 0, got pairs that cancel out")
    upright = mean / length
    height = rows @ upright
    across, _ = principal_plane(rows - height[:, None] * upright)
    return np.stack(
        [across[:, 0], height - height.mean()], axis=1
    ), "upright: the mean difference of the pairs"
