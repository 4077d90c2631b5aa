"""The native engine: word2vec, with subwords or without, on CPU threads, in C++."""

from __future__ import annotations

from typing import Any

from fastnlp import _core
from fastnlp.models.fasttext import FastTextTables
from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.text import Corpus
from fastnlp.training.word2vec_units import Word2VecUnits

__all__ = ["NativeEngine"]


class NativeEngine(Word2VecUnits):
    """Skip-gram or CBOW, by negative sampling or hierarchical softmax, over Hogwild threads.

    One thread gives the same bits every time, however the run was cut into slices; several threads race on
    the tables, as word2vec.c's do (Recht et al. 2011), and give a slightly different model each time, unless
    the configuration asks for a deterministic run.

    Attributes:
        threads: how many threads train.
    """

    def __init__(
        self, config: Word2VecConfig, corpus: Corpus, tables: Word2VecTables | FastTextTables, threads: int
    ) -> None:
        """Checks the corpus and prepares the draws.

        Raises:
            ValueError: the corpus has no word that can be a negative for another.
        """
        super().__init__(config, corpus, tables)
        self.threads = self.at_once = threads
        self._tables = tables

    def train(self, epoch: int, unit: int, seconds: float, stop: int | None = None) -> _core.SliceReport:
        """Trains whole units from `unit` on for about `seconds`, to `stop` or to the end of the epoch."""
        tables = self._tables
        return self._native.train(
            tables.padded_input, tables.padded_output, epoch, unit, self.threads, seconds, stop
        )

    def synchronize(self) -> None:
        """Nothing to do: the tables are trained where they stand."""

    def parameters(self) -> list[Any]:
        """The padded tables."""
        return [self._tables.padded_input, self._tables.padded_output]
