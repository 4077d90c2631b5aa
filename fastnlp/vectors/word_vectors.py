"""Word vectors: nearest words, analogies, files.

Names are those of gensim 4's KeyedVectors where the meaning is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Protocol, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.checks import several, whole_number
from fastnlp.vectors.editing import Editing
from fastnlp.vectors.embedding import Embeddings
from fastnlp.vectors.evaluations import Evaluations
from fastnlp.vectors.movers import Movers
from fastnlp.vectors.nearest import at_most
from fastnlp.vectors.table import Key, Query, threads_to_use

__all__ = ["Indexer", "WordVectors"]

Weighted: TypeAlias = Query | tuple[Query, float]
Scores: TypeAlias = list[tuple[str, float]]


def _listed(name: str, queries: Any) -> list[Any]:
    """One query, several or none as a list."""
    if queries is None:
        return []
    if isinstance(queries, str | int | np.integer) or (isinstance(queries, np.ndarray) and queries.ndim == 1):
        return [queries]
    return several(name, queries)


def _weighted(name: str, item: Any, weight: float) -> tuple[Any, float]:
    """A query with its weight."""
    if not isinstance(item, tuple | list):
        return item, weight
    if len(item) != 2 or not isinstance(item[1], Real):
        raise TypeError(f"{name}: expected a word or (word, weight), got {item!r}")
    return item[0], float(item[1])


class Indexer(Protocol):
    """An index of neighbours that `most_similar` asks instead of comparing every row."""

    def most_similar(self, vector: NDArray[np.float32], num_neighbors: int) -> Scores:
        """The nearest words of a (D,) vector with their cosines, best first."""
        ...


def _best(scores: NDArray[np.float32], topn: int) -> NDArray[np.int32]:
    """The places of the highest scores, best first, equal ones by place."""
    if topn < len(scores):
        least = np.partition(scores, len(scores) - topn)[len(scores) - topn]
        places = np.flatnonzero(scores >= least)
    else:
        places = np.arange(len(scores))
    order: NDArray[np.int32] = places[np.argsort(-scores[places], kind="stable")][:topn].astype(np.int32)
    return order


class WordVectors(Evaluations, Movers, Editing, Embeddings, keeps=("float32",)):
    """Words and their vectors, searched by cosine similarity where the array lies.

    The cosine with a row of zeros, or one that is not finite, is 0. Row lengths are computed at the first
    query and kept; call `fill_norms(force=True)` after changing `vectors`.

    Args:
        tokens: V different words.
        vectors: (V, D) float32, not copied; rows may lie apart (a padded table, a memory map).
        counts: V numbers of occurrences, if known.
        unknown: what stands for the vector of an unknown word: "error", "zeros", "mean" (of all vectors), or
            a function that is given the word. May be assigned later.
        index: the row of each token, where it is at hand; `tokens` are then kept as they are, unchecked.

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

    @overload
    def most_similar(
        self,
        positive: Weighted | Sequence[Weighted] | None = None,
        negative: Weighted | Sequence[Weighted] | None = None,
        topn: int = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Indexer | None = None,
    ) -> Scores: ...

    @overload
    def most_similar(
        self,
        positive: Weighted | Sequence[Weighted] | None = None,
        negative: Weighted | Sequence[Weighted] | None = None,
        *,
        topn: None,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
    ) -> NDArray[np.float32]: ...

    def most_similar(
        self,
        positive: Weighted | Sequence[Weighted] | None = None,
        negative: Weighted | Sequence[Weighted] | None = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Indexer | None = None,
    ) -> Scores | NDArray[np.float32]:
        """The words of highest cosine with the mean of unit vectors, the words asked about left out.

        `positive=[b, c], negative=[a]` answers "a is to b as c is to what" by vector addition (3CosAdd;
        Mikolov et al. 2013, arXiv:1301.3781).

        Args:
            positive: words, rows or vectors that add; (word, weight) sets another weight than 1.
            negative: the same to subtract; (word, weight) sets another weight than -1.
            topn: how many; none for less than 1; None gives the cosine of every row.
            clip_start: search from this row on only.
            clip_end: search up to this row only, itself left out; None is all.
            restrict_vocab: search the first so many rows only, whatever `clip_start` and `clip_end` say.
            indexer: asked instead of comparing every row; words asked about are then not left out.

        Returns:
            `topn` pairs (word, cosine), best first, equal ones by row; for None, float32 cosines of the rows
            searched.

        Raises:
            KeyError: a word is unknown.
            ValueError: there is nothing to look for.
            TypeError: an argument is of another type.

        Example:
            >>> table = np.array([[1, 0], [1, 1], [0, 1]], np.float32)
            >>> WordVectors(["a", "b", "c"], table).most_similar("a")
            [('b', 0.7071067690849304), ('c', 0.0)]
        """
        if topn is not None and (topn := whole_number("topn", topn)) < 1:
            return []
        weighted = [
            *(_weighted("positive", item, 1.0) for item in _listed("positive", positive)),
            *(_weighted("negative", item, -1.0) for item in _listed("negative", negative)),
        ]
        keys, weights = [key for key, _ in weighted], [weight for _, weight in weighted]
        if not keys:
            raise ValueError("positive: expected at least one word, got none")
        mean = self.get_mean_vector(keys, weights, post_normalize=True, ignore_missing=False)
        if indexer is not None and topn is not None:
            return indexer.most_similar(mean, topn)
        start, stop = self._clipped(clip_start, clip_end, restrict_vocab)
        if topn is None:
            return self._cosines(mean)[start:stop]
        if start >= stop:
            return []
        given = [self.get_index(key, -1) for key in keys if not isinstance(key, np.ndarray)]
        exclude = np.array([given], np.int32)
        topn = min(topn, stop - start)
        rows, scores = self._search_rows(mean[None], topn, start, stop, exclude, threads_to_use(None))
        return self._named(rows[0], scores[0])

    def _clipped(self, start: int, stop: int | None, restrict_vocab: int | None) -> tuple[int, int]:
        start, stop = whole_number("clip_start", start), whole_number("clip_end", stop or len(self))
        if restrict_vocab:
            return 0, at_most("restrict_vocab", restrict_vocab, len(self))
        return max(start, 0), min(stop, len(self))

    def _named(self, rows: NDArray[np.int32], scores: NDArray[np.floating[Any]]) -> Scores:
        return [(self.index_to_key[r], float(s)) for r, s in zip(rows, scores, strict=True) if r >= 0]

    def similar_by_key(
        self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Scores | NDArray[np.float32]:
        """`most_similar([key])`: the nearest words of one word.

        Args:
            key: a word or a row.
            topn: how many; None gives the cosine of every row.
            restrict_vocab: search the first so many rows only.

        Returns:
            As `most_similar`.

        Raises:
            KeyError: the word is unknown.
        """
        if topn is None:
            return self.most_similar([key], topn=None, restrict_vocab=restrict_vocab)
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_word(
        self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Scores | NDArray[np.float32]:
        """`similar_by_key` by its older name."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_vector(
        self, vector: NDArray[np.floating[Any]], topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Scores | NDArray[np.float32]:
        """`most_similar([vector])`: the words nearest to a (D,) vector.

        Args:
            vector: (D,) numbers.
            topn: how many; None gives the cosine of every row.
            restrict_vocab: search the first so many rows only.

        Returns:
            As `most_similar`.

        Raises:
            ValueError: the vector has another shape or is not finite.
        """
        if topn is None:
            return self.most_similar([vector], topn=None, restrict_vocab=restrict_vocab)
        return self.most_similar([vector], topn=topn, restrict_vocab=restrict_vocab)

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """The cosine of two words by the sum of the cosines of the first one's nearest words.

        Equation 1 of Leeuwenberg et al. 2016 ("A Minimally Supervised Approach for Synonym Extraction with
        Word Embeddings"); with 10 neighbours, more than 0.1 is closer than a neighbour is on average.

        Args:
            wa: the word whose neighbours set the scale.
            wb: the word compared with it.
            topn: how many neighbours, at least 1.

        Returns:
            The ratio.

        Raises:
            KeyError: a word is unknown.
            ValueError: there is no neighbour.
        """
        near = self.most_similar([wa], topn=topn)
        if not near:
            raise ValueError(f"topn: expected at least one neighbour, got none of {topn}")
        return self.similarity(wa, wb) / sum(score for _, score in near)

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
        if topn is not None and (topn := whole_number("topn", topn)) < 1:
            return []
        added, subtracted = _listed("positive", positive), _listed("negative", negative)
        if not added:
            raise ValueError("positive: expected at least one word, got none")
        terms = self._cosmul_terms(added), self._cosmul_terms(subtracted)
        stop = at_most("restrict_vocab", restrict_vocab or None, len(self))
        scores = (terms[0] / (terms[1] + np.float32(1e-6)))[:stop]
        if topn is None:
            return scores
        given = [
            self.get_index(query, -1) for query in added + subtracted if not isinstance(query, np.ndarray)
        ]
        order = _best(scores, topn + len(given))
        order = order[~np.isin(order, given)][:topn]
        return self._named(order, scores[order])

    def _cosmul_terms(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """(V,) products of (1 + cosine) / 2."""
        product = np.ones(len(self), np.float32)
        for query in queries:
            product *= (1 + self._cosines(self._vector_of(query, False))) / 2
        return product

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
