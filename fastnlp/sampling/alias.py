"""The alias table: draws from any distribution over words at the cost of two random numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.sampling.arrays import as_doubles, as_integers, as_unsigned


def noise_weights(counts: ArrayLike, power: float = 0.75, exclude: Iterable[int] = ()) -> NDArray[np.float64]:
    """How often each word is drawn as noise: count^power (Mikolov et al. 2013, section 2.2).

    Args:
        counts: (V,) int64 >= 0; a word with count 0 is never drawn, whatever the power.
        power: 0.75 in word2vec; 1 draws as often as in the text, 0 draws all counted words alike.
        exclude: ids that are never drawn, the unknown word for instance.

    Returns:
        (V,) float64 >= 0, not normalised.

    Raises:
        ValueError: a count is negative, or the power is not finite.
        IndexError: an excluded id lies outside the vocabulary.

    Example:
        >>> noise_weights([100, 16, 1, 0], exclude=[0])
        array([0., 8., 1., 0.])
    """
    counted = as_integers("counts", counts, np.int64)
    if not np.isfinite(power):
        raise ValueError(f"power: expected a finite number, got {power}")
    wrong = np.flatnonzero(counted < 0)
    if wrong.size:
        raise ValueError(f"counts[{wrong[0]}]: expected a count >= 0, got {counted[wrong[0]]}")
    weights = np.zeros(len(counted))
    seen = counted > 0
    weights[seen] = counted[seen].astype(np.float64) ** power
    for word in exclude:
        if not 0 <= word < len(weights):
            raise IndexError(f"exclude: expected ids in [0, {len(weights)}), got {word}")
        weights[word] = 0.0
    return weights


class AliasTable:
    """A distribution over 0..V-1 that is drawn from in constant time (Walker 1977; Vose 1991).

    Args:
        weights: (V,) float64, finite, >= 0, not all 0; an index of weight 0 is never drawn.

    Raises:
        ValueError: a weight is negative or not finite, or all are 0.

    Example:
        >>> table = AliasTable([1.0, 0.0, 3.0])
        >>> table.probabilities()
        array([0.25, 0.  , 0.75])
        >>> table.draw(6, seed=1)
        array([2, 2, 2, 2, 2, 2], dtype=int32)
    """

    def __init__(self, weights: ArrayLike) -> None:
        self._core = _core.AliasTable(as_doubles("weights", weights))

    def __len__(self) -> int:
        """V."""
        return len(self._core)

    @property
    def support(self) -> int:
        """How many indices have a positive weight."""
        return self._core.support

    @property
    def thresholds(self) -> NDArray[np.uint32]:
        """(V,) column i gives i for a random word below its threshold, or always where that is 2^32 - 1."""
        return self._core.thresholds

    @property
    def aliases(self) -> NDArray[np.int32]:
        """(V,) what column i gives otherwise."""
        return self._core.aliases

    def probabilities(self) -> NDArray[np.float64]:
        """(V,) what the table draws: the weights over their sum, up to rounding to 2^-32 of a column."""
        return self._core.probabilities()

    def draw(self, n: int, *, seed: int, position: int = 0, epoch: int = 0) -> NDArray[np.int32]:
        """The first n draws of one position's stream of negatives.

        Args:
            n: 0 to 2^25.
            seed: 64 bits.
            position: 64 bits; each position has draws of its own.
            epoch: 32 bits.

        Returns:
            (n,) int32 in [0, V).

        Raises:
            ValueError: an argument is out of range.

        Example:
            >>> AliasTable([1.0, 1.0]).draw(5, seed=3, position=7)
            array([0, 1, 1, 0, 0], dtype=int32)
        """
        return self._core.draw(
            n,
            as_unsigned("seed", seed, 64),
            as_unsigned("position", position, 64),
            as_unsigned("epoch", epoch, 32),
        )
