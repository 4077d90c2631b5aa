"""Several processes that train one model: each has all the tables and trains its share of the units.

    torchrun --nproc-per-node 2 train.py

where train.py calls `fit` inside of `with join():`. The processes train a round of units, each its own part
of the text, and then bring their tables together: the changes of a row are added up where it was met a few
times, and averaged where it was met often, for changes that were made apart and point the same way overshoot.
What is drawn depends on positions, so processes need no seeds of their own.
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
_SUMMED = 400.0  # updates of a row in a round up to which the changes of all processes are summed
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
    except ImportError:
        raise RuntimeError("distributed: expected torch (pip install 'fastnlp[torch]')") from None

    missing = [name for name in _VARIABLES if name not in os.environ]
    if missing:
        raise RuntimeError(f"distributed: expected a process of torchrun, got no {', '.join(missing)}")
    if _joined is not None:
        raise RuntimeError("distributed: expected no other group, got one that is joined already")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    _joined = Group(dist.get_rank(), dist.get_world_size())
    try:
        yield _joined
    finally:
        _joined = None
        dist.destroy_process_group()


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
    loss_limit: float = field(init=False)

    def __post_init__(self) -> None:
        """Sizes a round, and keeps a copy of the tables."""
        import torch

        engine = self.engine
        self.size, self.items, self.units = engine.size, engine.items, engine.units
        self.loss_limit = engine.loss_limit
        self._tables: list[Tensor] = [torch.as_tensor(table) for table in engine.parameters()]
        self._before = [table.clone() for table in self._tables]
        rows = max(len(table) for table in self._tables)
        # Tables are exchanged once a round: the longer they are, the longer is a round.
        share = max(_POSITIONS, rows) * max(self.units, 1) // max(self.size, 1)
        self._share = max(1, min(share, -(-self.units // self.group.size)))

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

        end = min(unit + self._share * self.group.size, self.units if stop is None else stop)
        mine = min(unit + self._share * self.group.rank, end)
        after = min(mine + self._share, end)
        sums = [0.0, 0.0, 0.0, 0.0]
        while mine < after:
            done = self.engine.train(epoch, mine, 3600.0, stop=after)
            mine = done.next_unit
            for i, value in enumerate((done.kept, done.pairs, done.loss_pairs, done.loss)):
                sums[i] += value
        totals = torch.tensor(sums, dtype=torch.float64)
        self.group.add(totals)
        kept, pairs, loss_pairs, loss = totals.tolist()
        self._bring_together(kept)
        return SharedReport(end, int(kept), int(pairs), int(loss_pairs), loss)

    def _bring_together(self, kept: float) -> None:
        import torch

        for table, before, updates in zip(self._tables, self._before, self.engine.updates(), strict=True):
            change = table - before
            self.group.add(change)
            if updates is None:
                change /= self.group.size
            else:
                met = np.maximum(updates * np.float32(kept), np.float32(_SUMMED))
                weight = np.maximum(np.float32(_SUMMED) / met, np.float32(1 / self.group.size))
                change *= torch.from_numpy(weight).to(change.device)[:, None]
            before += change
            table.copy_(before)
