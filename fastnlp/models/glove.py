"""GloVe (Pennington et al. 2014): its configuration, its table and its loss. No device, no thread."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.models.tables import ParameterTables, padded_rows

__all__ = ["GloVeConfig", "GloVeTables", "glove_loss", "glove_weight"]

_CHOICES = {
    "weighting": ("distance", "flat"),
    "bounds": ("sentence", "document"),
    "combine": ("sum", "words", "contexts"),
}
# name: (type, smallest, largest)
_RANGES: dict[str, tuple[type, float, float]] = {
    "dim": (int, 1, 65_536),
    "window": (int, 1, 10_000),
    "epochs": (int, 1, 1_000_000),
    "seed": (int, 0, 2**64 - 1),
    "x_max": (float, 1e-30, 1e30),
    "alpha": (float, 0, 100),
    "lr": (float, 1e-30, 1e30),
    "clip": (float, 1e-30, 1e30),
}


@dataclass(frozen=True)
class GloVeConfig:
    """Everything that decides what a GloVe model becomes, apart from the corpus and the number of threads.

    Attributes:
        dim: D, the length of a vector.
        window: words to each side that count, at most.
        x_max: c, the count from which pairs weigh 1.
        alpha: exponent of the weight of rarer pairs.
        lr: learning rate of AdaGrad; the biases learn at rate 1, as in Stanford's program.
        epochs: passes over the pairs.
        seed: of every random draw, 64 bits.
        symmetric: count the words on both sides, or those that follow.
        weighting: "distance" counts 1 / d at distance d, "flat" counts 1.
        bounds: what windows stay in, a "sentence" or a "document".
        combine: what comes out: the "sum" of word and context vectors, "words" or "contexts" alone.
        clip: bound of each component of a gradient of the vectors.

    Raises:
        ValueError: a value is out of range; the message names it.
        TypeError: a value is of the wrong type.

    Example:
        >>> GloVeConfig(dim=0)
        Traceback (most recent call last):
        ValueError: dim: expected a whole number from 1 to 65536, got 0
    """

    dim: int = 50
    window: int = 15
    x_max: float = 100.0
    alpha: float = 0.75
    lr: float = 0.05
    epochs: int = 25
    seed: int = 1
    symmetric: bool = True
    weighting: Literal["distance", "flat"] = "distance"
    bounds: Literal["sentence", "document"] = "sentence"
    combine: Literal["sum", "words", "contexts"] = "sum"
    clip: float = 100.0

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                expected = " or ".join(repr(choice) for choice in allowed)
                raise ValueError(f"{name}: expected {expected}, got {getattr(self, name)!r}")
        if not isinstance(self.symmetric, bool):
            raise TypeError(f"symmetric: expected True or False, got {self.symmetric!r}")
        for name, (kind, low, high) in _RANGES.items():
            value = getattr(self, name)
            whole = kind is int
            numbers = (int, np.integer) if whole else (int, float, np.number)
            if isinstance(value, bool) or not isinstance(value, numbers):
                raise TypeError(f"{name}: expected a {'whole ' if whole else ''}number, got {value!r}")
            if not low <= value <= high or not math.isfinite(value):
                raise ValueError(
                    f"{name}: expected a {'whole ' if whole else ''}number from {low} to {high}, got {value}"
                )

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)


class GloVeTables(ParameterTables):
    """The parameters: of each word a vector and a bias as a word, the same as a context, and their squares.

    The squares are sums of squared gradients, from which AdaGrad has its steps. All of a word's numbers stand
    together, (4, pitch) of them: u, its bias b and a 1; their squares; v, a 1 and its bias c; their squares.

    Attributes:
        padded: (V, 4 * pitch) float32, 64-byte aligned.

    Example:
        >>> tables = GloVeTables(vocabulary=3, dim=20, seed=1)
        >>> tables.words.shape, tables.padded.shape, bool(abs(tables.words).max() <= 0.5 / 20)
        ((3, 20), (3, 128), True)
    """

    def __init__(self, vocabulary: int, dim: int, seed: int, threads: int = 1) -> None:
        """As Stanford's program: vectors and biases uniform in [-1/2D, 1/2D), squares 1.

        Args:
            vocabulary: V, the number of words.
            dim: D.
            seed: of the numbers; those of a word depend on it and on the word's id alone.
            threads: to fill the table with; the numbers do not depend on it.
        """
        self.dim = dim
        self.padded = padded_rows(vocabulary, 4 * _core.glove_pitch(dim))
        _core.fill_glove(self.padded, dim, seed, threads)

    def _part(self, place: int) -> NDArray[np.float32]:
        return self.padded.reshape(len(self.padded), 4, -1)[:, place]

    @property
    def words(self) -> NDArray[np.float32]:
        """(V, D) float32 view: u, the vectors of words."""
        return self._part(0)[:, : self.dim]

    @property
    def contexts(self) -> NDArray[np.float32]:
        """(V, D) float32 view: v, the vectors of words as contexts."""
        return self._part(2)[:, : self.dim]

    @property
    def word_biases(self) -> NDArray[np.float32]:
        """(V,) float32 view: b."""
        return self._part(0)[:, self.dim]

    @property
    def context_biases(self) -> NDArray[np.float32]:
        """(V,) float32 view: c."""
        return self._part(2)[:, self.dim + 1]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The parameters by name, as views without padding."""
        words, contexts = self._part(1), self._part(3)
        return {
            "words": self.words,
            "word_biases": self.word_biases,
            "word_squares": words[:, : self.dim],
            "word_bias_squares": words[:, self.dim],
            "contexts": self.contexts,
            "context_biases": self.context_biases,
            "context_squares": contexts[:, : self.dim],
            "context_bias_squares": contexts[:, self.dim + 1],
        }


def glove_weight(x: ArrayLike, x_max: float = 100.0, alpha: float = 0.75) -> NDArray[np.float64]:
    """h(x) = min(1, (x / c)^alpha), what a pair counts in the loss (Pennington et al. 2014, eq. 9).

    Args:
        x: counts, at least 0.
        x_max: c.
        alpha: the exponent.

    Returns:
        float64 of the shape of x, in [0, 1].

    Example:
        >>> glove_weight([0, 100 / 16, 100, 1000])
        array([0.   , 0.125, 1.   , 1.   ])
    """
    return np.minimum(1.0, (np.asarray(x, np.float64) / x_max) ** alpha)


def glove_loss(
    u: NDArray[np.floating[Any]],
    v: NDArray[np.floating[Any]],
    b: NDArray[np.floating[Any]],
    c: NDArray[np.floating[Any]],
    x: ArrayLike,
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> NDArray[np.float64]:
    """h(x) (u.v + b + c - log x)^2, the loss of a pair (Pennington et al. 2014, eq. 8).

    Args:
        u: (..., D) vectors of the words.
        v: (..., D) vectors of the contexts.
        b: (...) biases of the words.
        c: (...) biases of the contexts.
        x: (...) how often the pairs occur, above 0.
        x_max: from where pairs weigh 1.
        alpha: exponent of the weight below.

    Returns:
        (...) float64. Reports of training show half of it, as Stanford's program prints.

    Example:
        >>> float(glove_loss(np.ones(2), np.ones(2), np.zeros(()), np.zeros(()), 100.0).round(4))
        6.7869
    """
    error = (u.astype(np.float64) * v).sum(-1) + b + c - np.log(np.asarray(x, np.float64))
    return np.asarray(glove_weight(x, x_max, alpha) * error**2)
