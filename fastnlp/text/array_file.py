"""Arrays that grow on the disk: .npy files written piece by piece and mapped into memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 128  # a multiple of 64, as the .npy format asks, with room for any length


def _header(dtype: np.dtype[Any], length: int) -> bytes:
    fields = f"{{'descr': '{dtype.newbyteorder('<').str}', 'fortran_order': False, 'shape': ({length},), }}"
    magic = b"\x93NUMPY\x01\x00" + (HEADER_BYTES - 10).to_bytes(2, "little")
    return magic + fields.encode().ljust(HEADER_BYTES - 11) + b"\n"


def write_header(path: Path, dtype: type[np.generic], length: int) -> None:
    """Puts the .npy header in front of values that somebody else has written from `HEADER_BYTES` on.

    Args:
        path: the file.
        dtype: what it holds.
        length: how many values it holds.
    """
    with path.open("r+b", buffering=0) as file:
        file.write(_header(np.dtype(dtype), length))


class ArrayWriter:
    """Writes a one-dimensional .npy file piece by piece; its length need not be known before.

    Args:
        path: the file to create.
        dtype: int32 or int64.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "numbers.npy"
        >>> with ArrayWriter(path, np.int32) as writer:
        ...     writer.write(np.arange(3, dtype=np.int32))
        >>> np.load(path)
        array([0, 1, 2], dtype=int32)
    """

    def __init__(self, path: Path, dtype: type[np.int32] | type[np.int64]) -> None:
        self.length = 0
        self._dtype = np.dtype(dtype)
        self._file = path.open("xb", buffering=0)
        self._put(memoryview(_header(self._dtype, 0)))

    def _put(self, data: memoryview) -> None:
        while data:  # an unbuffered write may take a part, and says how much
            data = data[self._file.write(data) :]

    def write(self, values: NDArray[Any]) -> None:
        """Appends values.

        Args:
            values: (N,) of the writer's dtype.
        """
        if values.dtype != self._dtype:
            raise TypeError(f"values: expected {self._dtype}, got {values.dtype}")
        self._put(memoryview(np.ascontiguousarray(values).view(np.uint8).data))
        self.length += len(values)

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._put(memoryview(_header(self._dtype, self.length)))


def map_array(path: Path, dtype: type[np.generic], length: int, part_of: str = "corpus") -> NDArray[Any]:
    """Maps a file of `ArrayWriter` or `write_header` into memory, read-only.

    Args:
        path: the file.
        dtype: what it holds.
        length: how many values it holds.
        part_of: what a wrong file damages, for the error.

    Returns:
        (length,) array over the file.

    Raises:
        ValueError: the file is missing, cut short, or holds something else; the message says which.
    """
    expected = HEADER_BYTES + length * np.dtype(dtype).itemsize
    if not path.is_file():
        raise ValueError(f"{path}: damaged {part_of}: the file is missing")
    size = path.stat().st_size
    if size != expected:
        raise ValueError(
            f"{path}: damaged {part_of}: expected {expected} bytes for {length} values, got {size}"
        )
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if header != _header(np.dtype(dtype), length):
        raise ValueError(
            f"{path}: damaged {part_of}: the first {HEADER_BYTES} bytes are not the header of the file"
        )
    if length == 0:
        return np.zeros(0, dtype)
    mapped = np.memmap(path, np.dtype(dtype).newbyteorder("<"), "r", HEADER_BYTES, (length,))
    return mapped.view(np.ndarray)
