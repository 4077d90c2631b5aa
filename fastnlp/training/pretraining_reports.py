"""What a pretraining run reports, and where reports are kept."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fastnlp.io.atomic import atomic_write, named_where_full
from fastnlp.training.progress import Progress

__all__ = ["PretrainingProgress", "PretrainingTable"]


@dataclass(frozen=True)
class PretrainingProgress(Progress):
    """The state of a pretraining run; `words` are real tokens, `loss` is smoothed over the last reports.

    Attributes:
        step: updates done. steps: updates in all. mlm_loss: of the updates since the last report, in nats a
            masked word. nsp_loss: in nats a pair; NaN without pairs. mlm_accuracy, nsp_accuracy: the part
            that was right. sequences_per_second: of this call of `fit`. gradient_norm: of the last update,
            before clipping. mfu: the part of the device's operations that were used; NaN where its peak is
            unknown.
        validation_mlm_loss: after this update, in evaluation mode, likewise the others; NaN where the update
            was not one to validate after.
    """

    step: int = 0
    steps: int = 0
    mlm_loss: float = math.nan
    nsp_loss: float = math.nan
    mlm_accuracy: float = math.nan
    nsp_accuracy: float = math.nan
    sequences_per_second: float = math.nan
    gradient_norm: float = math.nan
    mfu: float = math.nan
    validation_mlm_loss: float = math.nan
    validation_nsp_loss: float = math.nan
    validation_mlm_accuracy: float = math.nan
    validation_nsp_accuracy: float = math.nan

    def __str__(self) -> str:
        parts = [
            f"{self.fraction:6.1%}  step {self.step:,}/{self.steps:,}",
            f"mlm {self.mlm_loss:.3f} ({self.mlm_accuracy:.0%})",
            "" if math.isnan(self.nsp_loss) else f"nsp {self.nsp_loss:.3f} ({self.nsp_accuracy:.0%})",
            f"{self.words_per_second:,.0f} tokens/s",
            "" if math.isnan(self.mfu) else f"MFU {self.mfu:.0%}",
            f"lr {self.lr:.2e}",
            f"{round(self.remaining / 60)} min left"
            if self.remaining > 90
            else f"{self.remaining:.0f} s left",
        ]
        return "  ".join(part for part in parts if part)


_COLUMNS = [field.name for field in fields(PretrainingProgress)]
_KINDS: Mapping[str, Callable[[str], Any]] = {
    field.name: {"int": int, "float": float, "str": str}[str(field.type)]
    for field in fields(PretrainingProgress)
}


class PretrainingTable:
    """The reports of a run as a CSV file, a row each.

    Args:
        path: the file to create or replace.
        until: go on with the rows of the file up to this update; 0 begins anew.

    Raises:
        OSError: the file cannot be written.
        ValueError: the file to go on with is no such table.
    """

    def __init__(self, path: str | os.PathLike[str], until: int = 0) -> None:
        self.path = Path(path)
        past = [row for row in self.load(path) if row.step <= until] if until and self.path.exists() else []
        with atomic_write(self.path, "w", encoding="utf-8", newline="") as file:
            file.write(",".join(_COLUMNS) + "\n" + "".join(map(_line, past)))

    def __call__(self, progress: PretrainingProgress) -> None:
        """Adds a row."""
        with named_where_full(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(_line(progress))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> list[PretrainingProgress]:
        """Reads the rows; a last one that a killed process left unfinished is dropped.

        Args:
            path: the file.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a row is none; the message names the file and the line.
        """
        lines = Path(path).read_text(encoding="utf-8").split("\n")
        rows: list[PretrainingProgress] = []
        for number, row in enumerate(csv.reader(lines), 1):
            try:
                if number == 1:
                    if row != _COLUMNS:
                        raise ValueError(f"the columns {', '.join(_COLUMNS[:4])}, ...")
                elif row:
                    named = zip(_COLUMNS, row, strict=True)
                    rows.append(PretrainingProgress(**{name: _KINDS[name](text) for name, text in named}))
            except ValueError as error:
                if number == len(lines):
                    break
                raise ValueError(
                    f"{os.fspath(path)}: line {number}: expected a report of pretraining, "
                    f"got {row[:3]} ({error})"
                ) from error
        return rows


def _line(progress: PretrainingProgress) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_repr(getattr(progress, name)) for name in _COLUMNS])
    return out.getvalue()


def _repr(value: object) -> str:
    """A number so that it reads back with the same bits."""
    return repr(value) if isinstance(value, float) else str(value)
