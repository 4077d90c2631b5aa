"""Several processes that train one model: each has all the tables and trains its share of the units.

    torchrun --nproc-per-node 2 train.py

where train.py calls `fit` inside of `with join():`. The processes train a round of units, each its own part
of the text, and then bring their tables together: the changes of a row are added up where it was met a few
times, and averaged where it was met often, for changes that were made apart and point the same way overshoot.
So that few are averaged, the rows that a round meets often are brought together after every step of it. At
the beginning all rows move the same way, and vectors that are learned apart stay worse, so the first process
trains the first words alone. What is drawn depends on positions, so processes need no seeds of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.training.engine import Engine

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Group", "SharedEngine", "join", "joined"]

_POSITIONS = 50_000  # that a process trains in a round, at least: some 20 ms of a thread
_STEP = (
    4_000  # positions that a process trains between two exchanges of the rows that are met often, at least
)
_SUMMED = 200.0  # updates of a row between two exchanges up to which the changes of all processes are summed
_ALONE = 500_000  # positions at the beginning of a run that the first process trains
_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

_joined: Group | None = None


@dataclass(frozen=True)
class Group:
    """The processes that train together.

    Attributes:
        rank: the number of this one.
        size: how many there are.
    """

    rank: int
    size: int

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def add(self, values: Tensor) -> None:
        """Replaces values by their sum over all processes.

        Raises:
            RuntimeError: a process has ended.
        """
        import torch.distributed as dist

        try:
            dist.all_reduce(values)
        except RuntimeError as error:
            raise RuntimeError(
                f"a process has ended while {self.size} were training together, of which this is number "
                f"{self.rank}: {str(error).splitlines()[0]}"
            ) from error

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in a process; all get the same answer."""
        import torch

        raised = torch.tensor([int(flag)], dtype=torch.int64)
        self.add(raised)
        return bool(raised.item())

    def agree(self, what: str, value: str) -> None:
        """Refuses a value that is not the same in all processes.

        Raises:
            ValueError: it differs.
        """
        import torch

        digest = hashlib.sha256(value.encode()).digest()
        ours = torch.tensor(np.frombuffer(digest, np.uint8).astype(np.int64))
        total = ours.clone()
        self.add(total)
        squares = ours * ours
        self.add(squares)
        # The variance of each byte is 0 where all are equal.
        if not bool((self.size * squares == total * total).all()):
            raise ValueError(f"{what}: expected the same in all {self.size} processes, got different ones")


@contextmanager
def join() -> Iterator[Group]:
    """Shares the fits inside among the processes that torchrun has started.

    Every process has to make the same calls with the same corpus and settings. Only the first writes
    checkpoints, shows progress and calls callbacks; all end with the same model. Ctrl-C in one ends all.

    Yields:
        The group.

    Raises:
        RuntimeError: torch is not installed, or the process was not started by torchrun.
    """
    global _joined
    try:
        import torch
        import torch.distributed as dist

        from fastnlp.training.process_group import enter_group, leave_group
    except ImportError:
        raise RuntimeError("distributed: expected torch (pip install 'fastnlp[torch]')") from None

    missing = [name for name in _VARIABLES if name not in os.environ]
    if missing:
        raise RuntimeError(f"distributed: expected a process of torchrun, got no {', '.join(missing)}")
    if _joined is not None:
        raise RuntimeError("distributed: expected no other group, got one that is joined already")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    enter_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    _joined = Group(dist.get_rank(), dist.get_world_size())
    try:
        yield _joined
    finally:
        _joined = None
        leave_group()


def joined() -> Group | None:
    """The group that this process trains in; None for alone."""
    return _joined


@dataclass
class SharedReport:
    """What all processes did in a round; see `SliceReport`."""

    next_unit: int
    kept: int = 0
    pairs: int = 0
    loss_pairs: int = 0
    loss: float = 0.0


