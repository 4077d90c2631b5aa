"""Building a corpus of a tokenizer's ids: text is read in blocks, encoded, and written as it comes."""

from __future__ import annotations

import bisect
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.source_files import SourceFile, encode_text, source_files, total_bytes
from fastnlp.text.corpus_folder import FolderWriter, open_folder
from fastnlp.text.foreign_tokenizer import ForeignTokenizer
from fastnlp.text.vocab import Vocab

if TYPE_CHECKING:
    from fastnlp.text.building import BuildOptions, Built

_BLOCK = 4 << 20
_LONGEST_LINE = 32 << 20  # bytes; a longer one is encoded in parts
_CUT = re.compile(rb"[A-Za-z](?= [A-Za-z])")  # every pre-tokenizer that cuts at all cuts behind such a letter
_SPACE = np.zeros(256, np.bool_)
_SPACE[[9, 10, 11, 12, 13, 32]] = True

Errors = Literal["strict", "replace"]


@runtime_checkable
class Tokenizer(Protocol):
    """What turns text into ids for a corpus; `BPE` and `WordPiece` do."""

    @property
    def tokens(self) -> list[str]:
        """The V tokens by id; "" where a number is not given out."""
        ...

    def encode_pieces(
        self, data: bytes, offsets: NDArray[np.int64], threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of texts that stand one after another.

        Args:
            data: the UTF-8 of N texts.
            offsets: (N + 1,) int64; text i is `data[offsets[i]:offsets[i + 1]]`.
            threads: how many; None for one per processor.

        Returns:
            (T,) int32 ids in [0, V), and (N + 1,) int64 offsets of the texts in them.
        """
        ...


def build_tokenized(
    source: Any, tokenizer: Any, options: BuildOptions, threads: int, folder: Path | None = None
) -> Built:
    """Builds a corpus of a tokenizer's ids, in memory or in a folder.

    Args:
        source: as for `Corpus.from_text`, but for lists of tokens.
        tokenizer: gives the ids; a `Tokenizer`, or one of the packages tokenizers and transformers.
        options: as for `Corpus.from_text`; those that choose and change words are not looked at.
        threads: how many encode.
        folder: an empty folder to fill; None for memory, or a temporary folder where that is too small.

    Returns:
        The parts of the corpus. Who takes them removes the temporary folder.

    Raises:
        ValueError: the text is empty, or a byte is not UTF-8.
        TypeError: the source is of no kind that is listed, or the tokenizer is none.
    """
    from fastnlp.text.building import Built

    if not isinstance(tokenizer, Tokenizer):
        tokenizer = ForeignTokenizer(tokenizer)
    target = _Target(folder, options.memory_limit)
    lines = _Lines(tokenizer, options.documents, threads, target)
    try:
        for data, more, name in line_blocks(source, options.errors, options.progress):
            lines.add(data, more, name)
        if not target.tokens:
            raise ValueError("source: expected a text, got an empty one: no token in it")
        strings = [token or f"<unused {i}>" for i, token in enumerate(tokenizer.tokens)]
        vocab = Vocab(strings, lines.counts, min_count=0)
        arrays = target.finish(vocab)
        return Built(*arrays, vocab, target.keep() if folder is None else None)
    finally:
        target.close()


class _Lines:
    """Turns lines into ids, sentences and documents.

    Args:
        tokenizer: gives the ids.
        documents: where one ends.
        threads: how many encode.
        target: where they go.
    """

    def __init__(self, tokenizer: Tokenizer, documents: str, threads: int, target: _Target) -> None:
        self.counts = np.zeros(len(tokenizer.tokens), np.int64)
        self._tokenizer = tokenizer
        self._documents = documents
        self._threads = threads
        self._target = target
        self._open = 0  # tokens of a line that goes on
        self._sentences = 0
        self._ended = 0  # sentences of documents that have ended
        self._line = 1  # the number of the next one in its file

    def add(self, data: bytes, more: bool | None, name: str) -> None:
        """Takes lines that end with a line feed each; the last may go on (more) or end a file (None)."""
        starts, ends = _bounds(data)
        if more is None and not data:
            self._end_file()
            return
        content, offsets = _packed(data, starts, ends, keep_last=bool(more))
        try:
            ids, bounds = self._tokenizer.encode_pieces(content, offsets, self._threads)
        except ValueError:
            self._name_line(content, offsets, name)
            raise
        self._line += len(offsets) - 1 - bool(more)
        self.counts += np.bincount(ids, minlength=len(self.counts))
        lengths = np.diff(bounds)
        if len(lengths):
            lengths[0] += self._open
        self._open = int(lengths[-1]) if more else 0
        finished = lengths[: len(lengths) - bool(more)]
        before = self._target.tokens - (int(lengths.sum()) - len(ids))
        sentence_ends = (before + np.cumsum(finished))[finished > 0]
        numbers = self._sentences + np.cumsum(finished > 0)
        at = {"blank_line": finished == 0, "line": finished > 0}.get(
            self._documents, np.zeros(len(finished), np.bool_)
        )
        document_ends = np.unique(numbers[at])
        document_ends = document_ends[document_ends > self._ended]
        self._sentences += len(sentence_ends)
        if len(document_ends):
            self._ended = int(document_ends[-1])
        self._target.write(ids, sentence_ends, document_ends)
        if more is None:
            self._end_file()

    def _name_line(self, content: bytes, offsets: NDArray[np.int64], name: str) -> None:
        """Raises what the tokenizer says of the first line that it refuses, with the place of that line."""

        def refused(first: int, last: int) -> ValueError | None:
            data = content[offsets[first] : offsets[last]]
            try:
                self._tokenizer.encode_pieces(data, offsets[first : last + 1] - offsets[first], self._threads)
            except ValueError as error:
                return error
            return None

        at = bisect.bisect_left(range(1, len(offsets)), True, key=lambda n: refused(0, n) is not None)
        error = refused(at, at + 1) if at + 1 < len(offsets) else None
        if error is not None:
            raise ValueError(f"{name}: line {self._line + at}: {error}") from None

    def _end_file(self) -> None:
        self._line = 1
        if self._sentences > self._ended:
            self._ended = self._sentences
            self._target.write(
                np.zeros(0, np.int32), np.zeros(0, np.int64), np.array([self._ended], np.int64)
            )


def _bounds(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Begin and end of each line; what is behind the last line feed is one if there is something."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    if not data.endswith(b"\n") and data:
        ends = np.append(ends, len(data))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if len(ends) else ends
    return starts, ends


def _packed(
    data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], keep_last: bool
) -> tuple[bytes, NDArray[np.int64]]:
    """The lines without their ends and the white space in front of them, one after another."""
    values = np.frombuffer(data, np.uint8)
    # The place behind the last byte up to each that is no white space.
    solid = np.where(_SPACE[values], 0, np.arange(1, len(values) + 1))
    behind = np.maximum.accumulate(solid) if len(solid) else solid
    trimmed = np.where(ends > starts, np.maximum(starts, behind[np.maximum(ends - 1, 0)]), starts)
    if keep_last and len(ends):
        trimmed[-1] = ends[-1]
    lengths = trimmed - starts
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    marks = np.zeros(len(values) + 1, np.int8)
    np.add.at(marks, starts, 1)
    np.add.at(marks, trimmed, -1)
    kept = np.cumsum(marks[:-1], dtype=np.int8).view(np.bool_)
    return values[kept].tobytes(), offsets


def line_blocks(source: Any, errors: Errors, progress: Any) -> Iterator[tuple[bytes, bool | None, str]]:
    """Reads whole lines of valid UTF-8, several at a time.

    Args:
        source: a file, several, "-", or an iterable of lines.
        errors: "strict" or "replace".
        progress: called after each block with the bytes read and their total, or None.

    Yields:
        Bytes, and with them whether their last line goes on (True) or the file ends (None), and its name.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a byte is not UTF-8.
        TypeError: the source is of no kind that can be read.
    """
    files = source_files(source)
    if files is None:
        for block, more in _cut(_items(source, errors, progress), errors, "source"):
            yield block, more, "source"
        return
    total = total_bytes(files)
    done = 0
    for file in files:
        reader = SourceFile(file)
        try:
            blocks = _without_mark(_named(reader, errors))
            for block, more in _cut(blocks, errors, reader.name):
                yield block, more, reader.name
                if progress is not None:
                    progress(done + reader.bytes_read(), total)
            done += reader.bytes_read()
        finally:
            reader.close()


def _named(reader: SourceFile, errors: Errors) -> Iterator[bytes]:
    try:
        for block in reader.blocks(_BLOCK, errors):
            yield bytes(block)
    except ValueError as error:
        raise ValueError(f"{reader.name}: {error}") from None


def _without_mark(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Leaves out a byte order mark at the start, however the blocks are cut."""
    mark, head = b"\xef\xbb\xbf", b""
    started = False
    for block in blocks:
        if started:
            yield block
            continue
        head += block
        if len(head) >= len(mark) or not mark.startswith(head):
            started = True
            yield head.removeprefix(mark)
    if not started:
        yield head.removeprefix(mark)


def _items(source: Iterable[Any], errors: Errors, progress: Any) -> Iterator[bytes]:
    held: list[bytes] = []
    size = done = 0
    for i, item in enumerate(source):
        if not isinstance(item, str):
            raise TypeError(
                f"source: expected lines (str) for a tokenizer, got {type(item).__name__} as item {i}"
            )
        line = encode_text(item.removesuffix("\n"), "source: a line holds ", errors) + b"\n"
        held.append(line)
        size += len(line)
        if size >= _BLOCK:
            yield b"".join(held)
            done += size
            held, size = [], 0
            if progress is not None:
                progress(done, None)
    yield b"".join(held)
    if progress is not None:
        progress(done + size, None)


def _cut(blocks: Iterable[bytes], errors: Errors, name: str) -> Iterator[tuple[bytes, bool | None]]:
    """Blocks that end with a line, or within a long one at a place that is safe."""
    held: list[bytes] = []
    waiting = checked = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            data = b"".join([*held, block[:end]])
            yield _valid(data, errors, name, checked), False
            checked += len(data)
            held, waiting = [], 0
        if len(block) > end:
            held.append(block[end:])
            waiting += len(block) - end
        if waiting > _LONGEST_LINE:
            data = b"".join(held)
            cuts = [match.end() for match in _CUT.finditer(data, len(data) - (1 << 20))]
            if cuts:
                yield _valid(data[: cuts[-1]], errors, name, checked), True
                checked += cuts[-1]
                data = data[cuts[-1] :]
            held, waiting = [data], len(data)
            if not cuts:
                held = [data]
    yield _valid(b"".join(held), errors, name, checked), None


def _valid(data: bytes, errors: Errors, name: str, before: int) -> bytes:
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if errors == "replace":
            return data.decode("utf-8", "replace").encode()
        raise ValueError(
            f"{name}: expected UTF-8, got the byte 0x{data[error.start]:02X} at offset "
            f"{before + error.start}; pass errors='replace' to read such bytes as U+FFFD"
        ) from None
    return data


class _Target:
    """Where ids go: memory up to a limit, then a folder.

    Args:
        folder: where to write from the start; None for memory first.
        limit: bytes of ids to hold in memory.
    """

    def __init__(self, folder: Path | None, limit: int) -> None:
        self.tokens = 0
        self._folder = folder
        self._limit = limit
        self._writer = None if folder is None else FolderWriter(folder)
        self._temporary: Path | None = None
        self._ids: list[NDArray[np.int32]] = []
        self._sentences: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self._documents: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]

    def write(
        self, ids: NDArray[np.int32], sentence_ends: NDArray[np.int64], document_ends: NDArray[np.int64]
    ) -> None:
        self.tokens += len(ids)
        if self._writer is None and 4 * self.tokens > self._limit:
            self._folder = self._temporary = Path(tempfile.mkdtemp(prefix="fastnlp-corpus-"))
            self._writer = FolderWriter(self._folder)
            for held in self._ids:
                self._writer.write(ids=held)
            for ends in self._sentences:
                self._writer.write(sentence_ends=ends[ends > 0])
            for ends in self._documents:
                self._writer.write(document_ends=ends[ends > 0])
            self._ids, self._sentences, self._documents = [], [], []
        if self._writer is not None:
            self._writer.write(ids, sentence_ends, document_ends)
            return
        self._ids.append(ids)
        self._sentences.append(sentence_ends)
        self._documents.append(document_ends)

    def finish(self, vocab: Vocab) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        if self._writer is None:
            return np.concatenate(self._ids), np.concatenate(self._sentences), np.concatenate(self._documents)
        self._writer.__exit__(None, None, None)
        self._writer.describe(vocab)
        self._writer = None
        assert self._folder is not None
        return open_folder(self._folder)[:3]

    def keep(self) -> Path | None:
        """Hands the temporary folder over to the caller."""
        folder, self._temporary = self._temporary, None
        return folder

    def close(self) -> None:
        """Ends what was not finished, and removes the temporary folder unless it was kept."""
        if self._writer is not None:
            self._writer.__exit__(InterruptedError, None, None)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
