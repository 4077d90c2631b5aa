"""A call of `fit`: who watches the run, where its state is kept, and which processes share it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from fastnlp.io.atomic import check_place
from fastnlp.text import Corpus
from fastnlp.training.checkpoint import Checkpoint, RunState, corpus_fingerprint
from fastnlp.training.distributed import SharedEngine, joined
from fastnlp.training.engine import Engine, RunConfig
from fastnlp.training.progress import Progress, display_for
from fastnlp.vectors import WordVectors

__all__ = ["FitOptions", "Fitting"]


@dataclass(frozen=True)
class FitOptions:
    """The arguments of `Estimator.fit` beside the corpus.

    Raises:
        ValueError: there is nothing to resume from, or the seconds are out of range.
    """

    progress: bool | Literal["auto"] | Callable[[Progress], Any]
    callbacks: Iterable[Callable[[Progress], Any]]
    evaluate: Callable[[WordVectors], Mapping[str, float]] | None
    checkpoint: str | os.PathLike[str] | None
    checkpoint_every: float
    resume: bool

    def __post_init__(self) -> None:
        if self.resume and self.checkpoint is None:
            raise ValueError("resume: expected a checkpoint to go on from, got checkpoint=None")
        if math.isnan(self.checkpoint_every) or self.checkpoint_every < 0:
            raise ValueError(f"checkpoint_every: expected seconds >= 0, got {self.checkpoint_every}")


class Fitting:
    """What stands around a run from its first step to its last.

    Of several processes only the first shows anything, evaluates, and writes files.

    Args:
        options: of the call.
        model: name of the model's class, which a checkpoint has.
        config: of the run.
        corpus: to learn from.

    Attributes:
        saved: the checkpoint to go on from, checked against the run; None to begin.
        fingerprint: of the corpus, where a checkpoint or other processes need it.
        evaluate: what gets the vectors after each epoch, if this process does that.
        checkpoint: the file that this process writes, if any.
        agree: whether any process has a reason to stop.

    Raises:
        ValueError: the checkpoint belongs to another run.
        OSError: there is no place for it.
    """

    def __init__(self, options: FitOptions, model: str, config: RunConfig, corpus: Corpus) -> None:
        self._group = joined()
        first = self._group is None or self._group.first
        self.agree: Callable[[bool], bool] = bool if self._group is None else self._group.any
        self.evaluate = options.evaluate if first else None
        self.checkpoint = options.checkpoint if first else None
        if self.checkpoint is not None:
            check_place(self.checkpoint)
        self._display = display_for(options.progress) if first else None
        self._listeners = [
            *([] if self._display is None else [self._display]),
            *(options.callbacks if first else ()),
        ]
        marked = options.checkpoint is not None or self._group is not None
        self.fingerprint = corpus_fingerprint(corpus) if marked else ""
        self.saved: Checkpoint | None = None
        if options.checkpoint is not None and options.resume and Path(options.checkpoint).exists():
            self.saved = Checkpoint(options.checkpoint, model)
            self.saved.check(config, self.fingerprint)

    def shared(self, engine: Engine, config: RunConfig, state: RunState) -> Engine:
        """The engine, or one that shares its work with those of the other processes.

        Args:
            engine: of this process.
            config: of the run, which has to be that of all.
            state: to begin with, likewise.

        Returns:
            What trains.

        Raises:
            ValueError: the processes have different runs.
        """
        if self._group is None:
            return engine
        same = {"config": config.to_dict(), "corpus": self.fingerprint, "state": asdict(state)}
        return SharedEngine.of(engine, self._group, same)

    def report(self, now: Progress) -> bool:
        """Tells everybody who listens; whether one of them wants the run to end."""
        answers = [listener(now) for listener in self._listeners]
        return any(answer is True for answer in answers)

    def close(self) -> None:
        """Ends what shows the progress."""
        close: Any = getattr(self._display, "close", None)
        if close is not None:
            close()