@dataclass
class SharedEngine:
    """An engine of which each process trains a share of the units.

    Attributes:
        engine: trains this process's share.
        group: the processes.
    """

    engine: Engine
    group: Group
    size: int = field(init=False)
    items: str = field(init=False)
    units: int = field(init=False)
    at_once: int = field(init=False)
    loss_limit: float = field(init=False)

    def __post_init__(self) -> None:
        """Sizes a round and its steps, and keeps a copy of the tables."""
        import torch

        engine = self.engine
        self.size, self.items, self.units = engine.size, engine.items, engine.units
        self.at_once, self.loss_limit = engine.at_once, engine.loss_limit
        self._tables: list[Tensor] = [torch.as_tensor(table) for table in engine.parameters()]
        self._before = [table.clone() for table in self._tables]
        rows = max(len(table) for table in self._tables)
        # Tables are exchanged once a round: the longer they are, the longer is a round.
        share = max(_POSITIONS, rows) * max(self.units, 1) // max(self.size, 1)
        self._share = max(1, min(share, -(-self.units // self.group.size)))
        self._step = max(engine.at_once, _STEP * max(self.units, 1) // max(self.size, 1), 1)
        # Positions of a round: at least as many as the words that are kept.
        together = np.float32(self.size / max(self.units, 1) * self._share * self.group.size)
        self._updates: list[Tensor | None] = []
        self._often: list[Tensor] = []
        for table, updates in zip(self._tables, engine.updates(), strict=True):
            known = np.zeros(0, np.float32) if updates is None else updates
            often = torch.from_numpy(np.flatnonzero(known * together > _SUMMED))
            self._often.append(often.to(table.device))
            self._updates.append(None if updates is None else torch.from_numpy(updates).to(table.device))
        if not any(len(often) for often in self._often):
            self._step = self._share
        weighed = all(updates is not None for updates in self._updates)
        self._alone = _ALONE * max(self.units, 1) // max(self.size, 1) if weighed else 0

    @classmethod
    def of(cls, engine: Engine, group: Group, run: dict[str, Any]) -> SharedEngine:
        """The engine, once all processes have agreed that they train the same.

        Args:
            engine: of this process.
            group: the processes.
            run: what has to be equal: configuration, corpus.

        Raises:
            ValueError: they do not train the same; the message says what differs.
        """
        for name, value in run.items():
            group.agree(name, json.dumps(value, sort_keys=True))
        return cls(engine, group)

    def position(self, unit: int) -> int:
        """Items of an epoch that lie before a unit."""
        return self.engine.position(unit)

    def lr_at(self, epoch: int, unit: int) -> float:
        """The learning rate of a unit."""
        return self.engine.lr_at(epoch, unit)

    def synchronize(self) -> None:
        """Brings the tables of the model up to date."""
        self.engine.synchronize()

    def parameters(self) -> list[Any]:
        """The tables that are trained."""
        return self.engine.parameters()

    def updates(self) -> list[NDArray[np.float32] | None]:
        """As the engine's."""
        return self.engine.updates()

    def train(self, epoch: int, unit: int, seconds: float, stop: int | None = None) -> SharedReport:
        """Trains a round of units, the same number in each process, and brings the tables together."""
        import torch

        last = self.units if stop is None else stop
        if epoch == 0 and unit < self._alone:
            return self._train_alone(unit, min(unit + self._share, self._alone, last))
        end = min(unit + self._share * self.group.size, last)
        mine = min(unit + self._share * self.group.rank, end)
        after = min(mine + self._share, end)
        sums = torch.zeros(4, dtype=torch.float64)
        kept, steps = 0.0, -(-min(self._share, end - unit) // self._step)
        for step in range(steps):
            done = self._train_until(epoch, mine, min(mine + self._step, after))
            mine = min(mine + self._step, after)
            sums += done
            if step < steps - 1:
                kept += self._bring_often_together(float(done[0]))
        self.group.add(sums)
        self._bring_together(float(sums[0]), float(sums[0]) - kept)
        return _report(end, sums)

    def _train_alone(self, unit: int, end: int) -> SharedReport:
        """Trains units of the first epoch in the first process; the others take over what it has learned."""
        sums = self._train_until(0, unit, end if self.group.first else unit)
        self.group.add(sums)
        self._bring_together(0.0, 0.0)  # nothing was met twice
        return _report(end, sums)

    def _train_until(self, epoch: int, unit: int, stop: int) -> Tensor:
        """What was kept, the pairs, those measured and their loss in units [unit, stop)."""
        import torch

        sums = torch.zeros(4, dtype=torch.float64)
        while unit < stop:
            done = self.engine.train(epoch, unit, 3600.0, stop=stop)
            unit = done.next_unit
            sums += torch.tensor((done.kept, done.pairs, done.loss_pairs, done.loss), dtype=torch.float64)
        return sums

    def _bring_often_together(self, kept: float) -> float:
        """Brings the rows together that are met often, after a step in which this process kept words.

        Returns:
            Words that all have kept in the step.
        """
        import torch

        changes = [
            table[rows] - before[rows]
            for table, before, rows in zip(self._tables, self._before, self._often, strict=True)
        ]
        shapes = [change.shape for change in changes]
        flat = torch.cat([*(change.flatten() for change in changes), changes[0].new_tensor([kept])])
        self.group.add(flat)
        total = float(flat[-1])
        parts = torch.split(flat[:-1], [shape.numel() for shape in shapes])
        for table, before, updates, rows, part, shape in zip(
            self._tables, self._before, self._updates, self._often, parts, shapes, strict=True
        ):
            if updates is not None and len(rows):
                weight = self._weight(updates[rows] * total)
                before[rows] += part.view(shape) * weight[:, None]
                table[rows] = before[rows]
        return total

    def _bring_together(self, kept: float, kept_last: float) -> None:
        """Brings all rows together at the end of a round.

        Args:
            kept: words of all processes in the round.
            kept_last: in its last step, since when the rows that are met often have been apart.
        """
        for table, before, updates, often in zip(
            self._tables, self._before, self._updates, self._often, strict=True
        ):
            change = table - before
            self.group.add(change)
            if updates is None:
                change /= self.group.size
            else:
                met = updates * kept
                met[often] = updates[often] * kept_last
                change *= self._weight(met)[:, None]
            before += change
            table.copy_(before)

    def _weight(self, met: Tensor) -> Tensor:
        """By what summed changes of rows are multiplied that were met so often: from 1 to that of a mean."""
        return (_SUMMED / met.clamp(min=_SUMMED)).clamp(min=1 / self.group.size)


def _report(end: int, sums: Tensor) -> SharedReport:
    """Of a round that ended at a unit."""
    kept, pairs, loss_pairs, loss = sums.tolist()
    return SharedReport(end, int(kept), int(pairs), int(loss_pairs), loss)
