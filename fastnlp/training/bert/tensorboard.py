"""The reports of pretraining, for TensorBoard."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable
from typing import Any

from fastnlp.training.pretraining_reports import PretrainingProgress

__all__ = ["tensorboard_writer"]


def tensorboard_writer(folder: str | os.PathLike[str]) -> Callable[[PretrainingProgress], None]:
    """A callback that writes reports for TensorBoard.

    Args:
        folder: of the run.

    Raises:
        ImportError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError("tensorboard: expected the package tensorboard, which is not installed") from error
    writer: Any = SummaryWriter(os.fspath(folder))

    names = [field.name for field in dataclasses.fields(PretrainingProgress)]

    def write(progress: PretrainingProgress) -> None:
        for name in names:
            value = getattr(progress, name)
            if isinstance(value, float) and math.isfinite(value) and name not in ("fraction", "remaining"):
                writer.add_scalar(name, value, progress.step)
        writer.flush()

    return write
