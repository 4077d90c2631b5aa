"""The distance between two texts as the least work of moving the words of one to those of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from fastnlp.io.checks import several
from fastnlp.vectors.table import WordTable

__all__ = ["Movers"]


class Movers(WordTable):
    """The part of `WordVectors` that compares texts."""

    def wmdistance(self, document1: Sequence[str], document2: Sequence[str], norm: bool = True) -> float:
        """The Word Mover's Distance of two texts (Kusner et al. 2015).

        The words of a text share its weight of 1 by how often they occur; moving weight costs the Euclidean
        distance of the words' vectors; the cheapest way to make one text the other is their distance. It is
        found by the library POT: `pip install 'fastnlp[wmd]'`.

        Args:
            document1: words; unknown ones are left out.
            document2: words likewise.
            norm: scale the vectors to length 1 first.

        Returns:
            The distance; infinity where a text has no known word.

        Raises:
            ImportError: POT is not installed.
        """
        try:
            from ot import emd2
        except ImportError:
            raise ImportError(
                "wmdistance: expected the library POT, which is not installed; pip install 'fastnlp[wmd]'"
            ) from None
        first, second = (
            Counter(word for word in several(name, text) if word in self)
            for name, text in (("document1", document1), ("document2", document2))
        )
        if not first or not second:
            return float("inf")
        if set(first) == set(second) and len(first) == 1:
            return 0.0
        points = [
            np.stack([self.get_vector(word, norm=norm) for word in words]).astype(np.float64)
            for words in (first, second)
        ]
        weights = [
            np.array(list(words.values()), np.float64) / sum(words.values()) for words in (first, second)
        ]
        squares = [(rows**2).sum(axis=1) for rows in points]
        costs = squares[0][:, None] + squares[1][None, :] - 2 * points[0] @ points[1].T
        # Equal words cost nothing, whatever rounding leaves of their difference.
        costs[np.array([[a == b for b in second] for a in first])] = 0
        return float(emd2(weights[0], weights[1], np.sqrt(np.maximum(costs, 0))))
