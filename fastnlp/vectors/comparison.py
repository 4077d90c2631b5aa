"""Words compared with words: similarity, distance, rank, the odd one out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.checks import several
from fastnlp.vectors.table import Key, Query, WordTable

__all__ = ["Comparisons"]


def _cosine(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> float:
    """The cosine of two vectors; 0 where one of them has no direction."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    # To the digits that the vectors have: equal ones give 1 exactly.
    cosine = float(np.float32(a @ b / lengths)) if lengths else 0.0
    return cosine if np.isfinite(cosine) else 0.0


class Comparisons(WordTable):
    """The part of `WordVectors` that compares given words with each other."""

    @staticmethod
    def cosine_similarities(
        vector_1: NDArray[np.floating[Any]], vectors_all: NDArray[np.floating[Any]]
    ) -> NDArray[np.floating[Any]]:
        """The cosines of one vector with several.

        Args:
            vector_1: (D,) numbers.
            vectors_all: (N, D) numbers.

        Returns:
            (N,) numbers; 0 where a vector has no direction.
        """
        lengths = np.linalg.norm(vectors_all, axis=1) * np.linalg.norm(vector_1)
        cosines: NDArray[np.floating[Any]] = np.divide(
            vectors_all @ vector_1, lengths, out=np.zeros_like(lengths), where=lengths > 0
        )
        return cosines

    def similarity(self, w1: Key, w2: Key) -> float:
        """The cosine of the vectors of two words.

        Args:
            w1: a word or a row.
            w2: another.

        Returns:
            A number in [-1, 1]; 0 where a vector has no direction.

        Raises:
            KeyError: a word is unknown.
        """
        return _cosine(self.get_vector(w1), self.get_vector(w2))

    def distance(self, w1: Key, w2: Key) -> float:
        """1 - similarity(w1, w2), in [0, 2]."""
        return 1.0 - self.similarity(w1, w2)

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """The cosine of the mean vectors of two lists of words; unknown words are left out.

        Args:
            ws1: at least one word.
            ws2: at least one word.

        Returns:
            A number in [-1, 1]; 0 where no word of a list is known.

        Raises:
            ValueError: a list is empty.
        """
        return _cosine(
            self.get_mean_vector(several("ws1", ws1), pre_normalize=False),
            self.get_mean_vector(several("ws2", ws2), pre_normalize=False),
        )

    def distances(self, word_or_vector: Query, other_words: Sequence[Key] = ()) -> NDArray[np.float32]:
        """1 - cosine of one word with others, or with all.

        Args:
            word_or_vector: a word, a row or a (D,) vector.
            other_words: the words to compare with; all V rows without.

        Returns:
            (N,) float32.

        Raises:
            KeyError: a word is unknown.
        """
        vector = self._vector_of(word_or_vector, False)
        cosines = self._cosines(vector)
        if len(other_words := several("other_words", other_words)):
            rows = [self.get_index(word, -1) for word in other_words]
            cosines = cosines[rows]
            for i, row in enumerate(rows):
                if row < 0:  # a word without a row may have a vector all the same
                    cosines[i] = _cosine(vector, self.get_vector(other_words[i]))
        return 1 - cosines

    def closer_than(self, key1: Key, key2: Key) -> list[str]:
        """The words that are nearer to `key1` than `key2` is, in order of row.

        Raises:
            KeyError: a word is unknown.
        """
        first = self.get_index(key1, -1)
        nearer = self.distances(key1) < self.distances(key1, [key2])[0]
        return [self.index_to_key[row] for row in np.flatnonzero(nearer) if row != first]

    def rank(self, key1: Key, key2: Key) -> int:
        """The place of `key2` among the neighbours of `key1`, from 1.

        Raises:
            KeyError: a word is unknown.
        """
        return len(self.closer_than(key1, key2)) + 1

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Key:
        """The one of some words that is nearest to `key1`.

        Raises:
            KeyError: a word is unknown.
            ValueError: the list is empty.
        """
        if len(keys_list := several("keys_list", keys_list)) == 0:
            raise ValueError("keys_list: expected at least one word, got none")
        return max(keys_list, key=lambda key: self.similarity(key1, key))

    def rank_by_centrality(self, words: Sequence[Key], use_norm: bool = True) -> list[tuple[float, Key]]:
        """Words by their cosine with the mean of all of them.

        Args:
            words: words of which at least one is known; unknown ones are left out.
            use_norm: take the mean of unit vectors.

        Returns:
            Pairs (dot product of the word's vector and the unit mean, word), highest first.

        Raises:
            ValueError: no word is known.
        """
        known = [word for word in several("words", words) if word in self]
        if not known:
            raise ValueError(f"words: expected at least one known word, got {list(words)!r}")
        vectors = np.stack([self.get_vector(word, norm=use_norm) for word in known]).astype(np.float64)
        mean = vectors.mean(axis=0)
        length = float(np.linalg.norm(mean))
        scores = vectors @ (mean / length if length else mean)
        return sorted(zip(scores.tolist(), known, strict=True), reverse=True)

    def doesnt_match(self, words: Sequence[Key]) -> Key:
        """The word that is farthest from the mean of all: the odd one out.

        Raises:
            ValueError: no word is known.
        """
        return self.rank_by_centrality(words)[-1][1]
