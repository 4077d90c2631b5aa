"""fastText's `.bin` models of word vectors with subwords, version 12: read by mapping, written as a stream.

Little-endian throughout: magic and version; 12 settings as int32 and one as float64; the words, each ended by
NUL, with counts; then the input rows (one for each word, then one for each bucket) and the output rows, as
float32 matrices without padding. Supervised and quantised models are told by name and refused.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.io.atomic import atomic_write
from fastnlp.io.checks import checked_source
from fastnlp.io.vector_table import Progress

__all__ = [
    "FastTextFile",
    "FastTextSettings",
    "bucket_blocks",
    "is_fasttext",
    "read_fasttext",
    "row_blocks",
    "write_fasttext",
    "write_fasttext_blocks",
]

_MAGIC, _VERSION = 793712314, 12
_HEADER = struct.Struct("<2i12id3i2q")  # magic and version, settings, sizes of the dictionary
_MATRIX = struct.Struct("<?2q")
_ARCHITECTURES: dict[int, Literal["skipgram", "cbow"]] = {1: "cbow", 2: "skipgram"}
_LOSSES: dict[int, Literal["ns", "hs", "softmax"]] = {1: "hs", 2: "ns", 3: "softmax"}
_SUPERVISED = 3
_BLOCK = 4 << 20


@dataclass(frozen=True)
class FastTextSettings:
    """What a fastText model says about its training.

    Attributes:
        dim: D.
        window: words on each side.
        epochs: passes over the text.
        min_count: occurrences below which words were left out.
        negatives: K.
        loss: "ns", "hs" or "softmax".
        architecture: "skipgram" or "cbow".
        buckets: rows for n-grams.
        min_n: characters in the shortest n-gram.
        max_n: characters in the longest; 0 for a model without n-grams.
        subsample: t.
    """

    dim: int
    window: int = 5
    epochs: int = 5
    min_count: int = 5
    negatives: int = 5
    loss: Literal["ns", "hs", "softmax"] = "ns"
    architecture: Literal["skipgram", "cbow"] = "skipgram"
    buckets: int = 2_000_000
    min_n: int = 3
    max_n: int = 6
    subsample: float = 1e-4


@dataclass(frozen=True)
class FastTextFile:
    """A fastText model as its file holds it; the matrices are mapped, not read.

    Attributes:
        settings: of the training.
        words: the UTF-8 of V words, one after another.
        offsets: (V + 1,) int64 into them.
        counts: (V,) int64 occurrences.
        word_rows: (V, 4 D) uint8, the bytes of float32 rows, at any address.
        ngram_rows: (buckets, 4 D) uint8.
        output: (V, 4 D) uint8.
    """

    settings: FastTextSettings
    words: bytes
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    word_rows: NDArray[np.uint8]
    ngram_rows: NDArray[np.uint8]
    output: NDArray[np.uint8]


def is_fasttext(path: str | os.PathLike[str]) -> bool:
    """Whether a file starts as fastText's models do.

    Raises:
        ValueError: it is a pipe.
        OSError: the file cannot be opened.
    """
    checked_source("path", path)
    with Path(path).open("rb") as file:
        return file.read(4) == struct.pack("<i", _MAGIC)


def _refuse(path: str | os.PathLike[str], reason: object) -> NoReturn:
    raise ValueError(f"{os.fspath(path)}: {reason}") from None


def read_fasttext(path: str | os.PathLike[str]) -> FastTextFile:
    """Opens a fastText model of word vectors.

    The file is mapped into memory and has to stay as it is while its matrices are in use. Every size is
    compared with that of the file before anything is allocated.

    Args:
        path: a `.bin` of fastText, gensim's `save_facebook_model` or `write_fasttext`.

    Returns:
        The settings, the words, and views of the matrices.

    Raises:
        ValueError: the file is damaged, or another kind of model; the message names file and place.
        OSError: the file cannot be opened.
    """
    if os.fspath(path).lower().endswith(".gz"):
        _refuse(path, "expected a model that can be mapped, got a compressed one; unpack it first")
    size = Path(path).stat().st_size
    if size < _HEADER.size:
        _refuse(path, f"expected at least the {_HEADER.size} bytes of fastText's header, got {size}")
    mapped = np.memmap(path, np.uint8, "r")
    settings, entries = _header(path, mapped)
    try:
        words, offsets, counts, labels, consumed = _core.parse_fasttext_words(
            mapped[_HEADER.size :], entries, _HEADER.size
        )
    except ValueError as error:
        _refuse(path, error)
    if labels:
        _refuse(path, f"expected words alone, found {labels} labels of a supervised model")
    at = _HEADER.size + consumed
    rows, at = _matrix(path, mapped, at, "input", entries + settings.buckets, settings.dim)
    output, at = _matrix(path, mapped, at, "output", entries, settings.dim)
    if at != size:
        _refuse(path, f"byte {at}: expected the end of the file, found {size - at} bytes more")
    return FastTextFile(settings, words, offsets, counts, rows[:entries], rows[entries:], output)


def _header(path: str | os.PathLike[str], mapped: NDArray[np.uint8]) -> tuple[FastTextSettings, int]:
    """The settings and the number of words."""
    magic, version, *fields = _HEADER.unpack(mapped[: _HEADER.size].tobytes())
    dim, window, epochs, min_count, negatives, _, loss, kind, buckets, min_n, max_n, _ = fields[:12]
    subsample, entries, words, labels, _, pruned = fields[12:]
    if magic != _MAGIC:
        _refuse(path, "expected a fastText model, found another magic number")
    if version not in (11, _VERSION):
        _refuse(path, f"expected version 11 or {_VERSION} of fastText's format, got {version}")
    if kind == _SUPERVISED:
        _refuse(path, "expected word vectors, found a supervised model (a classifier) of fastText")
    if kind not in _ARCHITECTURES or loss not in _LOSSES:
        _refuse(path, f"expected a model from 1 to 2 and a loss from 1 to 3, got {kind} and {loss}")
    if pruned != -1:
        _refuse(path, "expected a whole table of n-grams, found a pruned one of a quantised model")
    if entries < 1 or words != entries or labels != 0:
        _refuse(
            path, f"expected only words, at least 1, got {words} and {labels} labels of {entries} entries"
        )
    if not 1 <= dim <= 65_536 or buckets < 0:
        _refuse(path, f"expected 1 to 65536 dimensions and 0 buckets or more, got {dim} and {buckets}")
    if max_n and (not max(1, min_n) <= max_n <= 64 or min_n < 0 or buckets < 1):
        _refuse(
            path,
            f"expected 1 <= min_n <= max_n <= 64 and at least 1 bucket, got {min_n}, {max_n} and {buckets}",
        )
    settings = FastTextSettings(
        dim=dim,
        window=window,
        epochs=epochs,
        min_count=min_count,
        negatives=negatives,
        loss=_LOSSES[loss],
        architecture=_ARCHITECTURES[kind],
        buckets=buckets,
        min_n=max(1, min_n),
        max_n=max_n,
        subsample=subsample,
    )
    return settings, entries


def _matrix(
    path: str | os.PathLike[str], mapped: NDArray[np.uint8], at: int, name: str, rows: int, dim: int
) -> tuple[NDArray[np.uint8], int]:
    """A view of the matrix that starts at a byte, and the byte behind it."""
    if len(mapped) - at < _MATRIX.size:
        _refuse(path, f"byte {at}: expected the {name} matrix, found the end of the file")
    quantised, found_rows, found_dim = _MATRIX.unpack(mapped[at : at + _MATRIX.size].tobytes())
    if quantised or mapped[at] > 1:
        _refuse(path, f"byte {at}: expected plain numbers, found a quantised {name} matrix (.ftz)")
    if (found_rows, found_dim) != (rows, dim):
        _refuse(
            path, f"byte {at + 1}: expected {rows} x {dim} {name} numbers, got {found_rows} x {found_dim}"
        )
    at += _MATRIX.size
    if (len(mapped) - at) // (4 * dim) < rows:
        _refuse(
            path, f"byte {at}: {rows} rows of {dim} numbers do not fit in the {len(mapped) - at} bytes left"
        )
    return mapped[at : at + 4 * rows * dim].reshape(rows, 4 * dim), at + 4 * rows * dim


def write_fasttext(
    path: str | os.PathLike[str],
    settings: FastTextSettings,
    words: bytes,
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    word_rows: NDArray[np.float32],
    ngram_rows: NDArray[np.float32],
    ngram_buckets: NDArray[np.int32],
    output: NDArray[np.float32],
) -> None:
    """Writes a model that the fastText program and gensim's `load_facebook_vectors` read.

    The file appears whole or not at all.

    Args:
        path: the file to create or replace.
        settings: of the training.
        words: the UTF-8 of V words, one after another.
        offsets: (V + 1,) int64 into them.
        counts: (V,) int64.
        word_rows: (V, D); rows may lie apart.
        ngram_rows: (U, D), the rows of some buckets; those of all others are zeros.
        ngram_buckets: (U,) int32, rising, in [0, settings.buckets).
        output: (V, D).

    Raises:
        ValueError: sizes differ, a word is empty or holds a NUL byte, or a bucket is out of order.
        OSError: writing failed; an old file stays as it was.
    """
    shape = (len(counts), settings.dim)
    for name, rows, expected in (
        ("word_rows", word_rows, shape),
        ("output", output, shape),
        ("ngram_rows", ngram_rows, (len(ngram_buckets), settings.dim)),
    ):
        if rows.shape != expected or rows.dtype != np.float32:
            raise ValueError(f"{name}: expected float32 {expected}, got {rows.dtype} {rows.shape}")
    ends = np.concatenate([[-1], ngram_buckets, [settings.buckets]])
    if (np.diff(ends) < 1).any() and len(ngram_buckets):
        raise ValueError(f"ngram_buckets: expected rising numbers in [0, {settings.buckets})")
    write_fasttext_blocks(
        path,
        settings,
        words,
        offsets,
        counts,
        row_blocks(word_rows),
        bucket_blocks(ngram_rows, ngram_buckets, settings.buckets),
        row_blocks(output),
    )


def write_fasttext_blocks(
    path: str | os.PathLike[str],
    settings: FastTextSettings,
    words: bytes,
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    word_rows: Iterable[NDArray[Any]],
    ngram_rows: Iterable[NDArray[Any]],
    output: Iterable[NDArray[Any]],
    progress: Progress | None = None,
) -> None:
    """`write_fasttext` for rows that come in blocks, of float32 or of their bytes.

    Args:
        path: as in `write_fasttext`, like the next four.
        settings: of the training.
        words: the UTF-8 of V words.
        offsets: (V + 1,) int64.
        counts: (V,) int64.
        word_rows: V rows.
        ngram_rows: a row for each bucket.
        output: V rows.
        progress: called with the rows written and those there are.

    Raises:
        ValueError: a word is empty or holds a NUL byte, or there are other numbers of rows.
        OSError: writing failed; an old file stays as it was.
    """
    if os.fspath(path).lower().endswith(".gz"):
        _refuse(path, "expected a name without .gz: a model is mapped, which a compressed one cannot be")
    content = _core.format_fasttext_words(words, offsets, counts)
    entries = len(counts)
    header = _HEADER.pack(
        _MAGIC,
        _VERSION,
        settings.dim,
        settings.window,
        settings.epochs,
        settings.min_count,
        settings.negatives,
        1,  # word n-grams, which only classifiers have
        {name: number for number, name in _LOSSES.items()}[settings.loss],
        {name: number for number, name in _ARCHITECTURES.items()}[settings.architecture],
        settings.buckets,
        settings.min_n,
        settings.max_n,
        100,  # how often fastText's threads compare notes; nothing to a finished model
        settings.subsample,
        entries,
        entries,
        0,
        int(counts.sum()),
        -1,
    )
    done, total = 0, 2 * entries + settings.buckets
    with atomic_write(path) as file:

        def write(name: str, expected: int, blocks: Iterable[NDArray[Any]]) -> None:
            nonlocal done
            before = done
            for block in blocks:
                rows = block if block.dtype == np.uint8 else np.asarray(block, "<f4")
                file.write(np.ascontiguousarray(rows))
                done += len(block)
                if progress is not None:
                    progress(done, total)
            if done - before != expected:
                raise ValueError(f"{name}: expected {expected} rows, got {done - before}")

        file.write(header + content + _MATRIX.pack(False, entries + settings.buckets, settings.dim))
        write("word_rows", entries, word_rows)
        write("ngram_rows", settings.buckets, ngram_rows)
        file.write(_MATRIX.pack(False, entries, settings.dim))
        write("output", entries, output)


def row_blocks(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """A table of rows, of numbers or of bytes, a few MB at a time."""
    step = max(1, _BLOCK // (rows.itemsize * rows.shape[1]))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def bucket_blocks(rows: NDArray[Any], buckets: NDArray[np.int32], total: int) -> Iterator[NDArray[Any]]:
    """Rows at their buckets and zeros elsewhere, a few MB at a time.

    Args:
        rows: (U, D) numbers, or (U, 4 D) bytes.
        buckets: (U,) rising, the bucket of each.
        total: how many buckets there are.
    """
    step = max(1, _BLOCK // (rows.itemsize * rows.shape[1]))
    for start in range(0, total, step):
        block = np.zeros((min(step, total - start), rows.shape[1]), rows.dtype)
        first, last = np.searchsorted(buckets, [start, start + len(block)])
        block[buckets[first:last] - start] = rows[first:last]
        yield block
