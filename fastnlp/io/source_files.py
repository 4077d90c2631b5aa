"""Files that a text comes from: by name, open, packed by gzip, or the standard input; read in blocks."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import os
import re
import stat
import sys
import zlib
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np

SURROGATES = re.compile("[\ud800-\udfff]")
"""Halves of pairs, which Python may hold in a str and UTF-8 cannot."""

_GZIP_MAGIC = b"\x1f\x8b"


def source_files(source: Any) -> list[Any] | None:
    """The paths and open files of a source.

    Args:
        source: a path, an open file, "-" for the standard input, a list of those, or an iterable of others.

    Returns:
        What to read, one file after the other; None where the source is an iterable of texts.

    Raises:
        FileNotFoundError: a file is missing.
        TypeError: the source is of no kind that can be read.
    """
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
        return bool(name) and Path(name).exists()  # an empty name would be the current folder
    except (OSError, ValueError):  # too long for a name, or with a NUL character
        return False


def total_bytes(files: list[Any]) -> int | None:
    """The sizes of all files, packed as they may be; None where one is unknown."""
    total = 0
    for file in files:
        if hasattr(file, "read") or file == "-" or not Path(file).is_file():
            return None
        total += Path(file).stat().st_size
    return total


class SourceFile:
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
        """Closes what was opened here."""
        for file in self._opened:
            file.close()

    def blocks(
        self, block_bytes: int, errors: Literal["strict", "replace"], *, ahead: bool = False
    ) -> Iterator[memoryview | bytes]:
        """The bytes of the file, unpacked.

        Args:
            block_bytes: how many at a time.
            errors: for files that were opened as text; what to do with half a surrogate pair.
            ahead: read a block while the one before is used, if it is a file that nobody has to wait for.

        Yields:
            Bytes, which hold until the next are asked for.

        Raises:
            ValueError: a gzip file is damaged or cut short. The message does not name the file.
        """
        try:
            ahead = ahead and self._raw is not None and stat.S_ISREG(os.fstat(self._raw.fileno()).st_mode)
            blocks = self._blocks(block_bytes, errors, rooms=2 if ahead else 1)
            with contextlib.closing(_one_ahead(blocks) if ahead else blocks) as coming:
                for block in coming:
                    self._fed += len(block)
                    yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"damaged gzip file: {error}") from error

    def _blocks(
        self, block_bytes: int, errors: Literal["strict", "replace"], rooms: int
    ) -> Generator[memoryview | bytes, None, None]:
        if not hasattr(self._file, "readinto"):
            while block := self._file.read(block_bytes):
                yield block if isinstance(block, bytes) else encode_text(block, "", errors)
            return
        for memory in itertools.cycle([np.empty(block_bytes, np.uint8).data for _ in range(rooms)]):
            size = self._file.readinto(memory)
            if not size:
                return
            yield memory[:size]


def _one_ahead(blocks: Iterator[memoryview | bytes]) -> Generator[memoryview | bytes, None, None]:
    """The same blocks, each made on a thread while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        try:
            coming = pool.submit(next, blocks, None)
        except RuntimeError:  # the system starts no thread
            yield from blocks
            return
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield block


def encode_text(text: str, name: str, errors: Literal["strict", "replace"]) -> bytes:
    """A text as UTF-8.

    Args:
        text: any.
        name: what a message begins with.
        errors: "replace" makes half a surrogate pair U+FFFD.

    Returns:
        Its bytes.

    Raises:
        ValueError: it holds half a surrogate pair, and `errors` is "strict".
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        if errors == "replace":
            return SURROGATES.sub("\ufffd", text).encode()
        shown = text[max(0, error.start - 20) : error.end + 20]
        raise ValueError(
            f"{name}half a surrogate pair, which is not Unicode text that UTF-8 can hold: {shown!r}"
        ) from None
