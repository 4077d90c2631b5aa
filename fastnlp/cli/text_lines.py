"""Lines of text files, as bytes and some thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Lines", "text_lines"]

_BLOCK = 1 << 20
_MOST_LINES, _MOST_BYTES = 20_000, 8 << 20  # after which lines are given out


class Lines(NamedTuple):
    """Lines that follow one another in a file."""

    name: str
    """The file's."""
    first: int
    """The number of the first line, from 1."""
    lines: list[bytes]
    """Without their ends; a carriage return is no end."""
    ended: bool
    """Whether the last of them has an end. That of a file may have none."""


def text_lines(inputs: list[str]) -> Iterator[Lines]:
    """The lines of files.

    Args:
        inputs: names of files, also .gz; "-" for the standard input.

    Yields:
        At least a line each time, 8 MiB or a few more where lines are short, from one file.

    Raises:
        ValueError: a gzip file is damaged; the message names it.
    """
    from fastnlp.io.source_files import SourceFile, source_files

    for file in source_files(inputs) or []:
        reader = SourceFile(file)
        number = 1
        held: list[bytes] = []
        size = 0
        begun: list[bytes] = []  # parts of a line whose end is not read yet
        try:
            for block in reader.blocks(_BLOCK, "strict"):
                first, *others = bytes(block).split(b"\n")
                begun.append(first)
                if not others:
                    continue
                begun, whole = [others.pop()], b"".join(begun)
                held += [whole, *others]
                size += len(whole) + len(block)
                if len(held) >= _MOST_LINES or size >= _MOST_BYTES:
                    yield Lines(reader.name, number, held, ended=True)
                    number, held, size = number + len(held), [], 0
        except ValueError as error:
            raise ValueError(f"{reader.name}: {error}") from None
        finally:
            reader.close()
        last = b"".join(begun)
        if held or last:
            yield Lines(reader.name, number, [*held, last] if last else held, ended=not last)
