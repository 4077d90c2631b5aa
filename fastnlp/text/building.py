"""Building a corpus in one pass: count and number provisionally, choose the vocabulary, renumber."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.text.corpus_folder import FolderWriter, open_folder
from fastnlp.text.normalization import NormalForm, Transform, normalizer
from fastnlp.text.selection import select
from fastnlp.text.sources import Progress, Stream, read_source
from fastnlp.text.vocab import Vocab
from fastnlp.text.word_list import WordList

MEMORY_LIMIT = 128 << 20
"""Bytes of provisional ids that are held in memory; what is more goes to a file."""

_BLOCK_PER_THREAD = 4 << 20
_LARGEST_BLOCK = 32 << 20
_MOST_THREADS = 16
_MERGED_AT_ONCE = 1 << 17
_ENCODED_AT_ONCE = 1 << 20
_SMALL = 1 << 17  # ids of a stream that is copied behind others of its kind
_GATHERED = 1 << 22
_DOCUMENTS = {"blank_line": 0, "line": 1, "file": 2}


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """The arguments of `Corpus.from_text`, and the sizes that its result does not depend on."""

    min_count: int = 5
    max_vocab: int | None = None
    vocab: Vocab | None = None
    lowercase: bool = False
    normalization: NormalForm | None = None
    strip_accents: bool = False
    transform: Transform | None = None
    unknown: str | None = None
    reserved: Iterable[str] = ()
    documents: Literal["blank_line", "line", "file"] = "blank_line"
    errors: Literal["strict", "replace"] = "strict"
    threads: int | None = None
    progress: Progress | None = None
    block_bytes: int | None = None
    memory_limit: int = MEMORY_LIMIT


@dataclass(frozen=True)
class Built:
    """The parts of a corpus, and the temporary folder that holds them if there is one.

    Where words were counted, `found` are the distinct ones by first appearance, those too that the vocabulary
    leaves out, and `found_counts` says how often each occurs.
    """

    ids: NDArray[np.int32]
    sentence_offsets: NDArray[np.int64]
    document_offsets: NDArray[np.int64]
    vocab: Vocab
    temporary: Path | None = None
    found: WordList | None = None
    found_counts: NDArray[np.int64] | None = None


def build(source: Any, options: BuildOptions, folder: Path | None = None) -> Built:
    """Builds a corpus, in memory or in a folder.

    Args:
        source: as for `Corpus.from_text`.
        options: as for `Corpus.from_text`.
        folder: an empty folder to fill; None for memory, or a temporary folder where that is too small.

    Returns:
        The parts of the corpus. Who takes them removes the temporary folder.

    Raises:
        ValueError: as for `Corpus.from_text`.
    """
    threads = check(options)
    normalize = normalizer(
        lowercase=options.lowercase,
        normalization=options.normalization,
        strip_accents=options.strip_accents,
        transform=options.transform,
    )
    counter = _core.TokenCounter(threads, secrets.randbits(64), options.errors == "replace")
    spill = _Spill(options.memory_limit, folder)
    try:
        for stream in read_source(
            source,
            counter,
            block_bytes=options.block_bytes or min(_BLOCK_PER_THREAD * threads, _LARGEST_BLOCK),
            errors=options.errors,
            ahead=threads > 1,
            progress=options.progress,
        ):
            spill.put(stream)
        while not counter.merge(_MERGED_AT_ONCE):
            pass
        data, offsets, counts, number_of = counter.words()
        del counter
        found = WordList(data, offsets)
        if not len(found):
            raise ValueError("source: expected a text, got an empty one: no word in it")
        table = _final_ids(found, counts, options, normalize)
        encoder = _core.StreamEncoder(
            np.where(number_of >= 0, table.ids[number_of], np.int32(-1)).astype(np.int32),
            table.part_offsets,
            table.parts,
            len(table.vocab),
            _DOCUMENTS[options.documents],
        )
        target = spill.folder
        if target is None:
            room = spill.ids(table.tokens, one_each=not len(table.parts))
            return Built(*_in_memory(spill, encoder, room, threads), table.vocab, None, found, counts)
        with FolderWriter(target) as writer:
            for stream in spill.take():
                writer.write(*encoder.encode(stream, threads))
        writer.describe(table.vocab)
        temporary = spill.keep() if folder is None else None
        return Built(*open_folder(target), temporary, found, counts)
    finally:
        spill.close()


def check(options: BuildOptions) -> int:
    """Refuses what the steps behind would refuse late.

    Args:
        options: as for `Corpus.from_text`.

    Returns:
        The number of threads.

    Raises:
        ValueError: an option is out of range.
        TypeError: `vocab` is none.
    """
    if options.documents not in _DOCUMENTS:
        raise ValueError(f"documents: expected 'blank_line', 'line' or 'file', got {options.documents!r}")
    if options.errors not in ("strict", "replace"):
        raise ValueError(f"errors: expected 'strict' or 'replace', got {options.errors!r}")
    if options.vocab is not None and not isinstance(options.vocab, Vocab):
        raise TypeError(f"vocab: expected a Vocab or None, got {type(options.vocab).__name__}")
    Vocab((), unknown=options.unknown, reserved=options.reserved, min_count=options.min_count)
    if options.max_vocab is not None and options.max_vocab < 1:
        raise ValueError(f"max_vocab: expected a number >= 1 or None, got {options.max_vocab}")
    return checked_threads(options.threads)


def checked_threads(threads: int | None) -> int:
    """How many threads to use.

    Args:
        threads: a number, or None for one per processor, up to 16.

    Returns:
        The number.

    Raises:
        ValueError: it is not in 1 to 1024.
    """
    if threads is None:
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(usable, _MOST_THREADS)
    if not 1 <= threads <= 1024:
        raise ValueError(f"threads: expected 1 to 1024 or None, got {threads}")
    return threads


@dataclass(frozen=True)
class _Table:
    """What each distinct word of the text becomes: an id, -1 for none, or -2 - w for several (parts of w)."""

    vocab: Vocab
    ids: NDArray[np.int32]
    part_offsets: NDArray[np.int64]
    parts: NDArray[np.int32]
    tokens: int


def _final_ids(
    found: WordList,
    counts: NDArray[np.int64],
    options: BuildOptions,
    normalize: Callable[[str], list[str]] | None,
) -> _Table:
    part_offsets, parts = np.zeros(1, np.int64), np.zeros(0, np.int32)
    if normalize is None:
        vocab, ids = _choose(found, counts, options)
        tokens = int(counts[ids >= 0].sum())
        return _Table(vocab, ids, part_offsets, parts, tokens)

    numbers: dict[str, int] = {}  # of the normalised words, by first appearance
    becomes = [
        [numbers.setdefault(piece, len(numbers)) for piece in normalize(word)] for word in found.strings
    ]
    lengths = np.fromiter(map(len, becomes), np.int64, len(becomes))
    flat = np.fromiter((number for pieces in becomes for number in pieces), np.int64, int(lengths.sum()))
    summed = np.zeros(len(numbers), np.int64)
    np.add.at(summed, flat, np.repeat(counts, lengths))
    if not numbers:
        raise ValueError(
            f"transform: expected words, but none of the {len(found):,} distinct words became one"
        )
    vocab, chosen = _choose(WordList.from_words("transform", list(numbers)), summed, options)

    flat_ids = chosen[flat]
    starts = np.zeros(len(becomes) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    ids = np.full(len(becomes), -1, np.int32)
    single = lengths == 1
    ids[single] = flat_ids[starts[:-1][single]]
    several = np.flatnonzero(lengths > 1)
    ids[several] = -2 - np.arange(len(several), dtype=np.int32)
    pieces = [flat_ids[starts[word] : starts[word + 1]] for word in several]
    kept = [piece[piece >= 0] for piece in pieces]
    part_offsets = np.cumsum([0, *map(len, kept)], dtype=np.int64)
    parts = np.concatenate([*kept, parts]).astype(np.int32)
    tokens = int(summed[chosen >= 0].sum())
    return _Table(vocab, ids, part_offsets, parts, tokens)


def _choose(
    words: WordList, counts: NDArray[np.int64], options: BuildOptions
) -> tuple[Vocab, NDArray[np.int32]]:
    """The vocabulary, and the id of each word in it (-1 for none)."""
    if options.vocab is not None:
        vocab = options.vocab
        missing = -1 if vocab.unknown_id is None else vocab.unknown_id
        table = vocab.ids
        ids = np.fromiter((table.get(word, missing) for word in words.strings), np.int32, len(words))
        if not (ids >= 0).any():
            raise ValueError(
                f"vocab: none of the {len(words):,} distinct words of the text is in the vocabulary"
            )
        return vocab, ids
    kept, kept_counts, ids = select(
        words,
        counts,
        min_count=options.min_count,
        max_size=options.max_vocab,
        unknown=options.unknown,
        reserved=options.reserved,
    )
    special = (options.unknown is not None) + len(tuple(options.reserved))
    if len(kept) == special:
        raise ValueError(
            f"min_count: with min_count={options.min_count} none of the {len(words):,} distinct words is "
            f"left; the most frequent occurs {counts.max():,} times; lower min_count or give more text"
        )
    vocab = Vocab.from_arrays(
        kept,
        kept_counts,
        unknown=options.unknown,
        reserved=options.reserved,
        min_count=options.min_count,
    )
    return vocab, ids


def _in_memory(
    spill: _Spill, encoder: _core.StreamEncoder, ids: NDArray[np.int32], threads: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    sentences, documents = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    at = 0
    for stream in spill.take():
        piece, sentence_ends, document_ends = encoder.encode(stream, threads)
        ids[at : at + len(piece)] = piece
        at += len(piece)
        sentences.append(sentence_ends)
        documents.append(document_ends)
    return ids, np.concatenate(sentences), np.concatenate(documents)


class _Spill:
    """The stream of provisional ids between the two steps: in memory up to a limit, then in a file.

    Args:
        limit: bytes to hold in memory.
        folder: where to put the file; None to make a temporary folder when it is needed.
    """

    def __init__(self, limit: int, folder: Path | None) -> None:
        self.folder = folder
        self._limit = limit
        self._held: list[Stream] = []
        self._room = np.empty(0, np.int32)
        self._first: Stream | None = None  # the first room, while all that is held lies in it
        self._bytes = 0
        self._file: Any = None
        self._temporary: Path | None = None

    def put(self, stream: Stream) -> None:
        if not len(stream):
            return
        if self._file is None and self._bytes + stream.nbytes > self._limit:
            if self.folder is None:
                self.folder = self._temporary = Path(tempfile.mkdtemp(prefix="fastnlp-corpus-"))
            self._file = (self.folder / "provisional").open("w+b")
            for held in self._held:
                self._file.write(held.data)
            self._held.clear()
        if self._file is not None:
            self._file.write(stream.data)
        else:
            if len(stream) > _SMALL:
                self._first = None
                self._held.append(stream)
            else:
                self._held.append(self._gathered(stream))
            self._bytes += stream.nbytes

    def _gathered(self, stream: Stream) -> Stream:
        """A copy behind the one before, so that the system is asked for memory once for many of them."""
        if len(stream) > len(self._room):
            self._room = np.empty(_GATHERED, np.int32)
            self._first = None if self._held else self._room
        held, self._room = np.split(self._room, [len(stream)])
        held[:] = stream
        return held

    def ids(self, tokens: int, one_each: bool) -> NDArray[np.int32]:
        """Memory for so many final ids, which may be that of the stream.

        Args:
            tokens: ids that will be written.
            one_each: none of the stream becomes several. Then the ids of what was taken fit where it lay.
        """
        if one_each and self._first is not None and tokens >= _GATHERED // 4:
            return self._first[:tokens]
        return np.empty(tokens, np.int32)

    def take(self) -> Iterator[Stream]:
        """Gives the stream from its start, once; what has been given is let go."""
        self._held.reverse()
        while self._held:
            yield self._held.pop()
        if self._file is not None:
            self._file.seek(0)
            while len(piece := np.fromfile(self._file, np.int32, _ENCODED_AT_ONCE)):
                yield piece

    def keep(self) -> Path:
        """Hands the temporary folder over to the caller."""
        assert self._temporary is not None
        self._drop_file()
        folder, self._temporary = self._temporary, None
        return folder

    def _drop_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            assert self.folder is not None
            (self.folder / "provisional").unlink(missing_ok=True)

    def close(self) -> None:
        """Removes the file, and the temporary folder unless it was kept."""
        self._drop_file()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
