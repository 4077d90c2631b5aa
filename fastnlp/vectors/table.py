"""A table of vectors with a word for each row."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.io.checks import float_array, several, whole_number
from fastnlp.io.stored_rows import StoredRows

__all__ = ["Key", "Query", "Unknown", "WordTable", "threads_to_use"]

Key: TypeAlias = str | int
Query: TypeAlias = str | int | NDArray[np.floating[Any]]
Unknown: TypeAlias = Literal["error", "zeros", "mean"] | Callable[[str], Any]

# Rows outside of these lengths count as having no direction: their float32 cosines would overflow or vanish.
_SHORTEST, _LONGEST = 1e-30, 1e30


def threads_to_use(threads: int | None) -> int:
    """The number of threads asked for, or without one the number of CPUs this process may use."""
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return whole_number("threads", threads, least=1)


class WordTable:
    """Words, their vectors and the lengths of these: the part of `WordVectors` that looks things up."""

    def __init__(
        self,
        tokens: Iterable[str],
        vectors: NDArray[np.float32],
        counts: Sequence[int] | NDArray[np.integer[Any]] | None = None,
        *,
        unknown: Unknown = "error",
        index: Mapping[str, int] | None = None,
    ) -> None:
        self._keep(vectors)
        shape = self._shape()
        if index is not None:
            self.index_to_key: list[str] = cast("list[str]", tokens)
            self.key_to_index: dict[str, int] = cast("dict[str, int]", index)
        else:
            self.index_to_key = list(tokens)
            for token in self.index_to_key:
                if not isinstance(token, str):
                    raise TypeError(f"tokens: expected str, got {token!r}")
            self.key_to_index = {token: row for row, token in enumerate(self.index_to_key)}
        if len(shape) != 2 or shape[0] != len(self.index_to_key) or shape[1] < 1:
            raise ValueError(
                f"vectors: expected shape ({len(self.index_to_key)}, D), one row a token, got {shape}"
            )
        if len(self.key_to_index) < len(self.index_to_key):
            raise ValueError(f"tokens: expected different words, got {self._repeated()!r} more than once")
        if counts is not None and len(counts) != len(self.index_to_key):
            raise ValueError(f"counts: expected {len(self.index_to_key)}, one a token, got {len(counts)}")
        self.expandos: dict[str, NDArray[Any]] = {}
        if counts is not None:
            self.expandos["count"] = np.asarray(counts, np.int64)
        self._norms: NDArray[np.float32] | None = None
        self._inverse_norms: NDArray[np.float32] = np.empty(0, np.float32)
        self._mean: NDArray[np.float32] | None = None
        self.unknown = unknown

    def _keep(self, vectors: NDArray[np.float32]) -> None:
        """Takes the vectors; a class with another storage does it in another way."""
        if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32:
            got = getattr(vectors, "dtype", type(vectors).__name__)
            raise TypeError(
                f"vectors: expected a float32 array, got {got}; convert with np.asarray(x, np.float32)"
            )
        self.vectors = vectors

    def _shape(self) -> tuple[int, ...]:
        return self.vectors.shape

    def _stored(self) -> StoredRows:
        """The rows as they are stored."""
        return StoredRows(self.vectors)

    def _take(self, rows: NDArray[np.integer[Any]] | list[int]) -> NDArray[np.float32]:
        """(N, D) float32 copies of rows."""
        taken: NDArray[np.float32] = self.vectors[rows]
        return taken

    @property
    def unknown(self) -> Unknown:
        """What stands for the vector of an unknown word: "error", "zeros", "mean", or a function of it."""
        return self._unknown

    @unknown.setter
    def unknown(self, policy: Unknown) -> None:
        if policy not in ("error", "zeros", "mean") and not callable(policy):
            raise ValueError(
                f"unknown: expected 'error', 'zeros', 'mean' or a function of the word, got {policy!r}"
            )
        self._unknown = policy

    def _repeated(self) -> str:
        seen: set[str] = set()
        for token in self.index_to_key:
            if token in seen:
                return token
            seen.add(token)
        raise AssertionError("called without a repeated token")

    @property
    def vector_size(self) -> int:
        """D, the number of dimensions."""
        return int(self._shape()[1])

    @property
    def norms(self) -> NDArray[np.float32]:
        """(V,) float32 Euclidean lengths of the rows; None may be assigned, and forgets them."""
        self.fill_norms()
        assert self._norms is not None
        return self._norms

    @norms.setter
    def norms(self, norms: None) -> None:
        if norms is not None:
            raise TypeError(f"norms: expected None, which forgets them, got {type(norms).__name__}")
        self._forget()

    @property
    def _counts(self) -> NDArray[np.int64] | None:
        return self.expandos.get("count")

    def _forget(self) -> None:
        """Drops what was computed from the vectors, which have changed."""
        self._norms = None
        self._mean = None

    def fill_norms(self, force: bool = False) -> None:
        """Computes the row lengths, again if `force` (after `vectors` was changed in place)."""
        if force or (self._norms is not None and len(self._norms) != len(self)):
            self._forget()
        if self._norms is None:
            stored = self._stored()
            norms = _core.row_norms(stored.numbers, stored.scales, threads_to_use(None))
            usable = (norms > _SHORTEST) & (norms < _LONGEST)
            self._inverse_norms = np.divide(1, norms, out=np.zeros_like(norms), where=usable)
            self._norms = norms

    def _blocks(self, start: int, stop: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Rows [start, stop) as float32, (first row, block) in order."""
        if start < stop:
            yield start, self.vectors[start:stop]

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, key: object) -> bool:
        return key in self.key_to_index or (isinstance(key, int | np.integer) and 0 <= int(key) < len(self))

    def has_index_for(self, key: Key) -> bool:
        """Whether a word has a row; `in` may also be true of words that a subclass has a vector for."""
        return self.get_index(key, -1) >= 0

    def __getitem__(self, key_or_keys: Key | Sequence[Key]) -> NDArray[np.float32]:
        """The vector of a word, or the (N, D) vectors of N words."""
        if isinstance(key_or_keys, str | int | np.integer):
            return self.get_vector(key_or_keys)
        if self._unknown == "error":
            return self._take([self.get_index(key) for key in several("key", key_or_keys)])
        return np.stack([self.get_vector(key) for key in several("key", key_or_keys)])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} words, {self.vector_size} dimensions)"

    def get_index(self, key: Key, default: int | None = None) -> int:
        """The row of a word; a row number stands for itself.

        Args:
            key: a word or a row in [0, V).
            default: returned for an unknown word instead of an error.

        Returns:
            The row.

        Raises:
            KeyError: the word is unknown and there is no default.
            TypeError: the key is neither a str nor a whole number.
        """
        try:
            row = self.key_to_index.get(key) if isinstance(key, str) else operator.index(key)
        except TypeError:
            raise TypeError(f"key: expected a word or a row, got {type(key).__name__} {key!r}") from None
        if row is not None and 0 <= row < len(self):
            return row
        if default is not None:
            return default
        if not isinstance(key, str):
            raise KeyError(f"row {key} is not in [0, {len(self)})")
        others = [word for word in (key.lower(), key.capitalize(), key.upper()) if word in self.key_to_index]
        raise KeyError(
            f"the word {key!r} is not among the {len(self):,} words"
            + (f"; {others[0]!r} is" if others else "")
        )

    def get_vector(self, key: Key, norm: bool = False) -> NDArray[np.float32]:
        """The vector of a word.

        Args:
            key: a word or a row.
            norm: scaled to length 1 (a row without a direction gives zeros).

        Returns:
            (D,) float32, not writeable. That of an unknown word is what `unknown` says.

        Raises:
            KeyError: the word is unknown, and `unknown` is "error".
        """
        if self._unknown != "error" and isinstance(key, str) and key not in self.key_to_index:
            vector = self._vector_of_unknown(key, norm)
        else:
            row = self.get_index(key)
            vector = self.unit_vectors(np.array([row]))[0] if norm else self._vector_at(row)
        vector.flags.writeable = False
        return vector

    def _vector_at(self, row: int) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self.vectors[row]
        return vector

    def _vector_of_unknown(self, word: str, norm: bool) -> NDArray[np.float32]:
        if callable(self._unknown):
            vector = np.array(self._unknown(word), np.float32)
            if vector.shape != (self.vector_size,) or not np.isfinite(vector).all():
                raise ValueError(
                    f"unknown: expected {self.vector_size} finite numbers for {word!r}, got others"
                )
        elif self._unknown == "mean":
            vector = self._mean_of_all().copy()
        else:
            return np.zeros(self.vector_size, np.float32)
        length = float(np.linalg.norm(vector))
        return vector / np.float32(length) if norm and length else vector

    def _mean_of_all(self) -> NDArray[np.float32]:
        """(D,) float32, computed once."""
        if self._mean is None:
            total = np.zeros(self.vector_size)
            for _, block in self._blocks(0, len(self)):
                total += block.sum(axis=0, dtype=np.float64)
            self._mean = (total / max(1, len(self))).astype(np.float32)
        return self._mean

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """An attribute of a word: "count" where the occurrences are known, and what `set_vecattr` has set.

        Args:
            key: a word or a row.
            attr: the attribute's name.

        Returns:
            Its value.

        Raises:
            KeyError: the word or the attribute is unknown (many files of vectors have no counts).
        """
        if attr not in self.expandos:
            raise KeyError(f"attr: {attr!r} is not known for these vectors")
        value = self.expandos[attr][self.get_index(key)]
        return value.item() if isinstance(value, np.generic) else value

    def unit_vectors(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Rows scaled to length 1; a row without a direction gives zeros.

        Args:
            rows: (N,) integers in [0, V).

        Returns:
            (N, D) float32.

        Raises:
            IndexError: a row does not exist.
        """
        self.fill_norms()
        vectors, scale = self._take(rows), self._inverse_norms[rows][:, None]
        units: NDArray[np.float32] = np.multiply(vectors, scale, out=np.zeros_like(vectors), where=scale != 0)
        return units

    def get_normed_vectors(self) -> NDArray[np.float32]:
        """(V, D) float32, all rows scaled to length 1; a row without a direction gives zeros."""
        return self.unit_vectors(np.arange(len(self)))

    def get_mean_vector(
        self,
        keys: Iterable[Query] | NDArray[np.floating[Any]],
        weights: Sequence[float] | NDArray[np.floating[Any]] | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> NDArray[np.float32]:
        """The weighted mean of vectors, sum(w_i v_i) / sum(|w_i|).

        Args:
            keys: words, rows or (D,) vectors, at least one.
            weights: one number a key; 1 without.
            pre_normalize: scale the vectors of words and rows to length 1 first.
            post_normalize: scale the mean to length 1.
            ignore_missing: leave unknown words out; if all are, the mean is zeros.

        Returns:
            (D,) float32.

        Raises:
            KeyError: a word is unknown and `ignore_missing` false.
            ValueError: there is no key, or not one weight for each.
            TypeError: `keys` is one word instead of several, or a weight no number.
        """
        keys = several("keys", keys)
        weights = np.ones(len(keys)) if weights is None else float_array("weights", weights)
        if len(keys) == 0 or len(keys) != len(weights):
            raise ValueError(
                f"keys: expected one or more, each with a weight, got {len(keys)} and {len(weights)}"
            )
        if not np.isfinite(weights).all():
            raise ValueError("weights: expected finite numbers, got NaN or infinity")
        mean = np.zeros(self.vector_size)
        total = 0.0
        for key, weight in zip(keys, weights, strict=True):
            if ignore_missing and not isinstance(key, np.ndarray) and key not in self:
                continue
            mean += float(weight) * self._vector_of(key, pre_normalize)
            total += abs(float(weight))
        length = float(np.linalg.norm(mean)) if post_normalize else total
        return (mean / length if length else mean).astype(np.float32)

    def _vector_of(self, query: Query, norm: bool) -> NDArray[np.floating[Any]]:
        if not isinstance(query, np.ndarray):
            return self.get_vector(query, norm)
        if query.dtype.kind not in "fiub":
            raise TypeError(f"vector: expected numbers, got {query.dtype}")
        if query.shape != (self.vector_size,):
            raise ValueError(f"vector: expected shape ({self.vector_size},), got {query.shape}")
        return query

    def _cosines(self, vector: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """(V,) float32 cosines with one vector."""
        self.fill_norms()
        length = float(np.linalg.norm(vector))
        unit = (vector / length if length else np.zeros_like(vector)).astype(np.float32)
        cosines = np.empty(len(self), np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            for first, block in self._blocks(0, len(self)):
                cosines[first : first + len(block)] = block @ unit
            cosines *= self._inverse_norms
        cosines[self._inverse_norms == 0] = 0
        return cosines
