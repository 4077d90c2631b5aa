"""The Triton engine of GloVe: AdaGrad in a persistent kernel on a GPU.

The units and their order are the native engine's. While the device trains some of them a thread reads the
next ones from the shuffled file, and they are copied from pinned memory beside the training
(`fastnlp.training.torch_prefetch`). Each program has a run of up to 32 entries in flight; the steps of words
that so many meet at once are damped by how often they stand in what a launch trains.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fastnlp.kernels.triton import glove_training
from fastnlp.kernels.triton.glove_training import Runs
from fastnlp.models.glove import GloVeConfig, GloVeTables
from fastnlp.sampling import Cooccurrences
from fastnlp.training.torch_engine import TorchReport
from fastnlp.training.torch_glove_engine import TOGETHER, TorchGloVeEngine
from fastnlp.training.torch_prefetch import prefetched

__all__ = ["TritonGloVeEngine"]

_UNITS = 8  # of a launch: a million pairs
_PROGRAMS = 2  # on each multiprocessor


class TritonGloVeEngine(TorchGloVeEngine):
    """Trains units of pairs on one GPU.

    Attributes:
        programs: that run side by side.
    """

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
        read = prefetched(self._launches(epoch, unit, end), self._device)
        for tensors in read:
            runs = Runs(*tensors)
            pairs, losses = glove_training.train_runs(
                self._table,
                self._rates,
                self._bounds,
                self._shares(runs),
                runs,
                alpha=self._config.alpha,
                x_max=self._config.x_max,
                together=TOGETHER,
                symmetric=self._matrix.symmetric,
                programs=self.programs,
            )
            trained = int(pairs.sum())
            report.kept += trained
            report.pairs += trained
            report.loss_pairs += trained
            report.loss += float(losses.double().sum())
            report.next_unit = min(report.next_unit + _UNITS, end)
            if time.monotonic() >= deadline:
                break
        read.close()
        return report

    def _launches(self, epoch: int, unit: int, end: int) -> Iterator[tuple[Tensor, ...]]:
        """The runs and the entries of the next units, a launch at a time."""
        for first in range(unit, end, _UNITS):
            parts = [self._native.read(epoch, place) for place in range(first, min(first + _UNITS, end))]
            before = np.cumsum([0, *(len(part[3]) for part in parts[:-1])])
            for part, shift in zip(parts, before, strict=True):
                part[1][...] += np.int32(shift)
            yield tuple(torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*parts, strict=True))

    def _shares(self, runs: Runs) -> Tensor:
        """(V,) by which the changes of each word are multiplied: so many changes may be in flight at once."""
        words = len(self._table)
        met = runs.columns.bincount(minlength=words) + runs.rows.bincount(minlength=words)
        return (TOGETHER * len(runs.rows) / (self.programs * met)).clamp(max=1.0).float()
