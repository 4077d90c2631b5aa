"""A web page in one file: a map of words to search, to zoom and to click on."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Iterable
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.atomic import atomic_write
from fastnlp.plots.projection import Method, project
from fastnlp.plots.words import different_words, first_words, unit_rows
from fastnlp.vectors import WordVectors

__all__ = ["page_html", "write_page"]

_MOST = 50_000


def page_html(
    vectors: WordVectors,
    words: int | Iterable[str] = 5000,
    *,
    method: Method = "pca",
    seed: int = 1,
    title: str = "Word vectors",
) -> str:
    """A page with everything in it: styles, script and data. It loads nothing and needs no network.

    A vector is scaled to length 1 and each of its components to 8 bits, so cosines on the page are off by
    some 0.005; points on the map have 16 bits a coordinate.

    Args:
        vectors: where the words are looked up.
        words: how many from the first row on, without those that have no direction, or which words; 50,000
            at most. A page of 20,000 words still moves smoothly.
        method: "pca", "tsne" or "umap", see `project`.
        seed: of the draws of t-SNE and UMAP.
        title: of the page.

    Returns:
        HTML, to be written as UTF-8.

    Raises:
        KeyError: words are unknown.
        ValueError: there are too few or too many words, or one that was named has no direction.
        ImportError: the library of the method is not installed. PCA needs none.

    Example:
        >>> table = np.array([[2, 0], [2, 1], [0, 3]], np.float32)
        >>> page = page_html(WordVectors(["cat", "dog", "stone"], table), title="Three words")
        >>> "<h1>Three words</h1>" in page
        True
    """
    return _page(vectors, words, method, seed, title)[0]


def write_page(
    vectors: WordVectors,
    path: str | os.PathLike[str],
    words: int | Iterable[str] = 5000,
    *,
    method: Method = "pca",
    seed: int = 1,
    title: str = "Word vectors",
) -> int:
    """Writes `page_html` to a file, which appears whole or not at all.

    Args:
        vectors: as there.
        path: the file to create or replace.
        words: as there.
        method: as there.
        seed: as there.
        title: as there.

    Returns:
        The number of words on the page.

    Raises:
        KeyError, ValueError, ImportError: as there.
        OSError: writing failed; an old file is untouched.
    """
    page, count = _page(vectors, words, method, seed, title)
    with atomic_write(path) as file:
        file.write(page.encode("utf-8", "replace"))
    return count


def _page(
    vectors: WordVectors, words: int | Iterable[str], method: Method, seed: int, title: str
) -> tuple[str, int]:
    chosen, units = _chosen(vectors, words)
    points, note = project(units, method, seed)
    data = {
        "words": chosen,
        "dim": units.shape[1],
        "points": _base64(_places(points)),
        "vectors": _base64(_quantised(units)),
    }
    files = resources.files("fastnlp.plots")
    names = ("page.css", "page_map.js", "page_controls.js")
    style, *scripts = (files.joinpath(name).read_text(encoding="utf-8") for name in names)
    script = "\n".join(scripts)
    policy = f"default-src 'none'; img-src data:; script-src {_digest(script)}; style-src {_digest(style)}"
    parts = {
        "policy": policy,
        "title": html.escape(title),
        "note": html.escape(f"{len(chosen):,} words, {units.shape[1]} dimensions; {note}"),
        "style": style,
        "script": script,
        # In a script element only "<" could end the data, or begin a comment.
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    frame = files.joinpath("page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], frame), len(chosen)


def _chosen(vectors: WordVectors, words: int | Iterable[str]) -> tuple[list[str], NDArray[np.float64]]:
    """The words of the page and their unit vectors."""
    if not isinstance(words, int):
        listed = different_words(words)
        if not 2 <= len(listed) <= _MOST:
            raise ValueError(f"words: expected 2 to {_MOST:,} different words, got {len(listed):,}")
        return listed, unit_rows(vectors, listed)
    if not 2 <= words <= _MOST:
        raise ValueError(f"words: expected 2 to {_MOST:,}, got {words:,}")
    return first_words(vectors, words)


def _quantised(units: NDArray[np.float64]) -> NDArray[np.int8]:
    """(V, D) int8, each row scaled so that its largest component is 127."""
    largest = np.abs(units).max(axis=1, keepdims=True)
    rounded: NDArray[np.int8] = np.rint(units * (127 / largest)).astype(np.int8)
    return rounded


def _places(points: NDArray[np.float64]) -> NDArray[np.uint16]:
    """(V, 2) little-endian uint16: the square around all points, its middle in the middle."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max())
    parts: NDArray[np.float64] = (points - (low + high) / 2) / side + 0.5
    return np.rint(parts * 65535).astype("<u2")


def _base64(array: NDArray[np.int8] | NDArray[np.uint16]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def _digest(text: str) -> str:
    """What the policy of a page calls an inline script or style that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
