"""The file of phrases: JSON lines, UTF-8.

Line 1 is an object with the format, its version, the number of phrases of each pass, the CRC-32 of all that
follows the line, and the settings. Each further line is `[[first word, ..., second word], count, score]`.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from pathlib import Path
from typing import Any

from fastnlp.io.atomic import atomic_write
from fastnlp.text.phrase_pass import Phrase

_FORMAT = "fastnlp-phrases"
_VERSION = 1
_SETTINGS = ("scoring", "min_count", "threshold", "connector_words", "delimiter", "passes")


def save(path: str | os.PathLike[str], settings: dict[str, Any], found: list[list[Phrase]]) -> None:
    """Writes phrases, whole or not at all.

    Args:
        path: the file to create or replace.
        settings: what the phrases were found with.
        found: the phrases of each pass.
    """
    rows = ([each.words, each.count, each.score] for phrases in found for each in phrases)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    body = "".join(line + "\n" for line in lines).encode()
    header = {"format": _FORMAT, "version": _VERSION, "phrases": list(map(len, found))}
    header |= {"crc32": zlib.crc32(body), **settings}
    with atomic_write(path) as file:
        file.write(json.dumps(header, ensure_ascii=False).encode() + b"\n")
        file.write(body)


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[list[Phrase]]]:
    """Reads what `save` wrote.

    Args:
        path: the file.

    Returns:
        The settings, and the phrases of each pass.

    Raises:
        ValueError: the file holds no phrases, is of a newer version, cut short or changed; the message says
            where.
    """
    name = os.fspath(path)
    first, _, body = Path(path).read_bytes().partition(b"\n")
    try:
        header: Any = json.loads(first)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise ValueError(f"{name}: expected phrases, whose first line names the format {_FORMAT!r}")
    if header.get("version") != _VERSION:
        raise ValueError(f"{name}: expected format version {_VERSION}, got {header.get('version')!r}")
    sizes = header.get("phrases")
    if (
        not isinstance(sizes, list)
        or not all(type(size) is int and size >= 0 for size in sizes)
        or not set(_SETTINGS) <= set(header)
    ):
        raise ValueError(f"{name}: damaged phrases: line 1 lacks a setting or the number of phrases")
    lines = body.split(b"\n")[:-1]
    if len(lines) != sum(sizes) or not (body.endswith(b"\n") or not body):
        raise ValueError(
            f"{name}: damaged phrases: expected {sum(sizes)} lines after the first, got {len(lines)}"
        )
    if zlib.crc32(body) != header.get("crc32"):
        raise ValueError(f"{name}: damaged phrases: the lines after the first do not match their CRC-32")
    numbered = enumerate(lines, 2)
    found = [[_phrase(name, *next(numbered)) for _ in range(size)] for size in sizes]
    return {key: header[key] for key in _SETTINGS}, found


def _phrase(name: str, number: int, line: bytes) -> Phrase:
    try:
        words, count, score = json.loads(line)
        if not isinstance(words, list) or len(words) < 2 or not all(isinstance(w, str) and w for w in words):
            raise ValueError("expected at least two words")
        if type(count) is not int or type(score) is not float or not math.isfinite(score):
            raise ValueError("expected a count and a score")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: damaged phrases: line {number}: {error}") from None
    return Phrase(tuple(words), count, score)
