"""GloVe in plain torch on any device: the units and the order of the native engine, in blocks of runs.

All pairs of a block read the table as it stood before it, and each divides its step by the root of the
squares before it, as Stanford's program does for one pair; the changes are added up when the block is done.
"""

from __future__ import annotations

import math
import os
import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from fastnlp.models.glove import GloVeConfig, GloVeTables
from fastnlp.sampling import Cooccurrences
from fastnlp.training.devices import check_memory
from fastnlp.training.glove_units import GloVeUnits
from fastnlp.training.torch_engine import TorchReport

__all__ = ["TorchGloVeEngine"]

_TOGETHER = 8.0  # pairs that may move a row at once: biases learn at rate 1


class TorchGloVeEngine(GloVeUnits):
    """Trains units of pairs in blocks.

    Attributes:
        block: entries of the matrix that are trained together, and the rest of the last one's run; of a
            symmetric matrix twice as many pairs.
    """

    def __init__(
        self,
        config: GloVeConfig,
        matrix: Cooccurrences,
        tables: GloVeTables,
        device: str = "cpu",
        memory: int = 1 << 30,
        temporary: str | os.PathLike[str] | None = None,
        block: int = 256,
    ) -> None:
        """Shuffles the matrix, and puts the table on the device; on the CPU it is trained where it stands.

        Args:
            config: of the model.
            matrix: of the words of the tables; a unit of it at a time goes to the device.
            tables: the parameters.
            device: of torch.
            memory: bytes to shuffle in.
            temporary: a folder for the shuffled pairs; None for the system's.
            block: entries that are trained together.

        Raises:
            ValueError: the matrix is of other words, or damaged; the message says where.
            OSError: the disk is full.
            MemoryError: the device has no room for the table.
        """
        self.block = block
        self._device = torch.device(device)
        check_memory(self._device, table=tables.padded.nbytes)
        super().__init__(config, matrix, tables, memory, temporary)
        self._config, self._tables = config, tables
        self._table = torch.from_numpy(tables.padded).to(self._device)
        dim, pitch = config.dim, tables.padded.shape[1] // 4
        # A word's vector is followed by its bias and a 1, a context's by a 1 and its bias: the biases learn
        # at rate 1 and without bound, the ones not at all.
        rates = torch.zeros(2, pitch)
        rates[:, :dim] = config.lr
        rates[0, dim] = rates[1, dim + 1] = 1.0
        bounds = torch.full((pitch,), math.inf)
        bounds[:dim] = config.clip * config.lr
        self._rates, self._bounds = rates.to(self._device), bounds.to(self._device)

    def train(self, epoch: int, unit: int, seconds: float, stop: int | None = None) -> TorchReport:
        """Trains whole units from `unit` on for about `seconds`, to `stop` or to the end of the epoch."""
        deadline = time.monotonic() + seconds
        report = TorchReport(unit)
        end = self.units if stop is None else stop
        with torch.no_grad():
            while report.next_unit < end:
                rows, firsts, sizes, columns, counts = (
                    torch.from_numpy(array).to(self._device)
                    for array in self._native.read(epoch, report.next_unit)
                )
                # Entries before each run, in the order of training, and where each of them stands.
                before = sizes.cumsum(0) - sizes
                place = torch.arange(len(columns), device=self._device)
                place += (firsts - before).repeat_interleave(sizes)
                rows = rows.repeat_interleave(sizes)
                for part in self._blocks(before, len(rows)):
                    at = place[part]
                    self._train_block(rows[part].long(), columns[at].long(), counts[at], report)
                report.next_unit += 1
                if time.monotonic() >= deadline:
                    break
        return report

    def _blocks(self, before: Tensor, entries: int) -> Iterator[slice]:
        """Whole runs, of which each has so many entries before it, until there are `block` entries."""
        begins = [*before.tolist(), entries]
        first = 0
        while first < entries:
            last = begins[bisect_left(begins, min(first + self.block, entries))]
            yield slice(first, last)
            first = last

    def synchronize(self) -> None:
        """Brings the table of the model up to date with that on the device."""
        if self._device.type != "cpu":
            torch.from_numpy(self._tables.padded).copy_(self._table)

    def parameters(self) -> list[Any]:
        """The table on the device."""
        return [self._table]

    def _train_block(self, rows: Tensor, columns: Tensor, counts: Tensor, report: TorchReport) -> None:
        if self._matrix.symmetric:  # an entry stands for (j, i) too
            mirrored = rows != columns
            rows, columns = (
                torch.cat([rows, columns[mirrored]]),
                torch.cat([columns, rows[mirrored]]),
            )
            counts = torch.cat([counts, counts[mirrored]])
        pitch = self._table.shape[1] // 4
        words, word_squares, contexts, context_squares = self._table.view(-1, 4, pitch).unbind(1)
        u, v = words[rows], contexts[columns]
        error = (u * v).sum(1) - counts.log()
        weighted = (counts / self._config.x_max).pow(self._config.alpha).clamp(max=1.0) * error
        for squares, side, at, other, rate in (
            (word_squares, words, rows, v, self._rates[0]),
            (context_squares, contexts, columns, u, self._rates[1]),
        ):
            step = (weighted[:, None] * rate * other).clamp(-self._bounds, self._bounds)
            met = at.bincount(minlength=len(side))[at]
            share = (_TOGETHER / met).clamp(max=1.0)[:, None]
            squares.index_add_(0, at, step * step)
            side.index_add_(0, at, -step * share / (squares[at] - step * step).sqrt())
        report.kept += len(rows)
        report.pairs += len(rows)
        report.loss_pairs += len(rows)
        report.loss += float((0.5 * weighted * error).double().sum())
