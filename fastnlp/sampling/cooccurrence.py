"""Co-occurrences: how often words stand near each other, counted out of core."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.io.atomic import atomic_directory
from fastnlp.sampling.arrays import as_doubles, as_integers, as_threads
from fastnlp.sampling.cooccurrence_folder import ABOUT, FILES, HEADER_BYTES, describe, open_folder
from fastnlp.text import Corpus

__all__ = ["Cooccurrences"]

_SLICE = 0.1  # seconds between two looks for Ctrl-C
_BLOCK = 1 << 20  # entries that `records` gives at a time


class Cooccurrences:
    """The matrix X of GloVe (Pennington et al. 2014): X[i, j] is how often word j stands near word i.

    Make one with `from_corpus`, `from_records` or `open`. Rows are stored one after another, each with its
    columns in rising order. Of a symmetric matrix only the entries with column <= row are stored.

    Attributes:
        row_offsets: (V + 1,) int64; row i is `columns[row_offsets[i]:row_offsets[i + 1]]`; read-only.
        columns: (entries,) int32; read-only.
        counts: (entries,) float64, above 0; read-only.
        symmetric: whether X[i, j] = X[j, i], and half of it is stored.
        folder: where the arrays stand.
    """

    HEADER_BYTES = HEADER_BYTES

    __slots__ = ("__weakref__", "columns", "counts", "folder", "row_offsets", "symmetric")

    folder: Path

    row_offsets: NDArray[np.int64]
    columns: NDArray[np.int32]
    counts: NDArray[np.float64]
    symmetric: bool

    def __init__(
        self,
        row_offsets: NDArray[np.int64],
        columns: NDArray[np.int32],
        counts: NDArray[np.float64],
        symmetric: bool,
        folder: Path,
    ) -> None:
        self.row_offsets, self.columns, self.counts = row_offsets, columns, counts
        self.symmetric, self.folder = symmetric, folder

    @classmethod
    def from_corpus(
        cls,
        corpus: Corpus,
        path: str | os.PathLike[str] | None = None,
        *,
        window: int = 15,
        symmetric: bool = True,
        weighting: Literal["distance", "flat"] = "distance",
        bounds: Literal["sentence", "document"] = "sentence",
        memory: int = 1 << 30,
        threads: int | None = None,
        temporary: str | os.PathLike[str] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> Self:
        """Counts the words around each word of a corpus.

        Where the corpus is too long for the memory it is counted in parts, which go to temporary files and
        are added up. The counts are the same bits for any memory and number of threads: they are sums of
        whole numbers, in units of one over the least common multiple of all distances (past a window of
        about 20, of a power of two), divided once in the end.

        Special tokens take up their place in the text and are counted with nothing.

        Args:
            corpus: the text.
            path: a folder to write the matrix to; None for a temporary one that goes when the matrix goes.
            window: words to each side, 1 to 10,000.
            symmetric: count the words on both sides; else X[i, j] counts words j that follow word i, as
                Stanford's `cooccur -symmetric 0`.
            weighting: "distance" counts 1 / d at distance d, "flat" counts 1.
            bounds: what windows stay in: a "sentence" (a line of the text) or a "document".
            memory: bytes to work in, besides the mapped corpus.
            threads: None for one a core.
            temporary: a folder for temporary files; None for where the matrix is made.
            progress: called about every 0.1 s with the fraction done.

        Returns:
            The matrix, mapped into memory.

        Raises:
            TypeError: `corpus` is not a Corpus.
            ValueError: an argument is out of range, or the memory is too small for the vocabulary.
            IndexError: the corpus has an id that is out of range.
            OSError: the disk is full, or a folder is not writable; what stood at `path` is as it was.

        Example:
            >>> corpus = Corpus.from_text(["a b a", "b a"], min_count=1)
            >>> x = Cooccurrences.from_corpus(corpus, window=2)
            >>> for words, contexts, counts in x.records():
            ...     print(words, contexts, counts)
            [0 1 0] [0 0 1] [1. 3. 3.]
        """
        if not isinstance(corpus, Corpus):
            raise TypeError(f"corpus: expected a Corpus (see Corpus.from_text), got {type(corpus).__name__}")
        for name, value, allowed in (
            ("weighting", weighting, ("distance", "flat")),
            ("bounds", bounds, ("sentence", "document")),
        ):
            if value not in allowed:
                raise ValueError(f"{name}: expected {allowed[0]!r} or {allowed[1]!r}, got {value!r}")
        stretches = corpus.sentence_offsets
        if bounds == "document":
            stretches = np.ascontiguousarray(stretches[corpus.document_offsets])
        vocab = corpus.vocab
        special = [vocab[token] for token in (vocab.unknown, *vocab.reserved) if token is not None]
        with _folder(path) as folder:
            counter = _core.CooccurrenceCounter(
                corpus.ids,
                stretches,
                len(vocab),
                np.array(special, np.int32),
                paths=_create(folder),
                header=HEADER_BYTES,
                temporary=os.fspath(folder if temporary is None else temporary),
                window=window,
                symmetric=symmetric,
                by_distance=weighting == "distance",
                memory=memory,
                threads=as_threads(threads) or os.cpu_count() or 1,
            )
            done = 0.0
            while done < 1.0:
                done = counter.step(_SLICE)
                if progress is not None:
                    progress(done)
            describe(folder, len(vocab), counter.entries, symmetric)
        return cls._made(folder, path)

    @classmethod
    def from_records(
        cls,
        records: Iterable[tuple[ArrayLike, ArrayLike, ArrayLike]],
        vocabulary: int,
        path: str | os.PathLike[str] | None = None,
        *,
        memory: int = 1 << 30,
        temporary: str | os.PathLike[str] | None = None,
    ) -> Self:
        """A matrix of records in any order, such as other programs count; those of the same words add up.

        Args:
            records: blocks of (words, contexts, counts): (N,) int32 ids in [0, V), and (N,) counts above 0.
            vocabulary: V.
            path: a folder to write the matrix to; None for a temporary one that goes when the matrix goes.
            memory: bytes to work in.
            temporary: a folder for temporary files; None for where the matrix is made.

        Returns:
            The matrix, all of whose entries are stored.

        Raises:
            IndexError: an id is out of range; the message says which record.
            ValueError: a count is not a finite number above 0, or the arrays differ in length.
            OSError: the disk is full, or a folder is not writable.

        Example:
            >>> x = Cooccurrences.from_records([([1, 0, 1], [0, 1, 0], [2.0, 1.5, 0.5])], vocabulary=2)
            >>> x.row_offsets, x.columns, x.counts
            (array([0, 1, 2]), array([1, 0], dtype=int32), array([1.5, 2.5]))
        """
        with _folder(path) as folder:
            sorter = _core.RecordSorter(
                vocabulary,
                memory=memory,
                paths=_create(folder),
                header=HEADER_BYTES,
                temporary=os.fspath(folder if temporary is None else temporary),
            )
            for words, contexts, counts in records:
                sorter.add(
                    as_integers("words", words, np.int32),
                    as_integers("contexts", contexts, np.int32),
                    as_doubles("counts", counts),
                )
            while not sorter.finish(_SLICE):
                pass
            describe(folder, vocabulary, sorter.entries, symmetric=False)
        return cls._made(folder, path)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Maps a folder that `from_corpus` or `from_records` wrote into memory.

        Args:
            path: the folder.

        Returns:
            The matrix; it is read from the disk as it is used.

        Raises:
            FileNotFoundError: there is no such folder.
            ValueError: a file of it is missing, cut short or changed; the message names it.
        """
        return cls(*open_folder(Path(path)), Path(path).resolve())

    @classmethod
    def _made(cls, folder: Path, path: str | os.PathLike[str] | None) -> Self:
        """The matrix that stands at `path` now, or the one in a folder that goes with it."""
        if path is not None:
            return cls.open(path)
        matrix = cls.open(folder)
        weakref.finalize(matrix, shutil.rmtree, folder, ignore_errors=True)
        return matrix

    def paths(self) -> tuple[str, str, str]:
        """The files of `row_offsets`, `columns` and `counts`, each after `HEADER_BYTES` of header."""
        first, second, third = (os.fspath(self.folder / name) for name in FILES)
        return first, second, third

    def __len__(self) -> int:
        """How many pairs of words X counts, both orders where it is symmetric."""
        return 2 * len(self.columns) - self._diagonal() if self.symmetric else len(self.columns)

    def _diagonal(self) -> int:
        ends = self.row_offsets[1:]
        filled = np.flatnonzero(ends > self.row_offsets[:-1])
        return int((self.columns[ends[filled] - 1] == filled).sum())

    def records(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]]:
        """All pairs of words with their counts, block by block.

        Yields:
            (N,) int32 words i, (N,) int32 contexts j, (N,) float64 X[i, j]. Of a symmetric matrix a block
            holds the stored entries first, then those among them with i and j exchanged.
        """
        for start in range(0, len(self.columns), _BLOCK):
            stop = min(start + _BLOCK, len(self.columns))
            first, last = np.searchsorted(self.row_offsets, [start, stop - 1], side="right") - 1
            ends = np.clip(self.row_offsets[first : last + 2], start, stop)
            words = np.repeat(np.arange(first, last + 1, dtype=np.int32), np.diff(ends))
            contexts, counts = np.array(self.columns[start:stop]), np.array(self.counts[start:stop])
            if self.symmetric:
                other = words != contexts
                words, contexts = (
                    np.concatenate([words, contexts[other]]),
                    np.concatenate([contexts, words[other]]),
                )
                counts = np.concatenate([counts, counts[other]])
            yield words, contexts, counts

    def __repr__(self) -> str:
        kind = "symmetric" if self.symmetric else "not symmetric"
        return f"Cooccurrences({len(self.row_offsets) - 1:,} words, {len(self.columns):,} entries, {kind})"


@contextmanager
def _folder(path: str | os.PathLike[str] | None) -> Iterator[Path]:
    """A folder to make a matrix in: the one that will stand at `path`, or a temporary one that stays."""
    if path is not None:
        with atomic_directory(path, mark=ABOUT) as folder:
            yield folder
        return
    temporary = Path(tempfile.mkdtemp(prefix="fastnlp-"))
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _create(folder: Path) -> tuple[str, str, str]:
    paths = tuple(folder / name for name in FILES)
    for path in paths:
        path.touch(exist_ok=False)
    first, second, third = map(os.fspath, paths)
    return first, second, third
