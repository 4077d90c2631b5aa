"""Counting the pieces of a text, in a stream and on all threads."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.io.source_files import SourceFile, encode_text, source_files, total_bytes
from fastnlp.tokenizers.pretokenizers import BUILT_IN, compile_pattern, split_by
from fastnlp.tokenizers.texts import checked_threads

_BLOCK_PER_THREAD = 2 << 20
_LARGEST_BLOCK = 32 << 20
_MERGED_AT_ONCE = 1 << 17
_PIECES_AT_ONCE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class CountOptions:
    """How a text is read and cut; sizes that the result does not depend on are last."""

    pretokenizer: str
    by_line: bool = True
    strict: bool = True
    threads: int | None = None
    progress: Callable[[int, int | None], object] | None = None
    block_bytes: int | None = None


def count_pieces(source: Any, options: CountOptions) -> _core.PieceCounter:
    """Counts the distinct pieces of a text.

    Args:
        source: as for `train_bpe`.
        options: as for `train_bpe`; the pre-tokenizer "words" gives pieces without white space.

    Returns:
        A counter that has ended.

    Raises:
        ValueError: the text is not UTF-8, a gzip file is damaged, or a table has an empty word or a count
        below 1. TypeError: the source is of no kind that can be read.
    """
    threads = checked_threads(options.threads)
    built_in = options.pretokenizer in BUILT_IN or options.pretokenizer == "words"
    counter = _core.PieceCounter(
        options.pretokenizer if built_in else "none",
        options.by_line,
        options.strict,
        threads,
        secrets.randbits(64),
    )
    block_bytes = options.block_bytes or min(_BLOCK_PER_THREAD * threads, _LARGEST_BLOCK)
    if isinstance(source, Mapping):
        _add_table(counter, source)
    elif (files := source_files(source)) is not None:
        if built_in:
            _add_files(counter, files, options, block_bytes)
        else:
            _add_matches(counter, _documents(files, options, block_bytes), options.pretokenizer)
    elif built_in:
        _add_items(counter, source, options, block_bytes)
    else:
        _add_matches(counter, _items(source), options.pretokenizer)
    while not counter.merge(_MERGED_AT_ONCE):
        pass
    return counter


def _blocks(
    files: list[Any], options: CountOptions, block_bytes: int
) -> Iterator[tuple[str, bytes | memoryview | None]]:
    """Each block with the name of its file; None ends a file."""
    total = total_bytes(files)
    done = 0
    for file in files:
        reader = SourceFile(file)
        try:
            try:
                for block in reader.blocks(block_bytes, "strict"):
                    yield reader.name, block
                    if options.progress is not None:
                        options.progress(done + reader.bytes_read(), total)
            except ValueError as error:
                raise ValueError(f"{reader.name}: {error}") from None
            done += reader.bytes_read()
            yield reader.name, None
        finally:
            reader.close()


def _add_files(
    counter: _core.PieceCounter, files: list[Any], options: CountOptions, block_bytes: int
) -> None:
    for name, block in _blocks(files, options, block_bytes):
        try:
            if block is None:
                counter.end_source()
            else:
                counter.feed(block)
        except ValueError as error:
            characters = options.pretokenizer == "words" or "UTF-8" not in str(error)
            hint = "" if characters else "; pass errors='keep' to train on any bytes"
            raise ValueError(f"{name}: {error}{hint}") from None


def _add_items(
    counter: _core.PieceCounter, source: Iterable[Any], options: CountOptions, block_bytes: int
) -> None:
    waiting: list[bytes] = []
    size = done = 0

    def flush() -> None:
        nonlocal size, done
        if waiting:
            counter.add_documents(*_packed(waiting))
            waiting.clear()
        done += size
        size = 0
        if options.progress is not None:
            options.progress(done, None)

    for document in _items(source):
        waiting.append(document.encode())
        size += len(waiting[-1])
        if size >= block_bytes or len(waiting) >= _PIECES_AT_ONCE:
            flush()
    flush()


def _items(source: Iterable[Any]) -> Iterator[str]:
    for i, item in enumerate(source):
        if not isinstance(item, str):
            raise TypeError(f"source: expected documents (str), got {type(item).__name__} as item {i}")
        if not item.isascii():
            encode_text(item, f"source: document {i} holds ", "strict")
        yield item


def _documents(files: list[Any], options: CountOptions, block_bytes: int) -> Iterator[str]:
    """For patterns of users: the lines of files, or files as a whole."""
    held = bytearray()
    for name, block in _blocks(files, options, block_bytes):
        if block is not None:
            held += block
            ends = held.rfind(b"\n") + 1 if options.by_line else 0
        else:
            ends = len(held)
        try:
            text = held[:ends].decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}: expected UTF-8, which a pattern needs, got byte {error.object[error.start]:#04x}"
            ) from None
        del held[:ends]
        if options.by_line:
            lines = text.split("\n")
            yield from (line + "\n" for line in lines[:-1])
            text = lines[-1]
        if text:
            yield text


def _add_matches(counter: _core.PieceCounter, documents: Iterable[str], pattern: str) -> None:
    compiled = compile_pattern(pattern)
    pieces: Counter[str] = Counter()
    for document in documents:
        pieces.update(split_by(compiled, document))
        if len(pieces) >= _PIECES_AT_ONCE:
            _add_counts(counter, pieces)
            pieces.clear()
    _add_counts(counter, pieces)


def _add_counts(counter: _core.PieceCounter, pieces: Mapping[str, int]) -> None:
    if pieces:
        counts = np.fromiter(pieces.values(), np.int64, len(pieces))
        counter.add_pieces(*_packed([piece.encode() for piece in pieces]), counts)


def _add_table(counter: _core.PieceCounter, table: Mapping[Any, Any]) -> None:
    for word, count in table.items():
        if not isinstance(word, str):
            raise TypeError(f"source: expected words (str) as keys, got {type(word).__name__}")
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
            raise TypeError(f"source[{word!r}]: expected an int, got {type(count).__name__}")
        if not 1 <= count < 2**63:
            raise ValueError(f"source[{word!r}]: expected a count of 1 to 2^63 - 1, got {count}")
        if not word or any(map(str.isspace, word)):
            raise ValueError(f"source: expected words without white space, got {word!r}")
        encode_text(word, "source: a word holds ", "strict")
    _add_counts(counter, table)


def _packed(pieces: list[bytes]) -> tuple[bytes, NDArray[np.int64]]:
    offsets = np.zeros(len(pieces) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, pieces), np.int64, len(pieces)), out=offsets[1:])
    return b"".join(pieces), offsets
