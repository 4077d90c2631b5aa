"""A map of words: points that lie near each other for words that do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from fastnlp.plots.fonts import font_families
from fastnlp.plots.labels import Label, draw_labels
from fastnlp.plots.projection import Method, project
from fastnlp.plots.style import COLOURS, INK, MARKERS, Size, add_heading, framed_axes, new_figure
from fastnlp.plots.words import different_words, first_words, unit_rows
from fastnlp.vectors import WordVectors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_map"]

_COLUMNS = 5  # of the legend


def plot_map(
    vectors: WordVectors,
    words: int | Iterable[str] | Mapping[str, Iterable[str]] | None = None,
    *,
    near: str | Iterable[str] | None = None,
    topn: int = 30,
    restrict_vocab: int | None = None,
    method: Method = "pca",
    seed: int = 1,
    title: str = "",
    size: Size | None = None,
) -> Figure:
    """A labelled map of words in two dimensions.

    Vectors are scaled to length 1 first, so near points are words of high cosine as far as two dimensions
    can show it. No label lies over another; one that finds no place beside its point stands farther away at
    the end of a line.

    Args:
        vectors: where the words are looked up.
        words: the words, or groups of words by name, each in a colour of its own; words of several groups
            belong to the first. A number is that of the first rows, without those that have no direction.
        near: a word or several; each is drawn with its nearest words, in a colour of its own.
        topn: how many nearest words.
        restrict_vocab: nearest among the first so many words only.
        method: "pca", "tsne" or "umap", see `project`.
        seed: of the draws of t-SNE and UMAP.
        title: above the map.
        size: width and height in inches; by default as large as the number of words asks for.

    Returns:
        A Matplotlib figure that belongs to no window; `save_figure` or its `savefig` writes it.

    Raises:
        KeyError: words are unknown.
        ValueError: there are too few words or vectors, or a vector has no direction.
        ImportError: Matplotlib or the library of the method is not installed.

    Warns:
        UserWarning: a label found no room, or a character has no glyph in any font.

    Example:
        >>> table = np.array([[2, 0], [2, 1], [0, 3], [1, 3]], np.float32)
        >>> vectors = WordVectors(["cat", "dog", "stone", "rock"], table)
        >>> figure = plot_map(vectors, {"animals": ["cat", "dog"], "things": ["stone", "rock"]})
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['animals', 'things']
    """
    groups, queries = _groups(vectors, words, near, topn, restrict_vocab)
    members = {word: place for place, name in reversed(list(enumerate(groups))) for word in groups[name]}
    drawn = different_words(word for group in groups.values() for word in group)
    # Queries first: their labels get the best places.
    drawn.sort(key=lambda word: word not in queries)
    points, note = project(unit_rows(vectors, drawn), method, seed)
    families = font_families([*drawn, *groups, title])
    figure = new_figure(_size_for(len(drawn)) if size is None else size)
    rows = math.ceil(len(groups) / _COLUMNS) if len(groups) > 1 else 0
    axes = framed_axes(figure, title, 0.25 * rows)
    for place, name in enumerate(groups):
        chosen = [i for i, word in enumerate(drawn) if members[word] == place]
        if chosen:
            axes.scatter(
                points[chosen, 0],
                points[chosen, 1],
                s=[90.0 if drawn[i] in queries else 26.0 for i in chosen],
                color=COLOURS[place % len(COLOURS)],
                marker=MARKERS[(place + place // len(MARKERS)) % len(MARKERS)],
                linewidths=0.6,
                edgecolors="white",
                label=name,
                zorder=3,
            )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.09, 0.07)
    axes.apply_aspect()
    if len(groups) > 1:
        _legend(axes, families)
    add_heading(figure, title, f"{len(drawn)} words, {note}", families)
    labels = [
        Label(word, 12.5, True, 4.8) if word in queries else Label(word, 10.5 if len(drawn) <= 60 else 9.5)
        for word in drawn
    ]
    draw_labels(axes, points, labels, families)
    return figure


def _groups(
    vectors: WordVectors,
    words: int | Iterable[str] | Mapping[str, Iterable[str]] | None,
    near: str | Iterable[str] | None,
    topn: int,
    restrict_vocab: int | None,
) -> tuple[dict[str, list[str]], set[str]]:
    """Words by the name of their group, and those that were asked about."""
    if words is None and near is None:
        raise ValueError("words: expected words to draw, or near= for the neighbours of one, got neither")
    if topn < 1:
        raise ValueError(f"topn: expected at least 1, got {topn}")
    groups: dict[str, list[str]] = {}
    if isinstance(words, Mapping):
        groups.update({name: different_words(group) for name, group in words.items()})
    elif isinstance(words, int):
        groups[""] = first_words(vectors, words)[0]
    elif words is not None:
        groups[""] = different_words(words)
    queries = [] if near is None else [near] if isinstance(near, str) else different_words(near)
    for query in queries:
        unit_rows(vectors, [query])
        found = vectors.most_similar(query, topn=topn, restrict_vocab=restrict_vocab)
        groups[f"near {query}"] = [query, *(word for word, _ in found)]
    if words is not None and queries and "" in groups:
        groups["chosen"] = groups.pop("")
    return groups, set(queries)


def _size_for(count: int) -> Size:
    """Room for `count` labels of ordinary words."""
    width = float(np.clip(8 + 0.035 * count, 8, 22))
    return width, width * 0.72


def _legend(axes: Axes, families: list[str]) -> None:
    """The names of the groups in rows between the heading and the map, where no label is."""
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=_COLUMNS,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.2,
        borderaxespad=0.1,
        prop={"family": families, "size": 10},
        labelcolor=INK,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
