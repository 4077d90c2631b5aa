"""Which format a file of word vectors has, by its name and by its first bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TypeAlias

from fastnlp.io.fasttext import is_fasttext
from fastnlp.io.safetensors import looks_like_safetensors
from fastnlp.io.vectors_file import MAGIC
from fastnlp.io.word2vec import open_packed, refuse_foreign

__all__ = ["Format", "format_from_name", "sniff_format"]

Format: TypeAlias = Literal[
    "word2vec-text", "word2vec-binary", "glove", "fasttext", "npz", "safetensors", "fastnlp"
]

_SNIFFED = 1 << 16
_PLAIN_SUFFIXES: dict[str, Format] = {".npz": "npz", ".safetensors": "safetensors", ".fnv": "fastnlp"}


def format_from_name(path: str | os.PathLike[str]) -> Format | None:
    """The format that a file's name stands for, or None where the name does not say.

    Args:
        path: .bin is word2vec binary, .vec and .txt are word2vec text, each with or without .gz; .npz,
            .safetensors and .fnv (fastnlp's own) are what they say.

    Returns:
        The format.

    Example:
        >>> format_from_name("wiki.vec.gz")
        'word2vec-text'
        >>> format_from_name("wiki") is None
        True
    """
    full = Path(path).name.lower()
    for suffix, plain in _PLAIN_SUFFIXES.items():
        if full.endswith(suffix):
            return plain
    name = full.removesuffix(".gz")
    if name.endswith(".bin"):
        return "word2vec-binary"
    return "word2vec-text" if name.endswith((".vec", ".txt")) else None


def sniff_format(path: str | os.PathLike[str]) -> Format:
    """The format of a file of word vectors, from its first bytes.

    Args:
        path: the file.

    Returns:
        "fasttext", "npz", "safetensors" and "fastnlp" where the file starts as these do, "glove" where there
        is no line "V D", else "word2vec-text" where the first row ends in a decimal number, else
        "word2vec-binary".

    Raises:
        ValueError: the file is empty, a pipe, or a known other format.
    """
    if is_fasttext(path):
        return "fasttext"
    if looks_like_safetensors(path):
        return "safetensors"
    with open_packed(path) as file:
        start = file.read(_SNIFFED)
    if start.startswith(MAGIC):
        return "fastnlp"
    if start.startswith(b"PK\x03\x04"):
        return "npz"
    refuse_foreign(path, start)
    first, _, rest = start.partition(b"\n")
    if len(first.split()) > 2:
        return "glove"
    fields = rest.partition(b"\n")[0].split()
    try:
        float(fields[-1])
    except (IndexError, ValueError):
        return "word2vec-binary"
    return "word2vec-text"
