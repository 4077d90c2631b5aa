"""The native engine of GloVe: AdaGrad over Hogwild threads, in C++."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from fastnlp import _core
from fastnlp.models.glove import GloVeConfig, GloVeTables
from fastnlp.sampling import Cooccurrences
from fastnlp.training.glove_units import GloVeUnits

__all__ = ["GloVeEngine"]


class GloVeEngine(GloVeUnits):
    """Trains units of pairs on threads.

    One thread gives the same bits every time, however the run was cut into slices; several threads race on
    the table.

    Attributes:
        threads: how many threads train.
    """

    def __init__(
        self,
        config: GloVeConfig,
        matrix: Cooccurrences,
        tables: GloVeTables,
        threads: int,
        memory: int = 1 << 30,
        temporary: str | os.PathLike[str] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> None:
        """Shuffles the matrix; `threads` is how many train, the others are of `GloVeUnits`.

        Raises:
            ValueError: the matrix is of other words, or damaged; the message says where.
            OSError: the disk is full.
        """
        super().__init__(config, matrix, tables, memory, temporary, progress)
        self.threads = self.at_once = threads
        self._tables = tables

    def train(self, epoch: int, unit: int, seconds: float, stop: int | None = None) -> _core.SliceReport:
        """Trains whole units from `unit` on for about `seconds`, to `stop` or to the end of the epoch."""
        return self._native.train(self._tables.padded, epoch, unit, self.threads, seconds, stop)

    def synchronize(self) -> None:
        """Nothing to do: the table is trained where it stands."""

    def parameters(self) -> list[Any]:
        """The padded table."""
        return [self._tables.padded]
