"""Word vectors: nearest words, analogies, files.

Names are those of gensim 4's KeyedVectors where the meaning is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.vectors.comparison import Comparisons
from fastnlp.vectors.files import Files
from fastnlp.vectors.table import Query, threads_to_use

__all__ = ["WordVectors"]

Weighted: TypeAlias = Query | tuple[Query, float]
Scores: TypeAlias = list[tuple[str, float]]


def _listed(queries: Any) -> list[Any]:
    """One query, several or none as a list."""
    if queries is None:
        return []
    if isinstance(queries, str | int | np.integer) or (isinstance(queries, np.ndarray) and queries.ndim == 1):
        return [queries]
    return list(queries)


def _at_most(name: str, count: int | None, rows: int) -> int:
    if count is None:
        return rows
    if count < 1:
        raise ValueError(f"{name}: expected at least 1, got {count}")
    return min(count, rows)


class WordVectors(Comparisons, Files):
    """Words and their vectors, searched by cosine similarity where the array lies.

    The cosine with a row of zeros, or one that is not finite, is 0. Row lengths are computed at the first
    query and kept; call `fill_norms(force=True)` after changing `vectors`.

    Args:
        tokens: V different words.
        vectors: (V, D) float32, not copied; rows may lie apart (a padded table, a memory map).
        counts: V numbers of occurrences, if known.

    Attributes:
        index_to_key: list of the V words.
        key_to_index: row of each word.
        vectors: the array that was given.

    Raises:
        TypeError: `vectors` is not float32, or a token not a str.
        ValueError: shapes differ or a word is repeated.

    Example:
        >>> table = np.array([[2, 0], [2, 1], [0, 3]], np.float32)
        >>> vectors = WordVectors(["cat", "dog", "stone"], table)
        >>> vectors.most_similar("cat", topn=1)[0][0]
        'dog'
        >>> round(vectors.similarity("cat", "dog"), 4)
        0.8944
    """

    def search(
        self,
        queries: NDArray[np.float32],
        topn: int = 10,
        *,
        restrict_vocab: int | None = None,
        exclude: NDArray[np.int32] | None = None,
        threads: int | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The rows of highest cosine with each of many query vectors, exactly.

        Args:
            queries: (B, D) float32, finite, of any length.
            topn: answers per query, at least 1.
            restrict_vocab: search the first so many rows only.
            exclude: (B, E) int32 rows that are no answer to their query; -1 for none.
            threads: the number of threads; None is one per CPU.

        Returns:
            (B, N) int32 rows and (B, N) float32 cosines, N the smaller of `topn` and the rows searched, best
            first, equal ones by row. Where exclusions leave fewer than N, -1 and -inf fill up.

        Raises:
            ValueError: a shape or number is not as above.

        Example:
            >>> vectors = WordVectors(["a", "b", "c"], np.array([[1, 0], [1, 1], [0, 1]], np.float32))
            >>> vectors.search(np.array([[2, 1], [0, 5]], np.float32), topn=2)[0].tolist()
            [[1, 0], [2, 1]]
        """
        rows = _at_most("restrict_vocab", restrict_vocab, len(self))
        topn = min(_at_most("topn", topn, len(self)), rows)
        if queries.ndim != 2 or queries.shape[1] != self.vector_size:
            raise ValueError(f"queries: expected shape (B, {self.vector_size}), got {queries.shape}")
        if exclude is None:
            exclude = np.empty((len(queries), 0), np.int32)
        self.fill_norms()
        found: tuple[NDArray[np.int32], NDArray[np.float32]] = _core.nearest(
            self.vectors[:rows],
            self._inverse_norms[:rows],
            np.require(queries, np.float32, ["C", "A"]),
            topn,
            np.require(exclude, np.int32, ["C", "A"]),
            threads_to_use(threads),
        )
        return found

    @overload
    def most_similar(
        self,
        positive: Weighted | Sequence[Weighted] | None = None,
        negative: Weighted | Sequence[Weighted] | None = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> Scores: ...

    @overload
    def most_similar(
        self,
        positive: Weighted | Sequence[Weighted] | None = None,
        negative: Weighted | Sequence[Weighted] | None = None,
        *,
        topn: None,
        restrict_vocab: int | None = None,
    ) -> NDArray[np.float32]: ...

    def most_similar(
        self,
        positive: Weighted | Sequence[Weighted] | None = None,
        negative: Weighted | Sequence[Weighted] | None = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Scores | NDArray[np.float32]:
        """The words of highest cosine with the mean of unit vectors, the words asked about left out.

        `positive=[b, c], negative=[a]` answers "a is to b as c is to what" by vector addition (3CosAdd;
        Mikolov et al. 2013, arXiv:1301.3781).

        Args:
            positive: words, rows or vectors that add; (word, weight) sets another weight than 1.
            negative: the same to subtract; (word, weight) sets another weight than -1.
            topn: how many; None gives the cosine of every row.
            restrict_vocab: search the first so many rows only.

        Returns:
            `topn` pairs (word, cosine), best first, equal ones by row; or (V,) float32 for `topn=None`.

        Raises:
            KeyError: a word is unknown.
            ValueError: there is nothing to look for.

        Example:
            >>> table = np.array([[1, 0], [1, 1], [0, 1]], np.float32)
            >>> WordVectors(["a", "b", "c"], table).most_similar("a")
            [('b', 0.7071067690849304), ('c', 0.0)]
        """
        if topn is not None and topn < 1:
            return []
        added, subtracted = _listed(positive), _listed(negative)
        keys: list[Query] = []
        weights: list[float] = []
        for items, sign in ((added, 1.0), (subtracted, -1.0)):
            for item in items:
                key, weight = item if isinstance(item, tuple) else (item, sign)
                keys.append(key)
                weights.append(weight)
        if not keys:
            raise ValueError("positive: expected at least one word, got none")
        mean = self.get_mean_vector(keys, weights)
        if topn is None:
            return self._cosines(mean)[: _at_most("restrict_vocab", restrict_vocab, len(self))]
        given = [self.get_index(key, -1) for key in keys if not isinstance(key, np.ndarray)]
        rows, scores = self.search(
            mean[None], topn, restrict_vocab=restrict_vocab, exclude=np.array([given], np.int32)
        )
        return self._named(rows[0], scores[0])

    def _named(self, rows: NDArray[np.int32], scores: NDArray[np.floating[Any]]) -> Scores:
        return [(self.index_to_key[r], float(s)) for r, s in zip(rows, scores, strict=True) if r >= 0]

    def similar_by_word(self, word: str, topn: int = 10, restrict_vocab: int | None = None) -> Scores:
        """`most_similar([word])`: the nearest words of one word.

        Raises:
            KeyError: the word is unknown.
        """
        return self.most_similar([word], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_vector(
        self, vector: NDArray[np.floating[Any]], topn: int = 10, restrict_vocab: int | None = None
    ) -> Scores:
        """`most_similar([vector])`: the words nearest to a (D,) vector.

        Raises:
            ValueError: the vector has another shape or is not finite.
        """
        return self.most_similar([vector], topn=topn, restrict_vocab=restrict_vocab)

    @overload
    def most_similar_cosmul(
        self,
        positive: Query | Sequence[Query] | None = None,
        negative: Query | Sequence[Query] | None = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> Scores: ...

    @overload
    def most_similar_cosmul(
        self,
        positive: Query | Sequence[Query] | None = None,
        negative: Query | Sequence[Query] | None = None,
        *,
        topn: None,
        restrict_vocab: int | None = None,
    ) -> NDArray[np.float32]: ...

    def most_similar_cosmul(
        self,
        positive: Query | Sequence[Query] | None = None,
        negative: Query | Sequence[Query] | None = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Scores | NDArray[np.float32]:
        """The words of highest product of cosines over those of the negatives (3CosMul).

        prod((1 + cos(w, p)) / 2) / (prod((1 + cos(w, n)) / 2) + 1e-6), Levy and Goldberg 2014 ("Linguistic
        Regularities in Sparse and Explicit Word Representations"), equation 4.

        Args:
            positive: words, rows or vectors of the numerator, at least one.
            negative: those of the denominator.
            topn: how many; None gives the score of every row.
            restrict_vocab: search the first so many rows only.

        Returns:
            As `most_similar`, with this score.

        Raises:
            KeyError: a word is unknown.
            ValueError: there is no positive word.
        """
        if topn is not None and topn < 1:
            return []
        added, subtracted = _listed(positive), _listed(negative)
        if not added:
            raise ValueError("positive: expected at least one word, got none")
        scores = np.ones(len(self), np.float32)
        for query in added:
            scores *= (1 + self._cosines(self._vector_of(query, False))) / 2
        below = np.ones(len(self), np.float32)
        for query in subtracted:
            below *= (1 + self._cosines(self._vector_of(query, False))) / 2
        scores = (scores / (below + np.float32(1e-6)))[
            : _at_most("restrict_vocab", restrict_vocab, len(self))
        ]
        if topn is None:
            return scores
        given = [
            self.get_index(query, -1) for query in added + subtracted if not isinstance(query, np.ndarray)
        ]
        order = np.argsort(-scores, kind="stable")[: topn + len(given)].astype(np.int32)
        order = order[~np.isin(order, given)][:topn]
        return self._named(order, scores[order])

    def analogy(self, a: Query, b: Query, c: Query, topn: int = 1) -> Scores:
        """What is to `c` as `b` is to `a`: the words nearest to b - a + c.

        Args:
            a: a word, row or vector.
            b: what belongs to `a`.
            c: the word whose counterpart is asked for.
            topn: how many answers.

        Returns:
            Pairs (word, cosine), best first.

        Raises:
            KeyError: a word is unknown.

        Example:
            >>> table = np.array([[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0]], np.float32)
            >>> vectors = WordVectors(["man", "woman", "king", "queen", "tree"], table)
            >>> vectors.analogy("man", "woman", "king")[0][0]
            'queen'
        """
        return self.most_similar([b, c], [a], topn)
