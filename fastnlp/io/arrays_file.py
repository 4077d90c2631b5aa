"""safetensors files of named arrays: 8 bytes with the length of a header, the header in JSON, the arrays."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.atomic import atomic_write
from fastnlp.io.vector_table import refuse_file

__all__ = ["LENGTH", "LONGEST_HEADER", "NAMES", "map_arrays", "write_arrays"]

LENGTH = struct.Struct("<Q")
LONGEST_HEADER = 100_000_000  # the bound that the format itself sets
NAMES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I8": np.int8,
    "U8": np.uint8,
}
_BLOCK = 4 << 20


def write_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Writes named arrays, whole or not at all.

    Args:
        path: the file to create or replace.
        arrays: of the types that `NAMES` lists.
        metadata: texts for the header.

    Raises:
        OSError: writing failed; an old file is untouched.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "a.safetensors"
        >>> write_arrays(target, {"x": np.arange(3)}, {"format": "pt"})
        >>> map_arrays(target)["x"].tolist()
        [0, 1, 2]
    """
    kinds = {np.dtype(kind): name for name, kind in NAMES.items()}
    # The widest first, so that each array is aligned to its numbers.
    ordered = dict(sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, array in ordered.items():
        start, end = end, end + array.nbytes
        header[name] = {"dtype": kinds[array.dtype], "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    with atomic_write(path) as file:
        file.write(LENGTH.pack(len(text)) + text)
        for array in ordered.values():
            flat = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1)
            step = max(1, _BLOCK // flat.itemsize)
            for start in range(0, len(flat), step):
                file.write(flat[start : start + step])


def map_arrays(path: str | os.PathLike[str], *, bfloat16: bool = False) -> dict[str, NDArray[Any]]:
    """Every array of a file, mapped, with its place compared with the size of the file first.

    Args:
        path: the file.
        bfloat16: read arrays of that type too, as float32 that is no longer mapped; else they are left out,
            like others of types that NumPy lacks.

    Returns:
        Arrays by name.

    Raises:
        ValueError: the file is damaged; the message names file and place.
        OSError: the file cannot be opened.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        start = file.read(LENGTH.size)
        (length,) = LENGTH.unpack(start.ljust(LENGTH.size, b"\0"))
        if size < LENGTH.size or length > min(LONGEST_HEADER, size - LENGTH.size):
            refuse_file(path, f"byte 0: a header of {length} bytes does not fit in the {size} of the file")
        text = file.read(length)
    try:
        header = json.loads(text)
        header.pop("__metadata__", None)
        places = {
            name: (entry["dtype"], entry["shape"], entry["data_offsets"]) for name, entry in header.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        refuse_file(path, f"byte {LENGTH.size}: damaged header ({type(error).__name__}: {error})")
    data = LENGTH.size + length
    found: dict[str, NDArray[Any]] = {}
    for name, (kind, shape, ends) in places.items():
        numbers = [*shape, *ends] if isinstance(shape, list) and isinstance(ends, list) else [None]
        widened = bfloat16 and kind == "BF16"
        if kind not in NAMES and not widened:
            continue  # an array of another kind is none of ours
        if len(numbers) != len(shape) + 2 or not all(type(n) is int and 0 <= n < 1 << 48 for n in numbers):
            refuse_file(path, f"{name}: expected a shape and two offsets, got {shape!r} and {ends!r}")
        dtype = np.dtype(np.uint16 if widened else NAMES[kind]).newbyteorder("<")
        begin, end = ends
        count = 1
        for n in shape:
            count *= n
        if end < begin or data + end > size or end - begin != count * dtype.itemsize:
            refuse_file(
                path,
                f"{name}: {kind} {shape} from byte {begin} to {end} is not in the {size - data} of data",
            )
        if count == 0:
            found[name] = np.empty(shape, np.float32 if widened else dtype)
            continue
        content = np.memmap(path, np.uint8, "r", data + begin, (end - begin,)).view(np.ndarray)
        if content.ctypes.data % dtype.itemsize:
            content = content.copy()  # written by somebody who does not align
        array = content.view(dtype).reshape(shape)
        found[name] = (array.astype(np.uint32) << 16).view(np.float32) if widened else array
    return found
