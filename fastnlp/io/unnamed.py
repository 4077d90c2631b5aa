"""Arrays in files without a name, for what is too large for memory."""

from __future__ import annotations

import math
import os
import tempfile
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastnlp.io.atomic import named_where_full

_BLOCK = 1 << 20


def unnamed_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of zeros in a file of the temporary folder (of `TMPDIR`) that vanishes with it.

    The file takes its room on the disk at once: a mapping that finds none later kills the process.

    Args:
        shape: with at least one number.
        dtype: of the numbers.

    Returns:
        The array.

    Raises:
        OSError: the disk is full; the message names the folder.

    Example:
        >>> unnamed_array((2, 3), np.int64).tolist()
        [[0, 0, 0], [0, 0, 0]]
    """
    with named_where_full(tempfile.gettempdir()), tempfile.TemporaryFile() as file:
        _take_room(file, math.prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "r+", shape=shape)


def _take_room(file: IO[bytes], size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    zeros = bytes(_BLOCK)
    for start in range(0, size, _BLOCK):
        file.write(zeros[: size - start])
    file.flush()
