"""Where a text comes from: files, gzip, standard input, lines, token lists, all read in blocks."""

from __future__ import annotations

import gzip
import io
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core

Progress = Callable[[int, int | None], object]
Stream = NDArray[np.int32]

_GZIP_MAGIC = b"\x1f\x8b"
_SENTENCES = 4096  # token lists handed over at a time
_SURROGATES = re.compile("[\ud800-\udfff]")


def read_source(
    source: Any,
    counter: _core.TokenCounter,
    *,
    block_bytes: int,
    errors: Literal["strict", "replace"],
    progress: Progress | None = None,
) -> Iterator[Stream]:
    """Feeds a text to a counter and gives the stream of provisional ids, piece by piece.

    Args:
        source: as for `Corpus.from_text`.
        counter: counts the words.
        block_bytes: how much is read at a time.
        errors: "strict" or "replace".
        progress: called after each block with the bytes read and their total, None if unknown.

    Yields:
        (N,) int32 pieces of the stream.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the text is not UTF-8, or a gzip file is damaged.
        TypeError: the source is of no kind that can be read.
    """
    files = _files(source)
    if files is None:
        yield from _read_items(source, counter, block_bytes, errors, progress)
        return
    total = _total(files)
    done = 0
    for file in files:
        reader = _FileReader(file)
        try:
            for stream in reader.read(counter, block_bytes, errors):
                if progress is not None:
                    progress(done + reader.bytes_read(), total)
                yield stream
            done += reader.bytes_read()
        finally:
            reader.close()


def _files(source: Any) -> list[Any] | None:
    """The paths and open files of a source, or None where it is an iterable of lines or token lists."""
    files: list[Any]
    if isinstance(source, str):
        if source != "-" and not _is_file(source):
            shown = source if len(source) <= 80 else source[:77] + "..."
            raise FileNotFoundError(
                f"source: expected a file, several, '-', or an iterable of lines, got the str {shown!r}, "
                f"which is no file; to give the text itself, put its lines into a list"
            )
        files = [source]
    elif isinstance(source, (bytes, bytearray, memoryview)):
        raise TypeError(
            "source: expected a file name or lines of str, got bytes; decode them, or use io.BytesIO"
        )
    elif isinstance(source, os.PathLike) or hasattr(source, "read"):
        files = [source]
    elif isinstance(source, (list, tuple)) and source:
        first = source[0]
        named = isinstance(first, os.PathLike) or (
            isinstance(first, str) and (first == "-" or _is_file(first))
        )
        if not named and not hasattr(first, "read"):
            return None
        files = list(source)
    elif isinstance(source, Iterable):
        return None
    else:
        raise TypeError(
            f"source: expected a file, several, '-', or an iterable of lines or token lists, got "
            f"{type(source).__name__}"
        )
    for i, file in enumerate(files):
        if hasattr(file, "read") or (isinstance(file, str) and file == "-"):
            continue
        if not isinstance(file, (str, os.PathLike)):
            raise TypeError(
                f"source[{i}]: expected a file name like those before it, got {type(file).__name__}"
            )
        if not Path(file).exists():
            raise FileNotFoundError(f"source: expected a file, but {os.fspath(file)!r} does not exist")
        if Path(file).is_dir():
            raise IsADirectoryError(
                f"source: expected a file, got the folder {os.fspath(file)!r}; list its files"
            )
    return files


