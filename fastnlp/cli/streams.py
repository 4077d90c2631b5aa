"""Standard streams that were closed before the process began, as `fastnlp ... >&-` does."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["open_standard_streams"]


class _Closed(io.TextIOBase):
    """Stands where Python leaves None: using it is an error that says what is closed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _refuse(self, *_: Any) -> NoReturn:
        raise OSError(errno.EBADF, "the standard stream is closed", self.name)

    read = readline = write = fileno = _refuse


def open_standard_streams() -> None:
    """Puts something in the place of each stream that is closed; messages then go nowhere."""
    if sys.stdin is None:
        sys.stdin = _Closed("<stdin>")
    if sys.stdout is None:
        sys.stdout = _Closed("<stdout>")
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (for as long as the process lasts)
