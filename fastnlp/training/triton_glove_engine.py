"""The Triton engine of GloVe: AdaGrad in a persistent kernel on a GPU.

The units and their order are the native engine's. While the device trains some of them a thread reads the
next ones from the shuffled file, and they are copied from pinned memory beside the training
(`fastnlp.training.torch_prefetch`). Sixteen entries are in flight on each multiprocessor, 2,112 on 132;
programs join one after another while a run begins, when errors are large and squares small.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from fastnlp.kernels.triton.glove_training import RUNS, Runs, train_runs
from fastnlp.models.glove import GloVeConfig, GloVeTables
from fastnlp.sampling import Cooccurrences
from fastnlp.training.torch_engine import TorchReport
from fastnlp.training.torch_glove_engine import TorchGloVeEngine
from fastnlp.training.torch_prefetch import prefetched

__all__ = ["TritonGloVeEngine"]

_UNITS = 8  # of a launch: a million pairs
_PROGRAMS = 2  # on each multiprocessor
_RAMP = 1200  # pairs that have been trained for each run in flight
_TOGETHER = 64.0  # changes of a word that may be in flight at once


class TritonGloVeEngine(TorchGloVeEngine):
    """Trains units of pairs on one GPU.

    Attributes:
        programs: that run side by side.
    """

    _train_runs = staticmethod(train_runs)

    def __init__(
        self,
        config: GloVeConfig,
        matrix: Cooccurrences,
        tables: GloVeTables,
        device: str = "cuda",
        memory: int = 1 << 30,
        temporary: str | os.PathLike[str] | None = None,
        programs: int | None = None,
    ) -> None:
        """Shuffles the matrix, and puts the table on the device.

        Args:
            config: of the model.
            matrix: of the words of the tables; units of it go to the device as they are trained.
            tables: the parameters.
            device: of torch; "cpu" where kernels are interpreted.
            memory: bytes to shuffle in.
            temporary: a folder for the shuffled pairs; None for the system's.
            programs: that run side by side; None for two on each multiprocessor.

        Raises:
            ValueError: the matrix is of other words, or damaged; the message says where.
            OSError: the disk is full.
            MemoryError: the device has no room for the table.
        """
        super().__init__(config, matrix, tables, device, memory, temporary)
        if programs is None:
            programs = 1
            if self._device.type == "cuda":
                programs = _PROGRAMS * torch.cuda.get_device_properties(self._device).multi_processor_count
        self.programs = programs

    def train(self, epoch: int, unit: int, seconds: float, stop: int | None = None) -> TorchReport:
        """Trains whole units from `unit` on for about `seconds`, to `stop` or to the end of the epoch."""
        deadline = time.monotonic() + seconds
        report = TorchReport(unit)
        end = self.units if stop is None else stop
        with closing(prefetched(self._launches(epoch, unit, end), self._device)) as read:
            for tensors in read:
                runs = Runs(*tensors)
                programs = self._programs_at(epoch, report.next_unit)
                pairs, losses = self._train_runs(
                    self._table,
                    self._rates,
                    self._bounds,
                    self._shares(runs, programs),
                    runs,
                    alpha=self._config.alpha,
                    x_max=self._config.x_max,
                    symmetric=self._matrix.symmetric,
                    programs=programs,
                )
                trained = int(pairs.sum())
                report.kept += trained
                report.pairs += trained
                report.loss_pairs += trained
                report.loss += float(losses.double().sum())
                report.next_unit = min(report.next_unit + _UNITS, end)
                if time.monotonic() >= deadline:
                    break
        return report

    def _launches(self, epoch: int, unit: int, end: int) -> Iterator[tuple[Tensor, ...]]:
        """The runs and the entries of the next units, a launch at a time."""
        for first in range(unit, end, _UNITS):
            parts = [self._native.read(epoch, place) for place in range(first, min(first + _UNITS, end))]
            before = np.cumsum([0, *(len(part[3]) for part in parts[:-1])])
            for part, shift in zip(parts, before, strict=True):
                part[1][...] += np.int32(shift)
            yield tuple(torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*parts, strict=True))

    def _programs_at(self, epoch: int, unit: int) -> int:
        """How many programs run side by side from a unit on."""
        passed = epoch * self.size + self.position(unit)
        return max(1, min(self.programs, passed // (_RAMP * RUNS)))

    def _shares(self, runs: Runs, programs: int) -> Tensor:
        """(V,) by which the changes of each word are multiplied: so many may be in flight at once."""
        words = len(self._table)
        met = runs.columns.bincount(minlength=words) + runs.rows.bincount(runs.sizes, minlength=words)
        return (_TOGETHER * len(runs.columns) / (programs * RUNS * met)).clamp(max=1.0).float()
