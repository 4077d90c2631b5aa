"""The units of GloVe: a co-occurrence matrix in shuffled order, the same for every engine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.models.glove import GloVeConfig, GloVeTables, glove_weight
from fastnlp.sampling import Cooccurrences

__all__ = ["GloVeUnits"]

_SLICE = 0.1  # seconds between two looks for Ctrl-C
_SAMPLES, _SAMPLE = 64, 1024  # pieces of the counts that are looked at, and entries of each


class GloVeUnits:
    """Shuffles the pairs of a co-occurrence matrix, and says which a unit trains.

    The order is drawn once for the matrix and anew for each epoch, out of core: the shuffled pairs stand in
    a temporary file without a name, which goes with the engine.

    Attributes:
        size: pairs (i, j) that an epoch trains.
        items: "pairs".
        units: how many units of up to 131,072 pairs an epoch has.
        at_once: units that an engine needs at a time to be busy.
        loss_limit: ten times the loss of a model that knows nothing, about.
    """

    items = "pairs"
    at_once = 1

    def __init__(
        self,
        config: GloVeConfig,
        matrix: Cooccurrences,
        tables: GloVeTables,
        memory: int = 1 << 30,
        temporary: str | os.PathLike[str] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> None:
        """Shuffles the matrix.

        Args:
            config: of the model.
            matrix: of the words of the tables.
            tables: the parameters.
            memory: bytes to shuffle in.
            temporary: a folder for the shuffled pairs; None for the system's.
            progress: called about every 0.1 s of shuffling with the fraction done.

        Raises:
            ValueError: the matrix is of other words, or damaged; the message says where.
            OSError: the disk is full.
        """
        self._lr = config.lr
        self._matrix = matrix  # a temporary one must not go before it is read
        self._native = _core.Glove(
            matrix.paths(),
            matrix.HEADER_BYTES,
            len(tables.padded),
            dim=config.dim,
            symmetric=matrix.symmetric,
            x_max=config.x_max,
            alpha=config.alpha,
            lr=config.lr,
            clip=config.clip,
            seed=config.seed,
            memory=memory,
            temporary=os.fspath(temporary or tempfile.gettempdir()),
        )
        done = 0.0
        while done < 1.0:
            done = self._native.prepare(_SLICE)
            if progress is not None:
                progress(done)
        self.units: int = self._native.units
        self.size: int = self._native.records
        if self.size == 0:
            raise ValueError("corpus: expected words that stand near each other, got no pair")
        self.loss_limit = _loss_limit(config, matrix)

    def updates(self) -> list[NDArray[np.float32] | None]:
        """Not known: the changes of AdaGrad are averaged."""
        return [None]

    def position(self, unit: int) -> int:
        """About how many pairs of an epoch lie before a unit: units differ little in size."""
        return self.size * unit // self.units

    def lr_at(self, epoch: int, unit: int) -> float:
        """The learning rate of AdaGrad, which stays."""
        return self._lr


def _loss_limit(config: GloVeConfig, matrix: Cooccurrences) -> float:
    """Of a sample of the counts; the 1 is for matrices whose logarithms are all near 0."""
    starts = np.linspace(0, max(0, len(matrix.counts) - _SAMPLE), _SAMPLES, dtype=np.int64)
    x = np.concatenate([matrix.counts[start : start + _SAMPLE] for start in starts])
    return 10.0 * float(np.mean(0.5 * glove_weight(x, config.x_max, config.alpha) * (1.0 + np.log(x) ** 2)))
