"""What is known of each published data set: its address, its checksum, its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A published archive and the texts in it.

    Attributes:
        name: what `download` calls it, and its folder in the cache and in `FASTNLP_DATA`.
        url: where it is published.
        archive: the name of the archive.
        sha1: of the archive.
        archive_bytes: no archive larger than this is downloaded.
        unpacked_bytes: no more than this is unpacked.
        members: the path in the archive of each split.
    """

    name: str
    url: str
    archive: str
    sha1: str
    archive_bytes: int
    unpacked_bytes: int
    members: Mapping[str, str]


PTB = Dataset(
    name="ptb",
    url="http://d2l-data.s3-accelerate.amazonaws.com/ptb.zip",
    archive="ptb.zip",
    sha1="319d85e578af0cdc590547f26231e4e31cdf1e42",
    archive_bytes=8 << 20,
    unpacked_bytes=64 << 20,
    members={split: f"ptb/ptb.{split}.txt" for split in ("train", "valid", "test")},
)

WIKITEXT2 = Dataset(
    name="wikitext-2",
    url="https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",
    archive="wikitext-2-v1.zip",
    sha1="3c914d17d80b1459be871a5039ac23e752a53cbe",
    archive_bytes=32 << 20,
    unpacked_bytes=128 << 20,
    members={split: f"wikitext-2/wiki.{split}.tokens" for split in ("train", "valid", "test")},
)

DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in (PTB, WIKITEXT2)}


def find_dataset(name: str) -> Dataset:
    """The entry of a data set.

    Args:
        name: "ptb" or "wikitext-2".

    Returns:
        Its entry.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in DATASETS:
        raise ValueError(f"name: expected one of {', '.join(map(repr, DATASETS))}, got {name!r}")
    return DATASETS[name]
