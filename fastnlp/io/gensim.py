"""What gensim has saved (`KeyedVectors.save`, `Word2Vec.save`), read without gensim and without unpickling.

gensim's own format is a Python pickle, which may run any code when it is loaded. Here the pickle is read by a
machine that knows arrays, containers and records of gensim's classes, and calls nothing else: a file that
names anything more is refused.
"""

from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.checks import checked_source

__all__ = ["GensimVectors", "is_gensim", "read_gensim"]


class GensimVectors(NamedTuple):
    """What was saved.

    Attributes:
        words: V words, in the order of the rows.
        vectors: (V, D) float32.
        attributes: an array of V values for each attribute, "count" among them where it was known.
    """

    words: list[str]
    vectors: NDArray[np.float32]
    attributes: dict[str, NDArray[Any]]


class _Record:
    """An object of one of gensim's classes: its attributes and nothing that runs."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


class _DType:
    """The type of an array's numbers, as pickles spell it."""

    def __init__(self, spelled: str, *_: Any) -> None:
        if spelled.lstrip("<>|=")[:1] not in set("fiubO"):
            raise ValueError(f"an array of type {spelled!r}")
        self.dtype = np.dtype(spelled)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array whose numbers are yet to come."""

    values: NDArray[Any]

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_columns, data = state
        if dtype.dtype == object:
            self.values = np.empty(len(data), object)
            self.values[:] = data
        else:
            if isinstance(data, str):  # Python 2 wrote bytes so
                data = data.encode("latin-1")
            self.values = np.frombuffer(data, dtype.dtype)
        self.values = self.values.reshape(shape, order="F" if by_columns else "C")


def _from_buffer(data: Any, dtype: _DType, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.values = np.frombuffer(data, dtype.dtype).reshape(shape, order="F" if order == "F" else "C")
    return array


def _scalar(dtype: _DType, data: bytes | str) -> Any:
    raw = data.encode("latin-1") if isinstance(data, str) else data
    return np.frombuffer(raw, dtype.dtype)[0].item()


def _rebuilt(kind: type, *_: Any) -> Any:
    return kind()


def _encoded(text: str, encoding: str = "latin-1") -> bytes:
    return text.encode(encoding)


class _Reader(pickle._Unpickler):
    """A pickle machine for which the names below are all there are.

    It is the one written in Python: the compiled one allocates what a damaged file asks for.
    """

    KNOWN: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _DType,
        ("copyreg", "_reconstructor"): _rebuilt,
        ("builtins", "object"): _Record,
        ("builtins", "set"): set,
        ("builtins", "frozenset"): frozenset,
        ("builtins", "hash"): _Record,  # the setting of a function
        ("collections", "OrderedDict"): OrderedDict,
        ("collections", "defaultdict"): defaultdict,
        ("_codecs", "encode"): _encoded,
    }

    def _load_bytearray(self) -> None:
        # The original allocates the length that is announced before it reads.
        machine: Any = self
        machine.append(bytearray(machine.read(int.from_bytes(machine.read(8), "little"))))

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: _load_bytearray,
    }

    def find_class(self, module: str, name: str) -> Any:
        module = {"copy_reg": "copyreg", "__builtin__": "builtins"}.get(module, module)
        if module.startswith("numpy."):
            inner = {"_reconstruct": lambda *_: _Array(), "scalar": _scalar, "_frombuffer": _from_buffer}
            if name in inner:
                return inner[name]
        if module.split(".")[0] == "gensim" or module.startswith("numpy.random"):
            return _Record
        if (module, name) in self.KNOWN:
            return self.KNOWN[module, name]
        if (module, name) == ("builtins", "int"):
            return int
        if module == "numpy" and name in ("float16", "float32", "float64", "int32", "int64", "uint32"):
            return _Record  # the class itself, as the setting of a type
        raise ValueError(f"it names {module}.{name}, which is not of gensim's vectors")


def is_gensim(path: str | os.PathLike[str]) -> bool:
    """Whether a file starts as a Python pickle does, which gensim's own format is; a pipe is refused."""
    checked_source("path", path)
    with Path(path).open("rb") as file:
        start = file.read(2)
    return len(start) == 2 and start[0] == 0x80 and 2 <= start[1] <= pickle.HIGHEST_PROTOCOL


def read_gensim(path: str | os.PathLike[str], *, mapped: bool = False) -> GensimVectors:
    """Word vectors that gensim has saved by `KeyedVectors.save` or within a model by `Word2Vec.save`.

    Nothing in the file is run. Large arrays lie in files of their own beside it, `path` + ".vectors.npy".

    Args:
        path: the file.
        mapped: map the array of vectors into memory, read-only, where it has a file of its own.

    Returns:
        Words, vectors and attributes.

    Raises:
        ValueError: the file is damaged, or holds something else.
        OSError: a file cannot be opened.
    """
    name = os.fspath(path)

    def refuse(reason: object) -> NoReturn:
        raise ValueError(f"{name}: expected word vectors saved by gensim, found {reason}") from None

    try:
        # latin-1 is what Python 2's byte strings are numbers in.
        saved = _Reader(io.BytesIO(Path(path).read_bytes()), encoding="latin-1").load()
        if "wv" in getattr(saved, "__dict__", {}):
            saved, name = saved.wv, name + ".wv"
        if not isinstance(saved, _Record):
            refuse(f"a {type(saved).__name__}")
        fields = dict(saved.__dict__)
        for attribute in fields.get("__numpys", []):
            fields[attribute] = np.load(
                f"{name}.{attribute}.npy", mmap_mode="r" if mapped else None, allow_pickle=False
            )
        return _assembled(fields)
    except OSError:
        raise
    except Exception as error:  # there is no end to what a damaged pickle leads to
        refuse(error)


def _assembled(fields: dict[str, Any]) -> GensimVectors:
    """Words, vectors and attributes by the names of gensim 4, or of the versions before."""
    plain: dict[str, Any] = {
        name: value.values if isinstance(value, _Array) else value for name, value in fields.items()
    }
    vectors = plain["vectors"] if plain.get("vectors") is not None else plain["syn0"]
    words = plain["index_to_key"] if "index_to_key" in plain else plain["index2word"]
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError("keys that are not words")
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or len(vectors) != len(words):
        raise ValueError(f"{len(words)} words and vectors of shape {np.shape(vectors)}")
    attributes: dict[str, NDArray[Any]] = {}
    for name, values in plain.get("expandos", {}).items():
        array = values.values if isinstance(values, _Array) else np.asarray(values)
        if len(array) == len(words):
            attributes[name] = array.copy()
    if "vocab" in plain:
        entries = plain["vocab"]
        attributes["count"] = np.array([entries[word].count for word in words], np.int64)
    table = vectors if vectors.dtype == np.float32 else vectors.astype(np.float32)
    return GensimVectors(
        words, table if table.flags.c_contiguous else np.ascontiguousarray(table), attributes
    )
