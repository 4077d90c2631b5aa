"""The rows of highest cosine with query vectors: exact search over a whole table."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.io.checks import float_array, whole_number
from fastnlp.vectors.table import WordTable, threads_to_use

__all__ = ["NearestRows"]

Found: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]

_FEW = 8  # queries, from which on a pass for all of them beats one over a sketch for each
_PASS = 256  # queries that a thread of the core compares with a row while it has it at hand
_STEP = 1.5e10  # additions and multiplications in a call of the core: some 0.2 s
_WORTH_A_SKETCH = 4_000_000  # numbers in a table; below, a query takes less than a millisecond anyway


def at_most(name: str, count: int | None, rows: int) -> int:
    """A count that may be left out, and at most all rows."""
    if count is None:
        return rows
    return min(whole_number(name, count, least=1), rows)


class NearestRows(WordTable):
    """The part of `WordVectors` that searches."""

    _may_be_sketched = True  # false where `vectors` is not an array that lies in memory
    _sketch: tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]] | None = None
    _single_searches = 0

    def _forget(self) -> None:
        super()._forget()
        self._sketch = None
        self._single_searches = 0

    def search(
        self,
        queries: NDArray[np.floating[Any]],
        topn: int = 10,
        *,
        restrict_vocab: int | None = None,
        exclude: NDArray[np.int32] | None = None,
        threads: int | None = None,
    ) -> Found:
        """The rows of highest cosine with each of many query vectors, exactly.

        Batches run at the speed of a matrix product. From the second call for a few queries of a large table
        on, a copy of its rows in 8 bits is kept (a quarter of their memory; rows of int8 need none): a pass
        over it leaves only the rows that can be among the answers to be compared in full.
        `fill_norms(force=True)` drops it.

        Args:
            queries: (B, D) numbers, finite, of any length; computed with as float32.
            topn: answers per query, at least 1.
            restrict_vocab: search the first so many rows only.
            exclude: (B, E) int32 rows that are no answer to their query; -1 for none.
            threads: the number of threads; None is one per CPU.

        Returns:
            (B, N) int32 rows and (B, N) float32 cosines, N the smaller of `topn` and the rows searched, best
            first, equal ones by row. Where exclusions leave fewer than N, -1 and -inf fill up.

        Raises:
            ValueError: a shape or number is not as above.
            TypeError: an argument is of another type.

        Example:
            >>> from fastnlp import WordVectors
            >>> vectors = WordVectors(["a", "b", "c"], np.array([[1, 0], [1, 1], [0, 1]], np.float32))
            >>> vectors.search(np.array([[2, 1], [0, 5]], np.float32), topn=2)[0].tolist()
            [[1, 0], [2, 1]]
        """
        stop = at_most("restrict_vocab", restrict_vocab, len(self))
        topn = min(at_most("topn", topn, len(self)), stop)
        queries = float_array("queries", queries)
        if queries.ndim != 2 or queries.shape[1] != self.vector_size:
            raise ValueError(f"queries: expected shape (B, {self.vector_size}), got {queries.shape}")
        if not topn:  # an empty table
            return np.empty((len(queries), 0), np.int32), np.empty((len(queries), 0), np.float32)
        return self._search_rows(queries, topn, 0, stop, exclude, threads_to_use(threads))

    def _search_rows(
        self,
        queries: NDArray[np.floating[Any]],
        topn: int,
        start: int,
        stop: int,
        exclude: NDArray[np.int32] | None,
        threads: int,
    ) -> Found:
        """`search` among rows [start, stop), at least one; N is `topn`."""
        if exclude is None:
            exclude = np.empty((len(queries), 0), np.int32)
        exclude = np.asarray(exclude)
        if exclude.size and exclude.dtype.kind not in "iu":
            raise TypeError(f"exclude: expected rows, whole numbers, got {exclude.dtype}")
        exclude = np.require(exclude, np.int32, ["C", "A"])
        queries = np.require(queries, np.float32, ["C", "A"])
        self.fill_norms()
        stored, inverse_norms = self._stored().between(start, stop), self._inverse_norms[start:stop]
        if start == 0 and len(queries) < _FEW and self._is_sketched(threads):
            assert self._sketch is not None
            codes, scales, errors = self._sketch
            return _core.nearest_by_sketch(
                stored.numbers,
                stored.scales,
                inverse_norms,
                codes[:stop],
                scales[:stop],
                errors[:stop],
                queries,
                topn,
                exclude,
                threads,
            )
        # A part of the queries at a time, so that Ctrl-C is answered between them.
        step = max(_PASS * threads, int(_STEP / (1 + 2 * (stop - start) * self.vector_size)))
        found = [
            _core.nearest(
                stored.numbers,
                stored.scales,
                inverse_norms,
                queries[q : q + step],
                topn,
                exclude[q : q + step],
                threads,
                start,
            )
            for q in range(0, max(1, len(queries)), step)
        ]
        if len(found) == 1:
            return found[0]
        return np.concatenate([rows for rows, _ in found]), np.concatenate([scores for _, scores in found])

    def _is_sketched(self, threads: int) -> bool:
        """Whether there is a sketch of the whole table; the second search makes it."""
        if not self._may_be_sketched or len(self) * self.vector_size < _WORTH_A_SKETCH:
            return False
        self._single_searches += 1
        if self._sketch is None and self._single_searches > 1:
            stored = self._stored()
            self._sketch = _core.sketch_rows(stored.numbers, stored.scales, self._inverse_norms, threads)
        return self._sketch is not None

    def answer_analogies(
        self,
        questions: NDArray[np.integer[Any]],
        topn: int = 5,
        *,
        by_products: bool = False,
        restrict_vocab: int | None = None,
        threads: int | None = None,
    ) -> Found:
        """The rows that answer each of many analogies best, all questions at once.

        The cosines of the words asked about with all rows are computed once, however many questions share
        them, so this is far faster than a search for each question.

        Args:
            questions: (N, 3) rows a, b, c of "a is to b as c is to what".
            topn: answers per question, at least 1.
            by_products: score by cos(b) cos(c) / (cos(a) + 1e-6), cosines moved to [0, 1] (3CosMul; Levy and
                Goldberg 2014), instead of cos(b) - cos(a) + cos(c) (3CosAdd).
            restrict_vocab: answer with the first so many rows only.
            threads: the number of threads; None is one per CPU.

        Returns:
            (N, M) int32 rows and (N, M) float32 scores, M the smaller of `topn` and the rows searched, best
            first, without the question's own. Where fewer than M are left, -1 and -inf fill up.

        Raises:
            ValueError: a shape or number is not as above.
            IndexError: a row does not exist.

        Example:
            >>> from fastnlp import WordVectors
            >>> table = np.array([[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0]], np.float32)
            >>> vectors = WordVectors(["man", "woman", "king", "queen", "tree"], table)
            >>> vectors.answer_analogies(np.array([[0, 1, 2]]), topn=1)[0].tolist()
            [[3]]
        """
        stop = at_most("restrict_vocab", restrict_vocab, len(self))
        topn = min(at_most("topn", topn, len(self)), stop)
        questions = np.asarray(questions)
        if questions.ndim != 2 or questions.shape[1] != 3:
            raise ValueError(f"questions: expected shape (N, 3), got {questions.shape}")
        if questions.size and questions.dtype.kind not in "iu":
            raise TypeError(f"questions: expected whole numbers, got {questions.dtype}")
        if questions.size and not 0 <= questions.min() <= questions.max() < len(self):
            raise IndexError(f"questions: expected rows in [0, {len(self)}), got others")
        used, asked = np.unique(questions, return_inverse=True)
        words = self.unit_vectors(used)
        places = np.ascontiguousarray(asked.reshape(questions.shape), np.int32)
        cost = 2 * len(used) * self.vector_size + 16 * len(questions)
        step = max(256, int(_STEP / (cost + 1)))
        found: Found = (
            np.full((len(questions), topn), -1, np.int32),
            np.full((len(questions), topn), -np.inf, np.float32),
        )
        stored = self._stored()
        for row in range(0, stop, step):
            part = stored.between(row, min(row + step, stop))
            found = _core.answer_analogies(
                part.numbers,
                part.scales,
                self._inverse_norms[row : row + len(part)],
                words,
                used.astype(np.int32),
                places,
                by_products,
                topn,
                threads_to_use(threads),
                row,
                found,
            )
        return found