def _is_file(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL character
        return False


def _total(files: list[Any]) -> int | None:
    total = 0
    for file in files:
        if hasattr(file, "read") or file == "-" or not Path(file).is_file():
            return None
        total += Path(file).stat().st_size
    return total


class _FileReader:
    """One file of a source: opens it, unpacks it, and names it in messages."""

    def __init__(self, file: Any) -> None:
        self._opened: list[Any] = []
        self._raw: Any = None
        self._fed = 0
        if hasattr(file, "read"):
            self.name = str(getattr(file, "name", "<file>"))
            self._file = file
        elif isinstance(file, str) and file == "-":
            self.name = "<stdin>"
            self._file = getattr(sys.stdin, "buffer", sys.stdin)
        else:
            self.name = os.fspath(file)
            self._raw = self._file = Path(file).open("rb", buffering=0)  # noqa: SIM115 (closed by `close`)
            self._opened.append(self._raw)
        if isinstance(self._file, io.FileIO):
            buffered = io.BufferedReader(self._file, 1 << 16) if self._raw is not None else None
            if buffered is not None and buffered.peek(2)[:2] == _GZIP_MAGIC:
                self._file = gzip.GzipFile(fileobj=buffered)
            elif buffered is not None:
                self._file = buffered
        elif isinstance(self._file, io.BufferedReader) and self._file.peek(2)[:2] == _GZIP_MAGIC:
            self._file = gzip.GzipFile(fileobj=self._file)

    def bytes_read(self) -> int:
        """How far the file itself has been read; of an open file, how much came out of it."""
        return self._raw.tell() if self._raw is not None else self._fed

    def close(self) -> None:
        for file in self._opened:
            file.close()

    def read(self, counter: _core.TokenCounter, block_bytes: int, errors: str) -> Iterator[Stream]:
        counter.begin_source(True)
        try:
            for block in self._blocks(block_bytes, errors):
                self._fed += len(block)
                yield counter.feed(block)
            yield counter.end_source()
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{self.name}: damaged gzip file: {error}") from error
        except ValueError as error:
            hint = "; pass errors='replace' to read such bytes as U+FFFD" if "UTF-8" in str(error) else ""
            raise ValueError(f"{self.name}: {error}{hint}") from None

    def _blocks(self, block_bytes: int, errors: str) -> Iterator[memoryview | bytes]:
        if not hasattr(self._file, "readinto"):
            while block := self._file.read(block_bytes):
                yield block if isinstance(block, bytes) else _utf8(block, "", errors)
            return
        memory = memoryview(bytearray(block_bytes))
        while size := self._file.readinto(memory):
            yield memory[:size]


def _read_items(
    source: Iterable[Any],
    counter: _core.TokenCounter,
    block_bytes: int,
    errors: Literal["strict", "replace"],
    progress: Progress | None,
) -> Iterator[Stream]:
    """Lines and token lists, in any mixture."""
    lines: list[str] = []
    characters = 0
    sentences: list[list[str]] = []
    done = 0
    counter.begin_source(False)

    def flush() -> Iterator[Stream]:
        nonlocal characters, done
        if lines:
            lines.append("")
            block = _utf8("\n".join(lines), "source: a line holds ", errors)
            lines.clear()
            characters = 0
            done += len(block)
            for start in range(0, len(block), block_bytes):
                yield counter.feed(memoryview(block)[start : start + block_bytes])
        if sentences:
            done += sum(map(len, sentences))
            yield _add_sentences(counter, sentences, errors)
            sentences.clear()
        if progress is not None:
            progress(done, None)

    for i, item in enumerate(source):
        if isinstance(item, str):
            if sentences:
                yield from flush()
            lines.append(item.removesuffix("\n"))
            characters += len(item) + 1
            if characters >= block_bytes:
                yield from flush()
        elif isinstance(item, Iterable) and not isinstance(item, (bytes, bytearray, memoryview)):
            if lines:
                yield from flush()
            sentences.append(item if isinstance(item, list) else list(item))
            if len(sentences) >= _SENTENCES:
                yield from flush()
        else:
            raise TypeError(
                f"source: expected lines (str) or lists of tokens, got {type(item).__name__} as item {i}"
            )
    yield from flush()
    yield counter.end_source()


def _utf8(text: str, name: str, errors: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        if errors == "replace":
            return _SURROGATES.sub("\ufffd", text).encode()
        shown = text[max(0, error.start - 20) : error.end + 20]
        raise ValueError(
            f"{name}half a surrogate pair, which is not Unicode text that UTF-8 can hold: {shown!r}"
        ) from None


def _add_sentences(counter: _core.TokenCounter, sentences: list[list[str]], errors: str) -> Stream:
    if errors == "replace":
        sentences = [
            [_SURROGATES.sub("\ufffd", token) if isinstance(token, str) else token for token in sentence]
            for sentence in sentences
        ]
    try:
        return counter.add_sentences(sentences)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"source: the token {error.object!r} holds half a surrogate pair, which is no Unicode text"
        ) from None
    except ValueError as error:
        raise ValueError(f"source: {error}") from None
