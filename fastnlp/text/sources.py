"""Where a text comes from: files, gzip, standard input, lines, token lists, all read in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.io.source_files import SURROGATES, SourceFile, encode_text, source_files, total_bytes

Progress = Callable[[int, int | None], object]
Stream = NDArray[np.int32]

_SENTENCES = 4096  # token lists handed over at a time


class TextInBlocks:
    """A text as a source of `Corpus.from_text`, for what has its bytes already.

    Args:
        blocks: UTF-8, cut anywhere, lines ended by line feeds; each is read before the next is asked for.
    """

    def __init__(self, blocks: Iterable[bytes | memoryview]) -> None:
        self.blocks = blocks


def read_source(
    source: Any,
    counter: _core.TokenCounter,
    *,
    block_bytes: int,
    errors: Literal["strict", "replace"],
    ahead: bool = False,
    progress: Progress | None = None,
) -> Iterator[Stream]:
    """Feeds a text to a counter and gives the stream of provisional ids, piece by piece.

    Args:
        source: as for `Corpus.from_text`.
        counter: counts the words.
        block_bytes: how much is read at a time.
        errors: "strict" or "replace".
        ahead: read the next block of a file, on a thread, while one is counted.
        progress: called after each block with the bytes read and their total, None if unknown.

    Yields:
        (N,) int32 pieces of the stream.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the text is not UTF-8, or a gzip file is damaged.
        TypeError: the source is of no kind that can be read.
    """
    if isinstance(source, TextInBlocks):
        counter.begin_source(False)
        for block in source.blocks:
            yield counter.feed(block)
        yield counter.end_source()
        return
    files = source_files(source)
    if files is None:
        yield from _read_items(source, counter, block_bytes, errors, progress)
        return
    total = total_bytes(files)
    done = 0
    for file in files:
        reader = SourceFile(file)
        try:
            for stream in _read_file(reader, counter, block_bytes, errors, ahead):
                if progress is not None:
                    progress(done + reader.bytes_read(), total)
                yield stream
            done += reader.bytes_read()
        finally:
            reader.close()


def _read_file(
    file: SourceFile,
    counter: _core.TokenCounter,
    block_bytes: int,
    errors: Literal["strict", "replace"],
    ahead: bool,
) -> Iterator[Stream]:
    counter.begin_source(True)
    try:
        for block in file.blocks(block_bytes, errors, ahead=ahead):
            yield counter.feed(block)
        yield counter.end_source()
    except ValueError as error:
        hint = "; pass errors='replace' to read such bytes as U+FFFD" if "UTF-8" in str(error) else ""
        raise ValueError(f"{file.name}: {error}{hint}") from None


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
            block = encode_text("\n".join(lines), "source: a line holds ", errors)
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


def _add_sentences(counter: _core.TokenCounter, sentences: list[list[str]], errors: str) -> Stream:
    if errors == "replace":
        sentences = [
            [SURROGATES.sub("\ufffd", token) if isinstance(token, str) else token for token in sentence]
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
