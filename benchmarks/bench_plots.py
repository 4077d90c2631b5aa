"""Labels beside points: ours against libraries that place them, by overlaps left and by CPU time; the page.

    pytest benchmarks/bench_plots.py --benchmark-enable -s

All get the same points, words and axes, in turns; see harness.py.
"""

import importlib
import sys

import harness
import numpy as np
import pytest
from oracles.boxes import overlapping

import fastnlp as fn
from fastnlp.plots.labels import Label, draw_labels
from fastnlp.plots.style import framed_axes, new_figure

pytest.importorskip("matplotlib")

WORDS = 150


@pytest.fixture(scope="module")
def crowded():
    """Points of a map with crowded places, and words of ordinary length."""
    draw = np.random.default_rng(1)
    centres = draw.normal(size=(12, 2)) * 3
    points = centres[np.arange(WORDS) % 12] + 0.6 * draw.normal(size=(WORDS, 2))
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(draw.choice(list(letters), draw.integers(3, 11))) for _ in range(WORDS)]
    return points, words


def axes_of(points):
    figure = new_figure((12, 8.5))
    axes = framed_axes(figure, "")
    axes.scatter(points[:, 0], points[:, 1], s=26)
    axes.margins(0.09)
    figure.canvas.draw()
    return figure, axes


def found(figure):
    """Labels drawn, pairs of them that overlap, and those that leave the axes."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = [
        text.get_window_extent(renderer).extents.tolist() for text in figure.axes[0].texts if text.get_text()
    ]
    frame = figure.axes[0].get_window_extent().extents
    outside = sum(b[0] < frame[0] or b[1] < frame[1] or b[2] > frame[2] or b[3] > frame[3] for b in boxes)
    return len(boxes), len(overlapping(boxes)), outside


def test_labels_of_150_words(crowded, benchmark):
    points, words = crowded

    def ours():
        figure, axes = axes_of(points)
        draw_labels(axes, points, [Label(word, 9.5) for word in words], ["DejaVu Sans"])
        return figure

    def adjust_text():
        figure, axes = axes_of(points)
        texts = [axes.text(*point, word, fontsize=9.5) for point, word in zip(points, words, strict=True)]
        sys.modules["adjustText"].adjust_text(
            texts, ax=axes, x=points[:, 0], y=points[:, 1], arrowprops={"arrowstyle": "-", "lw": 0.7}
        )
        return figure

    def allocate():
        figure, axes = axes_of(points)
        x, y = points.T
        sys.modules["textalloc"].allocate(axes, x, y, words, x_scatter=x, y_scatter=y, textsize=9.5)
        return figure

    peers = {"adjustText": adjust_text, "textalloc": allocate}
    for name in list(peers):
        try:
            importlib.import_module(name)
        except ImportError:
            del peers[name]
    result = harness.compare(benchmark, ours, peers, turns=3)
    for name, figure in result.answers.items():
        drawn, over, outside = found(figure)
        print(
            f"{name}: {drawn} of {WORDS} labels drawn, {over} overlapping pairs, {outside} outside the axes"
        )
    assert found(result.answers["fastnlp"]) == (WORDS, 0, 0)


def test_a_page_of_20000_words(benchmark):
    draw = np.random.default_rng(2)
    table = draw.normal(size=(20_000, 100)).astype(np.float32)
    vectors = fn.WordVectors([f"word{i}" for i in range(20_000)], table)
    vectors.fill_norms()
    result = harness.compare(benchmark, lambda: fn.plots.page_html(vectors, 20_000), {}, turns=5)
    assert len(result.answers["fastnlp"]) < 4e6
