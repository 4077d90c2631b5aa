"""What the loop asks of an engine, whatever the model and the device."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Engine", "RunConfig", "SliceReport"]


class SliceReport(Protocol):
    """What an engine did in one call."""

    @property
    def next_unit(self) -> int:
        """The first unit not trained yet."""
        ...

    @property
    def kept(self) -> int:
        """Words (or other items) trained, after subsampling."""
        ...

    @property
    def pairs(self) -> int:
        """Pairs of words trained."""
        ...

    @property
    def loss_pairs(self) -> int:
        """Pairs that the loss was measured on."""
        ...

    @property
    def loss(self) -> float:
        """The sum of their losses, in nats where it is a likelihood."""
        ...


class Engine(Protocol):
    """Trains the tables it was made with, unit by unit.

    A unit is the work that one thread takes at a time, a few milliseconds of it. What a unit does depends on
    (epoch, unit) and the tables alone, so that a run may be cut and resumed between any two.

    Attributes:
        size: items in an epoch: corpus positions, or co-occurrences.
        items: what the items are called in progress reports.
        units: units in an epoch.
        at_once: units that it needs at a time to be busy.
        loss_limit: a mean loss a pair beyond it tells that training diverges; infinite for none.
    """

    size: int
    items: str
    units: int
    at_once: int
    loss_limit: float

    def position(self, unit: int) -> int:
        """Items of an epoch that lie before a unit, at most `size`."""
        ...

    def lr_at(self, epoch: int, unit: int) -> float:
        """The learning rate of a unit; of the last one for units beyond it."""
        ...

    def train(self, epoch: int, unit: int, seconds: float, stop: int | None = None) -> SliceReport:
        """Trains whole units from `unit` on for about `seconds`, to `stop` or to the end of the epoch."""
        ...

    def synchronize(self) -> None:
        """Brings the tables it was made with up to date; before anybody looks at them."""
        ...

    def parameters(self) -> list[Any]:
        """The tables where they are trained: (R, pitch) float32 arrays, or tensors on a device."""
        ...

    def updates(self) -> list[NDArray[np.float32] | None]:
        """How often an item is expected to update each row of them: (R,); None where that is not known."""
        ...


class RunConfig(Protocol):
    """The configuration of a model, as far as the loop knows it."""

    @property
    def epochs(self) -> int:
        """Passes over the data."""
        ...

    @property
    def lr(self) -> float:
        """Learning rate at the start."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        ...
