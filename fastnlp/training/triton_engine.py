"""The Triton engine: word2vec, with subwords or without, in persistent kernels on a GPU.

The host feeds nothing but the bounds of units: what is kept, windows and negatives are drawn on the device,
by the numbers of the one generator. A launch trains the units of about 0.05 s in tiles of up to 16 centers
(`fastnlp.kernels.triton.skipgram_training` and `cbow_training`), by as many programs on each multiprocessor
as it has registers for. On an H200 up to 2,112 centers are in flight, and the changes of rows that are met
too often by so many are damped.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastnlp.kernels.triton import cbow_training, skipgram_training
from fastnlp.kernels.triton.inputs import Parts
from fastnlp.kernels.triton.outputs import ROOM, Outputs
from fastnlp.kernels.triton.tiles import TILE, Tiles, Tokens
from fastnlp.kernels.triton.token_draws import draw_tokens
from fastnlp.models.fasttext import FastTextTables
from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.sampling import AliasTable
from fastnlp.text import Corpus
from fastnlp.training.damping import damping, together
from fastnlp.training.device_ids import DeviceIds
from fastnlp.training.devices import check_memory, free_memory
from fastnlp.training.pieces import pieces_between
from fastnlp.training.torch_draws import thresholds
from fastnlp.training.torch_engine import TorchReport
from fastnlp.training.word2vec_units import Word2VecUnits

__all__ = ["TritonEngine"]

_LAUNCH = 0.05  # seconds that a launch should take: Ctrl-C waits for it
_MOST_POSITIONS = 1 << 23  # of a launch
_FIRST_UNITS = 16  # of the first launch: with fewer, programs would be at places near each other
_RAMP = 256  # words that have been trained for each center in flight: early on all rows go one way
_LEAST = 16  # centers in flight on each of so many multiprocessors are harmless from the beginning
_BYTES = 64  # of a position of a launch, while its tokens are drawn


class TritonEngine(Word2VecUnits):
    """Trains tiles of centers on one GPU.

    Attributes:
        programs: that run side by side, once a run has got going.
        in_flight: centers that are trained at once by so many.
    """

    neighbours_share = True
    _draw_tokens = staticmethod(draw_tokens)
    _train_tiles = staticmethod(skipgram_training.train_tiles)

    def __init__(
        self,
        config: Word2VecConfig,
        corpus: Corpus,
        tables: Word2VecTables | FastTextTables,
        device: str = "cuda",
        programs: int | None = None,
    ) -> None:
        """Puts tables, distributions and, where there is room, the ids on the device.

        Args:
            config: of the model.
            corpus: to train on.
            tables: the parameters.
            device: of torch; "cpu" where kernels are interpreted.
            programs: that run side by side; None for as many as the multiprocessors have registers for.

        Raises:
            ValueError: the corpus has no word that can be a negative for another.
            MemoryError: the device has no room for the tables.
        """
        super().__init__(config, corpus, tables)
        self._config, self._corpus, self._tables = config, corpus, tables
        self._device = torch.device(device)
        size, piece = self._native.unit_size, self._native.piece_size
        self._most_units = max(1, _MOST_POSITIONS // size)
        longest = min(self._most_units * size + piece, self.size)
        needed = {
            "tables": tables.padded_input.nbytes + tables.padded_output.nbytes,
            "distributions": 20 * len(tables.padded_input),
            "parts and paths": _bytes_of_lists(tables),
            "tokens of a launch": (_BYTES + 8) * longest,
        }
        check_memory(self._device, **needed)
        room = free_memory(self._device) - sum(needed.values())
        self._ids = DeviceIds(corpus.ids, self._device, corpus.ids.nbytes <= room, longest)
        self._outputs = self._outputs_of(tables)
        self._parts = None
        if isinstance(tables, FastTextTables):
            parts = self._constant(tables.parts), self._constant(tables.part_offsets)
            self._parts = Parts(*parts, tables.mean)
        self._tile = self._outputs.centers
        if programs is None:
            programs = 1
            if self._device.type == "cuda":
                processors = torch.cuda.get_device_properties(self._device).multi_processor_count
                programs = processors * self._outputs.side_by_side
        self.programs, self.in_flight = programs, programs * self._tile
        self._parameters = self._constant(tables.padded_input), self._constant(tables.padded_output)
        self._damping: tuple[int, tuple[Tensor, Tensor]] | None = None  # of so many programs
        self._keep = self._constant(thresholds(self.keep).astype(np.uint32))
        self.at_once = self._units_at_once = 1 if self._device.type == "cpu" else _FIRST_UNITS
        if config.architecture == "cbow":
            self._train_tiles = partial(cbow_training.train_tiles, contexts=config.cbow_contexts)

    def _constant(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def _outputs_of(self, tables: Word2VecTables | FastTextTables) -> Outputs:
        """The negatives, or the tree."""
        # Programs of words with subwords, which wait for more rows, are small enough for two side by side.
        room = ROOM // 2 if isinstance(tables, FastTextTables) else ROOM
        window = self._config.window
        if tables.tree is not None:
            path, offsets = self._constant(tables.tree.path), self._constant(tables.tree.path_offsets)
            longest = tables.tree.longest
            warps = 8 if self._config.architecture == "cbow" else 4
            return Outputs(
                path=path,
                path_offsets=offsets,
                longest=longest,
                window=window,
                room=room,
                least_warps=warps,
            )
        assert self.noise is not None
        noise = AliasTable(self.noise)
        return Outputs(
            self._constant(noise.thresholds),
            self._constant(noise.aliases),
            self._config.negatives,
            self._native.set_size,
            self._config.seed,
            window=window,
            room=room,
        )

    def train(self, epoch: int, unit: int, seconds: float, stop: int | None = None) -> TorchReport:
        """Trains whole units from `unit` on for about `seconds`, to `stop` or to the end of the epoch."""
        deadline = time.monotonic() + seconds
        report = TorchReport(unit)
        end = self.units if stop is None else stop
        while report.next_unit < end:
            begun = time.monotonic()
            self._train_units(
                epoch, report.next_unit, min(report.next_unit + self._units_at_once, end), report
            )
            now = time.monotonic()
            change = min(2.0, max(0.5, _LAUNCH / max(now - begun, 1e-6)))
            self._units_at_once = min(self._most_units, max(1, int(self._units_at_once * change)))
            if now >= deadline:
                break
        return report

    def synchronize(self) -> None:
        """Brings the tables of the model up to date with those on the device."""
        if self._device.type != "cpu":
            torch.from_numpy(self._tables.padded_input).copy_(self._parameters[0])
            torch.from_numpy(self._tables.padded_output).copy_(self._parameters[1])

    def parameters(self) -> list[Any]:
        """The tables on the device."""
        return list(self._parameters)

    def _bounds(self, first: int, last: int) -> NDArray[np.int64]:
        """Of the pieces of units [first, last)."""
        size = self._native.unit_size
        offsets = self._corpus.sentence_offsets
        return pieces_between(offsets, self._native.piece_size, first * size, min(last * size, self.size))

    def _train_units(self, epoch: int, first: int, last: int, report: TorchReport) -> None:
        report.next_unit = last
        bounds = self._bounds(first, last)
        if not len(bounds):
            return
        ids = self._ids.between(int(bounds[0]), int(bounds[-1]))
        config = self._config
        reaches = self._draw_tokens(
            ids,
            self._keep,
            int(bounds[0]),
            seed=config.seed,
            epoch=epoch,
            window=config.window,
            shrink=config.shrink_windows,
        )
        kept = reaches.nonzero()[:, 0]
        starts = torch.from_numpy(bounds - bounds[0]).to(self._device)
        before = torch.searchsorted(kept, starts)  # kept tokens in front of each bound
        piece = torch.arange(len(starts) - 1, device=self._device).repeat_interleave(before.diff())
        tokens = Tokens(
            ids[kept],
            kept + int(bounds[0]),
            reaches[kept],
            before[piece].int(),
            (before[piece + 1] - 1).int(),
        )
        programs = self._programs_at(epoch, first)
        pairs, measured, losses = self._train_tiles(
            self._parameters,
            self._damping_of(programs),
            tokens,
            self._tiles(epoch, first, last, bounds, before, programs),
            self._outputs,
            self._parts,
            epoch=epoch,
            programs=programs,
        )
        if not self._ids.resident and last < self.units:
            after = self._bounds(last, min(last + self._units_at_once, self.units))
            if len(after):
                self._ids.prefetch(int(after[0]), int(after[-1]))
        report.kept += len(kept)
        report.pairs += int(pairs.sum())
        report.loss_pairs += int(measured.sum())
        report.loss += float(losses.double().sum())

    def _programs_at(self, epoch: int, unit: int) -> int:
        """How many programs run side by side from a unit on."""
        passed = epoch * self.size + self.position(unit)
        return min(self.programs, max(_LEAST * TILE, passed // _RAMP) // self._tile)

    def _damping_of(self, programs: int) -> tuple[Tensor, Tensor]:
        """By what the changes of input and output rows are multiplied."""
        if self._damping is None or self._damping[0] != programs:
            both = (
                damping(updates, programs * self._tile, most)
                for updates, most in zip(self._updates, together(self._tables), strict=True)
            )
            self._damping = programs, (self._constant(next(both)), self._constant(next(both)))
        return self._damping[1]

    def _tiles(
        self,
        epoch: int,
        first: int,
        last: int,
        bounds: NDArray[np.int64],
        before: Tensor,
        programs: int,
    ) -> Tiles:
        """A unit is cut into tiles of as many kept tokens as the kernel takes.

        They are ordered so that programs, which take one after another in turn, are at places far apart:
        neighbours speak of the same things, and would race on the rows of the same words.
        """
        starts = np.arange(first, last + 1) * self._native.unit_size
        starts[-1] = bounds[-1]
        begins = before[torch.from_numpy(np.searchsorted(bounds, starts)).to(self._device)]
        counts = -(begins.diff() // -self._tile)
        unit = torch.arange(last - first, device=self._device).repeat_interleave(counts)
        place = torch.arange(len(unit), device=self._device) - (counts.cumsum(0) - counts)[unit]
        begin = begins[unit] + place * self._tile
        end = torch.minimum(begin + self._tile, begins[unit + 1])
        rates = torch.tensor([self.lr_at(epoch, u) for u in range(first, last)], device=self._device)
        steps = -(len(unit) // -programs)
        order = torch.arange(steps * programs, device=self._device).view(programs, steps).T.flatten()
        order = order[order < len(unit)]
        return Tiles(begin[order].int(), end[order].int(), rates.float()[unit[order]])


def _bytes_of_lists(tables: Word2VecTables | FastTextTables) -> int:
    """What the rows of words, or the paths, take on a device."""
    if isinstance(tables, FastTextTables):
        return tables.parts.nbytes + tables.part_offsets.nbytes
    return 0 if tables.tree is None else tables.tree.path.nbytes + tables.tree.path_offsets.nbytes
