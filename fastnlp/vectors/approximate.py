"""An approximate index of neighbours for tables of many millions of words."""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.atomic import atomic_write
from fastnlp.io.checks import checked_source, float_array, whole_number
from fastnlp.vectors.table import threads_to_use
from fastnlp.vectors.word_vectors import Scores, WordVectors

__all__ = ["ApproximateIndex"]

Stored = Literal["float32", "bfloat16", "float16", "int8"]
_KINDS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16", "int8": "i8"}
_MARK = b"fastnlp graph 1\n"  # behind the graph, with a CRC-32 of it
_BLOCK = 1 << 22  # bytes
_AT_ONCE = 100_000  # rows added, and queries asked, between two looks for Ctrl-C


class ApproximateIndex:
    """A graph over word vectors in which a search visits few of them (HNSW; Malkov and Yashunin 2016).

    Exact search reads every row, some 10 ms for 400,000 words; the graph takes far longer to build and
    answers in a fraction of a millisecond at any size, with a few of the nearest words missed. `recall`
    measures how many; the cosines of the answers are exact. The library is usearch: `pip install
    'fastnlp[index]'`.

    Args:
        vectors: the word vectors. Rows without a direction are not found.
        stored: how the graph keeps the vectors: "float32", "bfloat16", "float16" or "int8".
        connectivity: neighbours of a word in the graph; more takes memory and time and misses less.
        expansion_add: candidates looked at for each word added.
        expansion_search: candidates looked at for each query, at least as many as answers are wanted.
        threads: the number of threads; None is one per CPU. With more than one, the graph depends on chance.

    Raises:
        ImportError: usearch is not installed.
        ValueError: a number is less than 1, or `stored` is another.

    Example:
        >>> table = np.random.default_rng(1).standard_normal((1000, 20), np.float32)
        >>> vectors = WordVectors([f"word{i}" for i in range(1000)], table)
        >>> index = ApproximateIndex(vectors, threads=1)
        >>> vectors.most_similar([table[7]], topn=1, indexer=index)[0][0]
        'word7'
        >>> index.recall(topn=10, sample=100) > 0.9
        True
    """

    def __init__(
        self,
        vectors: WordVectors,
        *,
        stored: Stored = "float16",
        connectivity: int = 16,
        expansion_add: int = 128,
        expansion_search: int = 64,
        threads: int | None = None,
    ) -> None:
        if stored not in get_args(Stored):
            raise ValueError(f"stored: expected one of {get_args(Stored)}, got {stored!r}")
        for name, number in (
            ("connectivity", connectivity),
            ("expansion_add", expansion_add),
            ("expansion_search", expansion_search),
        ):
            whole_number(name, number, least=1)
        self.vectors = vectors
        self._graph = _usearch().Index(
            ndim=vectors.vector_size,
            metric="cos",
            dtype=_KINDS[stored],
            connectivity=connectivity,
            expansion_add=expansion_add,
            expansion_search=expansion_search,
        )
        count = threads_to_use(threads)
        for first in range(0, len(vectors), _AT_ONCE):
            rows = np.arange(first, min(first + _AT_ONCE, len(vectors)))
            units = vectors.unit_vectors(rows)
            found = units.any(axis=1)
            self._graph.add(rows[found], units[found], threads=count)

    def __len__(self) -> int:
        """The number of words that can be found."""
        return len(self._graph)

    def search(
        self, queries: NDArray[np.floating[Any]], topn: int = 10, *, threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Most of the rows of highest cosine with each of many query vectors.

        Args:
            queries: (B, D) numbers, finite.
            topn: answers per query, at least 1.
            threads: the number of threads; None is one per CPU.

        Returns:
            (B, N) int32 rows and (B, N) float32 cosines, N the smaller of `topn` and the words there are,
            best first. -1 and -inf fill up where fewer were found.

        Raises:
            ValueError: a shape or number is not as above.
        """
        queries = float_array("queries", queries)
        if queries.ndim != 2 or queries.shape[1] != self.vectors.vector_size:
            raise ValueError(f"queries: expected shape (B, {self.vectors.vector_size}), got {queries.shape}")
        whole_number("topn", topn, least=1)
        asked = queries
        if not np.isfinite(asked).all():
            raise ValueError("queries: expected finite numbers, got NaN or infinity")
        topn = min(topn, len(self.vectors))
        rows = np.full((len(asked), topn), -1, np.int32)
        scores = np.full((len(asked), topn), -np.inf, np.float32)
        lengths = np.linalg.norm(asked, axis=1, keepdims=True)
        units = np.divide(asked, lengths, out=np.zeros_like(asked), where=lengths > 0)
        for q in range(0, len(units), _AT_ONCE):
            part = slice(q, q + _AT_ONCE)
            found = self._graph.search(units[part], topn, threads=threads_to_use(threads))
            self._exact(units[part], found, rows[part], scores[part])
        return rows, scores

    def _exact(
        self,
        units: NDArray[np.float32],
        found: Any,
        rows: NDArray[np.int32],
        scores: NDArray[np.float32],
    ) -> None:
        """The exact cosines of what the graph has found, in their order."""
        single = len(units) == 1
        for q, unit in enumerate(units):
            keys = found.keys if single else found.keys[q][: found.counts[q]]
            near = np.asarray(keys).reshape(-1).astype(np.int64)
            cosines = self.vectors.unit_vectors(near) @ unit
            order = np.lexsort((near, -cosines))
            rows[q, : len(near)], scores[q, : len(near)] = near[order], cosines[order]

    def most_similar(self, vector: NDArray[np.floating[Any]], num_neighbors: int = 10) -> Scores:
        """Most of the nearest words of a vector: what `WordVectors.most_similar(indexer=...)` asks for.

        Args:
            vector: (D,) numbers, finite.
            num_neighbors: how many.

        Returns:
            Pairs (word, cosine), best first.
        """
        if whole_number("num_neighbors", num_neighbors) < 1:
            return []
        rows, scores = self.search(np.asarray(vector)[None], num_neighbors)
        words = self.vectors.index_to_key
        return [
            (words[r], float(s)) for r, s in zip(rows[0].tolist(), scores[0].tolist(), strict=True) if r >= 0
        ]

    def recall(self, topn: int = 10, sample: int = 1000, seed: int = 1, threads: int | None = None) -> float:
        """The share of the exactly nearest words that the index finds, for words drawn at random.

        Args:
            topn: neighbours per word, itself among them.
            sample: words to ask about.
            seed: of the draw.
            threads: the number of threads; None is one per CPU.

        Returns:
            A number in [0, 1].
        """
        count = min(whole_number("sample", sample, least=1), len(self.vectors))
        drawn = np.random.Generator(np.random.Philox(seed)).choice(len(self.vectors), count, replace=False)
        queries = self.vectors.unit_vectors(np.sort(drawn))
        _, found = self.search(queries, topn, threads=threads)
        _, exact = self.vectors.search(queries, topn, threads=threads)
        # A row as near as the last of the exact answers is as good as it.
        return float((found >= exact[:, -1:] - np.float32(1e-6)).mean())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the graph to a file, which appears whole or not at all; the vectors are saved on their own.

        Args:
            path: the file to create or replace, by custom the vectors' name and ".usearch".

        Raises:
            OSError: writing failed; the old file is untouched.
        """
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder, "graph")
            self._graph.save(str(written))
            checksum = 0
            with atomic_write(path) as target, written.open("rb") as source:
                while block := source.read(_BLOCK):
                    checksum = zlib.crc32(block, checksum)
                    target.write(block)
                target.write(_MARK + checksum.to_bytes(4, "little"))

    @classmethod
    def load(cls, path: str | os.PathLike[str], vectors: WordVectors, *, mapped: bool = False) -> Self:
        """The graph in a file, for the vectors that it was built on.

        Args:
            path: the file that `save` wrote.
            vectors: the same vectors, loaded.
            mapped: leave the graph in the file, mapped into memory.

        Returns:
            The index.

        Raises:
            ImportError: usearch is not installed.
            ValueError: the file is not such a graph, or not of these vectors.
            OSError: the file cannot be opened.
        """
        name = os.fspath(path)
        library = _usearch()
        _check_file(name)
        try:
            graph = library.Index.restore(name, view=mapped)
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{name}: expected a graph that usearch wrote: {error}") from None
        if graph is None or graph.ndim != vectors.vector_size or len(graph) > len(vectors):
            raise ValueError(
                f"{name}: expected a graph of {len(vectors):,} words in {vectors.vector_size} dimensions, "
                f"found {len(graph or ()):,} in {getattr(graph, 'ndim', 0)}"
            )
        index = cls.__new__(cls)
        index.vectors, index._graph = vectors, graph
        index._check_same(name)
        return index

    def _check_same(self, name: str) -> None:
        """Compares a few vectors of the graph with the table's."""
        rows = np.unique(np.linspace(0, len(self.vectors) - 1, 20).astype(np.int64))
        for row in rows.tolist():
            if row not in self._graph:
                continue
            kept = np.asarray(self._graph.get(row), np.float32).reshape(-1)
            length = float(np.linalg.norm(kept))
            cosine = float(kept @ self.vectors.unit_vectors(np.array([row]))[0]) / length if length else 0.0
            if cosine < 0.95:
                raise ValueError(
                    f"{name}: expected the graph of these vectors, found another vector of row {row}"
                )


def _check_file(name: str) -> None:
    """Refuses a file that is damaged, before the library follows the links in it."""
    checked_source("path", name)
    end = len(_MARK) + 4
    with Path(name).open("rb") as file:
        left = max(0, os.fstat(file.fileno()).st_size - end)
        checksum = 0
        while block := file.read(min(_BLOCK, left)):
            checksum = zlib.crc32(block, checksum)
            left -= len(block)
        tail = file.read(end + 1)
    if tail[:-4] != _MARK:
        raise ValueError(f"{name}: expected a graph that ApproximateIndex.save wrote, found another file")
    if tail[-4:] != checksum.to_bytes(4, "little"):
        raise ValueError(f"{name}: the graph is damaged: its checksum is another")


def _usearch() -> Any:
    try:
        import usearch.index
    except ImportError:
        raise ImportError(
            "ApproximateIndex: expected the library usearch, which is not installed; "
            "pip install 'fastnlp[index]'"
        ) from None
    return usearch.index
