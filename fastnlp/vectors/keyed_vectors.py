"""gensim's `KeyedVectors` by its own constructor, so that code written for it runs as it is."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp.io.atomic import atomic_write
from fastnlp.io.checks import float_array, whole_number
from fastnlp.io.gensim import is_gensim, read_gensim
from fastnlp.io.word2vec import UnicodeErrors, read_word2vec, write_word2vec
from fastnlp.vectors.editing import check_encoding, check_word
from fastnlp.vectors.table import Key
from fastnlp.vectors.word_vectors import WordVectors

__all__ = ["KeyedVectors"]

_NAMED = (".bin", ".vec", ".txt", ".gz", ".npz", ".safetensors", ".fnv")  # names that say their format


def _gone(name: str, instead: str) -> property:
    """An attribute that gensim 4 no longer has; it says what to use."""

    def refuse(self: Any) -> NoReturn:
        raise AttributeError(f"{name} is not in gensim 4 any more; use {instead}")

    return property(refuse)


class KeyedVectors(WordVectors):
    """`WordVectors` that begin empty and are filled, with the arguments that gensim's methods have.

    All methods of `WordVectors` are here. What differs is how vectors come about: the constructor takes the
    number of dimensions, `load_word2vec_format` and `save_word2vec_format` take gensim's arguments in its
    order, words from files without counts are given V, V - 1, ... as `count`, and `load` also reads what
    gensim has saved. docs/gensim.md lists what gensim does otherwise.

    Args:
        vector_size: D, at least 1.
        count: rows to prepare, without words; `add_vector` fills them first.
        dtype: float32.
        mapfile_path: not used, as in gensim.

    Raises:
        ValueError: `vector_size` is less than 1, or `count` than 0.
        TypeError: `dtype` is not float32, or one of the numbers is none.

    Example:
        >>> vectors = KeyedVectors(vector_size=2)
        >>> vectors.add_vectors(["cat", "dog"], [[2, 0], [2, 1]])
        >>> vectors.most_similar("cat", topn=1)[0][0]
        'dog'
    """

    vocab = _gone("vocab", "key_to_index, and get_vecattr for counts")
    index2word = _gone("index2word", "index_to_key")
    index2entity = _gone("index2entity", "index_to_key")
    vectors_norm = _gone("vectors_norm", "get_normed_vectors()")

    def __init__(
        self,
        vector_size: int,
        count: int = 0,
        dtype: Any = np.float32,
        mapfile_path: str | os.PathLike[str] | None = None,
    ) -> None:
        vector_size = whole_number("vector_size", vector_size, least=1)
        count = whole_number("count", count, least=0)
        if np.dtype(dtype) != np.float32:
            raise TypeError(f"dtype: expected float32, got {np.dtype(dtype)}")
        super().__init__([], np.zeros((0, vector_size), np.float32))
        self.vectors = np.zeros((count, vector_size), np.float32)
        # Rows prepared have no word yet.
        self.index_to_key = [None] * count  # type: ignore[list-item]
        self.next_index = 0
        self.mapfile_path = mapfile_path

    @classmethod
    def of(cls, vectors: WordVectors) -> Self:
        """The same words, array and attributes as `KeyedVectors`.

        Args:
            vectors: any word vectors; their array is shared.

        Returns:
            The vectors, with `count` made up where it is not known.
        """
        words = list(vectors.index_to_key)  # its own, as either may be added to
        return cls._filled(words, vectors.vectors, dict(vectors.expandos))

    @classmethod
    def _filled(
        cls,
        words: list[str],
        vectors: NDArray[np.float32],
        attributes: dict[str, NDArray[Any]],
    ) -> Self:
        made = cls(max(1, vectors.shape[1]))
        made.vectors = vectors
        made.index_to_key = words
        made.key_to_index = {word: row for row, word in enumerate(words)}
        made.next_index = len(words)
        made.expandos = attributes
        made.expandos.setdefault("count", np.arange(len(words), 0, -1, dtype=np.int64))
        return made

    def _of_words(self, words: list[str], vectors: NDArray[np.float32]) -> Self:
        return self._filled(words, vectors, {})

    def __str__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.vector_size}, {len(self)} keys>"

    def add_vector(self, key: str, vector: ArrayLike) -> int:
        """Adds a word, into the next prepared row if there is one; a word that is there keeps its vector.

        Args:
            key: the word.
            vector: (D,) numbers, stored as float32.

        Returns:
            The row of the word.

        Raises:
            TypeError: the word is not a str.
            ValueError: the vector has another shape.
        """
        row = self.next_index
        if key in self.key_to_index or row >= len(self) or self.index_to_key[row] is not None:
            row = super().add_vector(key, vector)
            self.next_index = len(self)
            return row
        values = float_array("vector", vector)
        if values.shape != (self.vector_size,):
            raise ValueError(f"vector: expected shape ({self.vector_size},), got {values.shape}")
        check_word(key)
        self.vectors[row] = values
        self.index_to_key[row] = key
        self.key_to_index[key] = row
        self.next_index += 1
        self._forget()
        return row

    @classmethod
    def load(cls, fname: str | os.PathLike[str], mmap: str | None = None, **options: Any) -> Self:  # type: ignore[override]
        """Word vectors from a file: any that `WordVectors.load` reads, or what gensim has saved.

        gensim's own format is read without gensim and without unpickling: nothing in the file is run.

        Args:
            fname: the file.
            mmap: "r" maps what gensim has put beside the file; other formats are mapped where they can be.
            options: as in `WordVectors.load`.

        Returns:
            The vectors.

        Raises:
            ValueError: the file is damaged or holds something else.
            OSError: the file cannot be opened.
        """
        if is_gensim(fname):
            words, vectors, attributes = read_gensim(fname, mapped=mmap is not None)
            return cls._filled(words, vectors, attributes)
        return cls.of(WordVectors.load(fname, **options))

    def save(self, fname: str | os.PathLike[str], *_: Any, **options: Any) -> None:  # type: ignore[override]
        """Writes the vectors to a file, which appears whole or not at all: not gensim's pickle.

        Args:
            fname: the file to create or replace. Its name says the format; where it does not, as .kv does
                not, it is fastnlp's own, which keeps counts and is mapped by `load`.
            options: as in `WordVectors.save`; what gensim's `save` takes besides is left out.

        Raises:
            ValueError: a number is not finite, or the format cannot store a word.
            OSError: writing failed; the old file is untouched.
        """
        known = {name: options[name] for name in ("format", "dtype", "progress") if name in options}
        if not os.fspath(fname).lower().endswith(_NAMED) and not known.get("format"):
            known["format"] = "fastnlp"
        super().save(fname, **known)

    @classmethod
    def load_word2vec_format(  # type: ignore[override]
        cls,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: UnicodeErrors = "strict",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool = False,
    ) -> Self:
        """Word vectors from a file in word2vec's text or binary format.

        Args:
            fname: the file.
            fvocab: a file with a word and its count a line.
            binary: the binary format.
            encoding: "utf8".
            unicode_errors: "strict", "replace" or "ignore": what becomes of words that are not UTF-8.
            limit: read the first so many rows only.
            datatype: float32.
            no_header: the text format without the line "V D", as GloVe's.

        Returns:
            The vectors, with the counts of `fvocab` (0 for words that it lacks), or V, V - 1, ... without.

        Raises:
            ValueError: a file is damaged.
            TypeError: `datatype` is not float32.
            OSError: a file cannot be opened.
        """
        check_encoding(encoding)
        if np.dtype(datatype) != np.float32:
            raise TypeError(f"datatype: expected float32, got {np.dtype(datatype)}")
        counts = None if fvocab is None else _read_counts(fvocab, unicode_errors)
        words, vectors = read_word2vec(
            fname, binary=binary, header=not no_header, limit=limit, unicode_errors=unicode_errors
        )
        attributes: dict[str, NDArray[Any]] = {}
        if counts is not None:
            attributes["count"] = np.array([counts.get(word, 0) for word in words], np.int64)
        return cls._filled(words, vectors, attributes)

    def save_word2vec_format(  # type: ignore[override]
        self,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
    ) -> None:
        """Writes the vectors in word2vec's text or binary format, by falling count.

        Args:
            fname: the file to create or replace.
            fvocab: also write a file with a word and its count a line.
            binary: the binary format.
            total_vec: the number of rows; anything but V is refused.
            write_header: write the line "V D"; text can do without.
            prefix: put before each word.
            append: not supported.
            sort_attr: the attribute to sort by; rows stay in order where it is not set.

        Raises:
            ValueError: `append` or another `total_vec` is asked for, `fvocab` without counts, a number is not
                finite, or the format cannot store a word.
            OSError: writing failed; the old file is untouched.
        """
        if append:
            raise ValueError("append: expected False, got True; files are written whole or not at all")
        if total_vec not in (None, len(self)):
            raise ValueError(f"total_vec: expected {len(self)} or None, got {total_vec}")
        counts = self.expandos.get(sort_attr)
        if counts is None and fvocab is not None:
            raise ValueError(f"fvocab: expected words with the attribute {sort_attr!r}, which is not set")
        order = np.arange(len(self)) if counts is None else np.argsort(-counts, kind="stable")
        words = [prefix + self.index_to_key[row] for row in order.tolist()]
        in_order = bool((order == np.arange(len(self))).all())
        vectors = self.vectors if in_order else self.vectors[order]
        if fvocab is not None and counts is not None:
            lines = (f"{word} {counts[row]}\n" for word, row in zip(words, order.tolist(), strict=True))
            with atomic_write(fvocab) as file:
                file.write("".join(lines).encode())
        write_word2vec(fname, words, vectors, binary=binary, header=write_header)

    def word_vec(self, key: Key, norm: bool = False) -> NDArray[np.float32]:
        """`get_vector` by its older name."""
        _warn("word_vec", "get_vector")
        return self.get_vector(key, norm)

    def words_closer_than(self, word1: Key, word2: Key) -> list[str]:
        """`closer_than` by its older name."""
        _warn("words_closer_than", "closer_than")
        return self.closer_than(word1, word2)

    def init_sims(self, replace: bool = False) -> None:
        """`fill_norms`, or `unit_normalize_all` with `replace`, by the older name."""
        _warn("init_sims", "fill_norms")
        self.fill_norms()
        if replace:
            self.unit_normalize_all()

    def similarity_unseen_docs(self, *_: Any, **__: Any) -> NoReturn:
        """Not for word vectors, as in gensim.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("similarity_unseen_docs: expected a model of documents, got word vectors")


def _warn(name: str, instead: str) -> None:
    warnings.warn(f"{name} is deprecated; use {instead}", DeprecationWarning, stacklevel=3)


def _read_counts(path: str | os.PathLike[str], unicode_errors: UnicodeErrors) -> dict[str, int]:
    """The counts of words from a file with a word and its count a line."""
    counts: dict[str, int] = {}
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        fields = line.decode("utf-8", unicode_errors).split()
        if len(fields) != 2 or not fields[1].isdecimal():
            raise ValueError(
                f"{os.fspath(path)}: line {number}: expected a word and its count, got {line[:60]!r}"
            )
        counts[fields[0]] = int(fields[1])
    return counts
