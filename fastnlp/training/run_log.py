"""The reports of a run, kept in memory or as a file of one JSON object a line."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Self

from fastnlp.io.atomic import named_where_full
from fastnlp.training.progress import Progress

__all__ = ["RunLog"]


class RunLog:
    """Keeps what a run reports, for curves that are finer than one point an epoch.

    Give it to `fit(callbacks=[log])`; `fastnlp.plots.plot_run` draws it, and `fastnlp train --log FILE`
    writes one. Of the reports that come about every 0.1 s it keeps one every `every` seconds, and the last.

    Args:
        path: a file that gets each report as a line of JSON, at once; None keeps them in memory alone.
        every: seconds between reports that are kept; 0 keeps all.
        append: go on with the reports in the file, as for a run that resumes.

    Attributes:
        reports: the `Progress` kept, in order.

    Raises:
        OSError: the file cannot be written.
        ValueError: `every` is negative, or the file to go on with is damaged.

    Example:
        >>> from fastnlp import Corpus, Word2Vec
        >>> log = RunLog(every=0)
        >>> corpus = Corpus.from_text(["the cat sat", "the dog sat"] * 20, min_count=1)
        >>> _ = Word2Vec(dim=4, epochs=2, subsample=0).fit(corpus, callbacks=[log])
        >>> log.reports[-1].fraction
        1.0
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, every: float = 0.5, append: bool = False
    ) -> None:
        if not every >= 0:
            raise ValueError(f"every: expected seconds >= 0, got {every}")
        self.path = None if path is None else Path(path)
        self.every = every
        self.reports: list[Progress] = []
        if self.path is not None:
            if append and self.path.exists():
                self.reports = self.load(self.path).reports
            else:
                self.path.write_text("", encoding="utf-8")

    def __call__(self, progress: Progress) -> None:
        """Keeps a report, if it is due."""
        past = self.reports[-1].elapsed if self.reports else -math.inf
        # A run that resumes counts its seconds from 0 again.
        if progress.fraction < 1 and 0 <= progress.elapsed - past < self.every:
            return
        self.reports.append(progress)
        if self.path is not None:
            known = {name: None if value != value else value for name, value in asdict(progress).items()}
            with named_where_full(self.path), self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(known) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads what a log wrote; a last line that a killed process left unfinished is dropped.

        Args:
            path: the file.

        Returns:
            The log, which writes nothing further.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a line is no report; the message names the file and the line.
        """
        log = cls()
        lines = Path(path).read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                log.reports.append(_report(json.loads(line)))
            except (ValueError, TypeError) as error:
                if number == len(lines):
                    break
                raise ValueError(
                    f"{os.fspath(path)}: line {number}: expected a report of a run as JSON, "
                    f"got {line[:60]!r} ({error})"
                ) from error
        return log


_KINDS = {field.name: {"int": int, "float": float, "str": str}[str(field.type)] for field in fields(Progress)}


def _report(values: object) -> Progress:
    if not isinstance(values, dict) or set(values) != set(_KINDS):
        raise ValueError(f"not an object of {', '.join(_KINDS)}")
    return Progress(
        **{name: kind(math.nan if values[name] is None else values[name]) for name, kind in _KINDS.items()}
    )
