"""Word vectors that change: words added, vectors replaced, attributes set, rows sorted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp.io.checks import float_array, several
from fastnlp.io.word2vec import UnicodeErrors, read_word2vec
from fastnlp.vectors.files import Files
from fastnlp.vectors.table import Key

__all__ = ["Editing"]


class _Room:
    """Memory for rows to come. `used` is shared by shallow copies of a table, so two never take the same."""

    def __init__(self, rows: NDArray[np.float32], used: int) -> None:
        self.rows = rows
        self.used = used


class Editing(Files):
    """The part of `WordVectors` that changes them.

    An array that was given is written to where it lies, unless it is read-only: then it is copied first.
    Adding words makes a new array.
    """

    _room: _Room | None = None

    def add_vector(self, key: str, vector: ArrayLike) -> int:
        """Adds a word; one that is there keeps its vector.

        Args:
            key: the word.
            vector: (D,) numbers, stored as float32.

        Returns:
            The row of the word.

        Raises:
            TypeError: the word is not a str.
            ValueError: the vector has another shape.

        Example:
            >>> from fastnlp import WordVectors
            >>> vectors = WordVectors(["cat"], np.ones((1, 2), np.float32))
            >>> vectors.add_vector("dog", [2, 3]), vectors["dog"].tolist()
            (1, [2.0, 3.0])
        """
        self.add_vectors([key], float_array("vector", vector)[None])
        return self.key_to_index[key]

    def add_vectors(
        self,
        keys: str | Sequence[str],
        weights: ArrayLike,
        extras: Mapping[str, NDArray[Any]] | None = None,
        replace: bool = False,
    ) -> None:
        """Adds words with their vectors.

        Args:
            keys: N words, or one.
            weights: (N, D) numbers, or (D,) for one word; stored as float32.
            extras: attributes to set, an array of N values each.
            replace: give words that are there the new vectors and attributes; otherwise they keep theirs.

        Raises:
            TypeError: a word is not a str, or an attribute's values are of another type than those it has.
            ValueError: a shape is not as above.
        """
        words: list[str] = [keys] if isinstance(keys, str) else several("keys", keys)
        rows = float_array("weights", weights)
        if isinstance(keys, str) and rows.ndim == 1:
            rows = rows[None]
        if rows.shape != (len(words), self.vector_size):
            raise ValueError(
                f"weights: expected shape ({len(words)}, {self.vector_size}), one row a key, got {rows.shape}"
            )
        for key in words:
            check_word(key)
        extras = extras or {}
        for name, values in extras.items():
            if len(values) != len(words):
                raise ValueError(f"extras: expected {len(words)} values of {name!r}, got {len(values)}")
        self.allocate_vecattrs(list(extras), [np.asarray(values).dtype for values in extras.values()])
        self._own_words()
        known = len(self)
        fresh: dict[str, int] = {}
        for place, word in enumerate(words):
            if word not in self.key_to_index:
                fresh.setdefault(word, place)
        self._append(rows[list(fresh.values())])
        for word in fresh:
            self.key_to_index[word] = len(self.index_to_key)
            self.index_to_key.append(word)
        self.allocate_vecattrs()
        written = [
            place
            for place, word in enumerate(words)
            if replace or (self.key_to_index[word] >= known and fresh[word] == place)
        ]
        places = [self.key_to_index[words[place]] for place in written]
        if replace and places:
            self._writeable()[places] = rows[written]
        for name, values in extras.items():
            self.expandos[name][places] = np.asarray(values)[written]
        self._forget()

    def __setitem__(self, keys: str | Sequence[str], weights: ArrayLike) -> None:
        """Adds words, or replaces their vectors: `add_vectors` with `replace=True`."""
        self.add_vectors(keys, weights, replace=True)

    def _own_words(self) -> None:
        """Words that are looked up in a file or shared become a list and a dictionary."""
        words: object = self.index_to_key
        rows: object = self.key_to_index
        if not isinstance(words, list) or not isinstance(rows, dict):
            self.index_to_key = list(self.index_to_key)
            self.key_to_index = {word: row for row, word in enumerate(self.index_to_key)}

    def _writeable(self) -> NDArray[np.float32]:
        if not self.vectors.flags.writeable:
            self.vectors = self.vectors.copy()
        return self.vectors

    def _append(self, rows: NDArray[np.float32]) -> None:
        if not len(rows):
            return
        used, total = len(self.vectors), len(self.vectors) + len(rows)
        room = self._room
        # Half as many rows again, so that adding words one by one does not copy all each time.
        if room is None or self.vectors.base is not room.rows or room.used != used or total > len(room.rows):
            spare = used // 2 if room is not None else 0
            room = _Room(np.empty((total + spare, self.vector_size), np.float32), used)
            room.rows[:used] = self.vectors
            self._room = room
        room.rows[used:total] = rows
        room.used = total
        self.vectors = room.rows[:total]

    def allocate_vecattrs(
        self, attrs: Sequence[str] | None = None, types: Sequence[Any] | None = None
    ) -> None:
        """Makes room for attributes, a value a word: zeros where nothing is set yet.

        Args:
            attrs: their names; those that there are, without.
            types: a type or dtype for each; str is kept as objects.

        Raises:
            TypeError: an attribute has values of another type already.
        """
        if attrs is None or types is None:
            attrs, types = list(self.expandos), [values.dtype for values in self.expandos.values()]
        for name, kind in zip(attrs, types, strict=True):
            dtype = np.dtype(
                object if kind is str or kind is type(None) else np.int64 if kind is int else kind
            )
            values = self.expandos.get(name)
            if values is None:
                values = np.zeros(0, dtype)
            elif not np.issubdtype(dtype, values.dtype):
                raise TypeError(f"{name}: expected values of type {values.dtype}, got {dtype}")
            if len(values) != len(self) or name not in self.expandos:
                longer = np.zeros(len(self), values.dtype)
                longer[: len(values)] = values[: len(self)]
                self.expandos[name] = longer

    def set_vecattr(self, key: Key, attr: str, val: Any) -> None:
        """Sets an attribute of a word; other words have 0 until theirs is set.

        Args:
            key: a word or a row.
            attr: the attribute's name.
            val: its value. The first sets the type of all.

        Raises:
            KeyError: the word is unknown.
            TypeError: the attribute has values of another type.
        """
        row = self.get_index(key)
        self.allocate_vecattrs([attr], [type(val)])
        if not self.expandos[attr].flags.writeable:
            self.expandos[attr] = self.expandos[attr].copy()
        self.expandos[attr][row] = val

    def sort_by_descending_frequency(self) -> None:
        """Puts the most frequent words first, equal ones as they stand.

        Raises:
            KeyError: the counts are not known.
        """
        if not len(self):
            return
        if "count" not in self.expandos:
            raise KeyError("count: the words have no counts to be sorted by")
        order = np.argsort(-np.asarray(self.expandos["count"], np.int64), kind="stable")
        words = self.index_to_key
        self.index_to_key = [words[row] for row in order.tolist()]
        self.key_to_index = {word: row for row, word in enumerate(self.index_to_key)}
        self.allocate_vecattrs()
        self.expandos = {name: values[order] for name, values in self.expandos.items()}
        self.vectors = self.vectors[order]
        self._forget()

    def unit_normalize_all(self) -> None:
        """Scales all vectors to length 1; those without a direction become zeros."""
        vectors = self._writeable()
        self.fill_norms()
        with np.errstate(invalid="ignore", over="ignore"):
            vectors *= self._inverse_norms[:, None]
        vectors[self._inverse_norms == 0] = 0
        self._forget()

    def resize_vectors(self, seed: int = 0) -> None:
        """Gives words that were put at the end of `index_to_key` random vectors, uniform in (-1, 1) / D.

        Args:
            seed: of the random numbers.
        """
        kept = self.vectors[: len(self)]
        drawn = np.random.default_rng(seed).random((len(self) - len(kept), self.vector_size), np.float32)
        self.vectors = np.vstack([kept, (drawn * 2 - 1) / np.float32(self.vector_size)])
        self.allocate_vecattrs()
        self._forget()

    def vectors_for_all(
        self, keys: Iterable[str], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> Self:
        """The vectors of chosen words as a table of their own, in the order of the words.

        Args:
            keys: the words, each once; unknown ones are left out.
            allow_inference: also take words whose vector is made of their n-grams.
            copy_vecattrs: keep the attributes; 0 for words without a row.

        Returns:
            The vectors, copied.

        Example:
            >>> from fastnlp import WordVectors
            >>> vectors = WordVectors(["a", "b", "c"], np.eye(3, dtype=np.float32))
            >>> vectors.vectors_for_all(["c", "sea", "a"]).index_to_key
            ['c', 'a']
        """
        known: Any = self if allow_inference else self.key_to_index
        words = [word for word in dict.fromkeys(several("keys", keys)) if word in known]
        chosen = self._of_words(words, self[words] if words else np.empty((0, self.vector_size), np.float32))
        if copy_vecattrs:
            rows = np.array([self.get_index(word, -1) for word in words], np.int64)
            for name, values in self.expandos.items():
                chosen.expandos[name] = np.where(rows >= 0, values[rows], np.zeros(1, values.dtype))
        return chosen

    def _of_words(self, words: list[str], vectors: NDArray[np.float32]) -> Self:
        return cast(Self, Files._classes["float32"](words, vectors))

    def intersect_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        lockf: float = 0.0,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: UnicodeErrors = "strict",
    ) -> int:
        """Replaces the vectors of words that are in a file too; other words of the file are passed over.

        Args:
            fname: a file in word2vec's text or binary format, of the same dimensions.
            lockf: kept for the words replaced in `vectors_lockf`, (V,) float32, 1 for the others, for whoever
                trains them on; no trainer here reads it.
            binary: the binary format.
            encoding: "utf8".
            unicode_errors: as in `load`.

        Returns:
            How many were replaced.

        Raises:
            ValueError: the file is damaged or has other dimensions.
            OSError: the file cannot be opened.
        """
        check_encoding(encoding)
        words, vectors = read_word2vec(fname, binary=binary, unicode_errors=unicode_errors)
        if vectors.shape[1] != self.vector_size:
            raise ValueError(
                f"{os.fspath(fname)}: expected {self.vector_size} dimensions, got {vectors.shape[1]}"
            )
        pairs = [(place, self.key_to_index.get(word, -1)) for place, word in enumerate(words)]
        shared = [(place, row) for place, row in pairs if row >= 0]
        if shared:
            places, rows = map(list, zip(*shared, strict=True))
            self._writeable()[rows] = vectors[places]
            if getattr(self, "vectors_lockf", None) is None or len(self.vectors_lockf) != len(self):
                self.vectors_lockf: NDArray[np.float32] = np.ones(len(self), np.float32)
            self.vectors_lockf[rows] = lockf
        self._forget()
        return len(shared)


def check_word(key: object) -> None:
    """Refuses keys that are not words."""
    if not isinstance(key, str):
        raise TypeError(f"keys: expected str, got {key!r}")


def check_encoding(encoding: str) -> None:
    """Refuses encodings that files of vectors are not read in."""
    if encoding.lower().replace("-", "").replace("_", "") != "utf8":
        raise ValueError(f"encoding: expected 'utf8', got {encoding!r}; write the file again in UTF-8")
