"""Lines of the Penn Treebank and of WikiText-2."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from fastnlp.datasets.catalogue import PTB, WIKITEXT2, Dataset
from fastnlp.datasets.download import download


def ptb(split: str = "train") -> list[str]:
    """The Penn Treebank as prepared by Mikolov: a sentence a line, rare words as `<unk>`, numbers as `N`.

    Looked for in `FASTNLP_DATA` (`ptb.train.txt` or `ptb.zip`, there or in a folder `ptb`), then in the
    cache, then fetched.

    Args:
        split: "train" (42,068 lines), "valid" or "test".

    Returns:
        The lines, without their ends.

    Raises:
        ValueError: there is no such split, or a file is not the published one.
        ConnectionError: the network is closed; the message says which file to put where.
    """
    return _lines(PTB, split)


def wikitext2(split: str = "train") -> list[str]:
    """WikiText-2, good articles of Wikipedia split into words (Merity et al. 2016, arXiv:1609.07843).

    Looked for in `FASTNLP_DATA` (`wiki.train.tokens` or `wikitext-2-v1.zip`, there or in a folder
    `wikitext-2`), then in the cache, then fetched.

    Args:
        split: "train" (36,718 lines), "valid" or "test".

    Returns:
        The lines, without their ends: paragraphs, headings between `=`, and blank lines.

    Raises:
        ValueError: there is no such split, or a file is not the published one.
        ConnectionError: the network is closed; the message says which file to put where.
    """
    return _lines(WIKITEXT2, split)


def _lines(dataset: Dataset, split: str) -> list[str]:
    if split not in dataset.members:
        raise ValueError(f"split: expected one of {', '.join(map(repr, dataset.members))}, got {split!r}")
    path = _given_file(dataset, split) or download(dataset.name) / dataset.members[split]
    content = path.read_bytes()
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: expected UTF-8, got byte {content[error.start]:#04x} at offset {error.start}"
        ) from None
    return lines[:-1] if lines[-1] == "" else lines


def _given_file(dataset: Dataset, split: str) -> Path | None:
    """The text of a split where the user put it, already unpacked."""
    data = os.environ.get("FASTNLP_DATA")
    if not data:
        return None
    member = dataset.members[split]
    places = (Path(data) / member, Path(data) / dataset.name / PurePosixPath(member).name)
    for path in (*places, Path(data) / PurePosixPath(member).name):
        if path.is_file():
            return path
    return None
