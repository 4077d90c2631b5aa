"""An approximate index of neighbours for tables of many millions of words."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import IO, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.atomic import atomic_write
from fastnlp.io.checks import checked_call, checked_source, float_array, whole_number
from fastnlp.io.vector_table import Progress
from fastnlp.vectors.table import threads_to_use
from fastnlp.vectors.word_vectors import Scores, WordVectors

__all__ = ["ApproximateIndex"]

Stored = Literal["float32", "bfloat16", "float16", "int8"]
_KINDS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16", "int8": "i8"}
# Behind the graph: this mark, expansion_search, which usearch does not save, and a CRC-32 of all before it.
_MARK = b"fastnlp graph 1\n"
_NUMBER = 4  # bytes of each number there, little-endian
_BLOCK = 1 << 22  # bytes
_SIZES = {"connectivity": (2, 1024), "expansion_add": (1, 1 << 20), "expansion_search": (1, 1 << 20)}
_AT_ONCE = 2_000  # rows added, and queries asked, between two looks for Ctrl-C


class ApproximateIndex:
    """A graph over word vectors in which a search visits few of them (HNSW; Malkov and Yashunin 2016).

    Exact search reads every row, some 10 ms for 400,000 words; the graph takes far longer to build and
    answers in a fraction of a millisecond at any size, with a few of the nearest words missed. `recall`
    measures how many; the cosines of the answers are exact. The library is usearch: `pip install
    'fastnlp[index]'`.

    Args:
        vectors: the word vectors. Rows without a direction are not found.
        stored: how the graph keeps the vectors: "float32", "bfloat16", "float16" or "int8".
        connectivity: neighbours of a word in the graph, 2 to 1,024; more takes memory and time and misses
            less.
        expansion_add: candidates looked at for each word added, at most 2^20; half of them take half of the
            time to build, and miss more where words have no clear neighbours.
        expansion_search: candidates looked at for each query, at least as many as answers are wanted, at most
            2^20.
        threads: the number of threads; None is one per CPU. With more than one, the graph depends on chance.
        progress: called with the rows added and those there are.

    Raises:
        ImportError: usearch is not installed.
        ValueError: a number is out of range, or `stored` is another.
        TypeError: `progress` cannot be called.

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
        progress: Progress | None = None,
    ) -> None:
        checked_call("progress", progress)
        if stored not in get_args(Stored):
            raise ValueError(f"stored: expected one of {get_args(Stored)}, got {stored!r}")
        _size("connectivity", connectivity)
        _size("expansion_add", expansion_add)
        _size("expansion_search", expansion_search)
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
            if progress is not None:
                progress(first + len(rows), len(vectors))

    def __len__(self) -> int:
        """The number of words that can be found."""
        return len(self._graph)

    @property
    def expansion_search(self) -> int:
        """Candidates looked at for each query, which may be set: more takes longer and misses less."""
        return int(self._graph.expansion_search)

    @expansion_search.setter
    def expansion_search(self, count: int) -> None:
        self._graph.expansion_search = _size("expansion_search", count)

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
        with atomic_write(path) as target:
            try:
                self._graph.save(target.name)
            except RuntimeError as error:
                raise OSError(f"{os.fspath(path)}: the graph could not be written whole: {error}") from None
            # usearch does not say whether its last bytes reached the disk.
            size, whole = os.fstat(target.fileno()).st_size, self._graph.serialized_length
            if size != whole:
                raise OSError(
                    f"{os.fspath(path)}: the graph could not be written whole: {size:,} of {whole:,} bytes "
                    f"were taken"
                )
            with Path(target.name).open("rb") as written:
                checksum = _checksum(written, whole)
            tail = _MARK + self.expansion_search.to_bytes(_NUMBER, "little")
            target.seek(0, os.SEEK_END)
            target.write(tail + zlib.crc32(tail, checksum).to_bytes(_NUMBER, "little"))

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
        expansion_search = _checked_file(name)
        try:
            graph = library.Index.restore(name, view=mapped, expansion_search=expansion_search)
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


def _size(name: str, number: int) -> int:
    """A number that memory grows with, in its bounds."""
    least, most = _SIZES[name]
    if whole_number(name, number, least=least) > most:
        raise ValueError(f"{name}: expected at most {most:,}, got {number:,}")
    return int(number)


def _checked_file(name: str) -> int:
    """What expansion_search is in a file; one that is damaged is refused before links in it are followed."""
    checked_source("path", name)
    with Path(name).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        checksum = _checksum(file, max(0, size - len(_MARK) - 2 * _NUMBER))
        tail = file.read()
    number, expected = tail[len(_MARK) : -_NUMBER], tail[-_NUMBER:]
    if not tail.startswith(_MARK) or len(number) != _NUMBER:
        raise ValueError(f"{name}: expected a graph that ApproximateIndex.save wrote, found another file")
    if expected != zlib.crc32(tail[:-_NUMBER], checksum).to_bytes(_NUMBER, "little"):
        raise ValueError(f"{name}: the graph is damaged: its checksum is another")
    return int.from_bytes(number, "little")


def _checksum(file: IO[bytes], size: int) -> int:
    """The CRC-32 of a file's next bytes."""
    checksum = 0
    while size > 0 and (block := file.read(min(_BLOCK, size))):
        checksum = zlib.crc32(block, checksum)
        size -= len(block)
    return checksum


def _usearch() -> Any:
    try:
        import usearch.index
    except ImportError:
        raise ImportError(
            "ApproximateIndex: expected the library usearch, which is not installed; "
            "pip install 'fastnlp[index]'"
        ) from None
    return usearch.index
