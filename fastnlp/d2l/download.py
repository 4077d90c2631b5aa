"""The book's table of files, and how they come here."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from fastnlp.datasets import cache_folder
from fastnlp.datasets.archive import unpack
from fastnlp.datasets.catalogue import PTB, WIKITEXT2, Dataset
from fastnlp.datasets.download import fetch
from fastnlp.io.atomic import atomic_directory

DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"
DATA_HUB: dict[str, tuple[str, str]] = {
    "ptb": (DATA_URL + "ptb.zip", PTB.sha1),
    "wikitext-2": (WIKITEXT2.url, WIKITEXT2.sha1),
    "glove.6b.50d": (DATA_URL + "glove.6B.50d.zip", "0b8703943ccdb6eb788e6f091b8946e82231bc4d"),
    "glove.6b.100d": (DATA_URL + "glove.6B.100d.zip", "cd43bfb07e44e6f27cbcc7bc9ae3d80284fdaf5a"),
    "glove.42b.300d": (DATA_URL + "glove.42B.300d.zip", "b5116e234e9eb9076672cfeabf5469f3eec904fa"),
    "wiki.en": (DATA_URL + "wiki.en.zip", "c1816da3821ae9f43899be655002f6c723e91b88"),
}

_LARGEST_ARCHIVE = 4 << 30
_LARGEST_CONTENT = 16 << 30


def _find(name: str) -> Dataset:
    hub: dict[str, tuple[str, str]] = sys.modules["fastnlp.d2l"].__dict__["DATA_HUB"]
    if name not in hub:
        raise ValueError(f"name: expected one of {sorted(hub)} (the keys of d2l.DATA_HUB), got {name!r}")
    url, sha1 = hub[name]
    return Dataset(
        name=name,
        url=url,
        archive=url.rsplit("/", 1)[-1],
        sha1=sha1,
        archive_bytes=_LARGEST_ARCHIVE,
        unpacked_bytes=_LARGEST_CONTENT,
        members={},
    )


def _default_folder() -> Path:
    """The book's ../data where there is one, else the cache of `fastnlp.datasets`."""
    book = Path("..") / "data"
    return book if book.is_dir() and os.access(book, os.W_OK) else cache_folder()


def data_folders() -> list[Path]:
    """The folders that hold files beforehand: ../data, and the one that FASTNLP_DATA names."""
    given = os.environ.get("FASTNLP_DATA")
    return [Path("..") / "data", *([Path(given)] if given else [])]


def _places(dataset: Dataset, folder: Path) -> Iterator[Path]:
    """Where the file may lie already."""
    yield folder / dataset.archive
    for place in data_folders():
        yield place / dataset.archive
        yield place / dataset.name / dataset.archive


def _has_sha1(path: Path, sha1: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest() == sha1


def download(name: str, cache_dir: str | os.PathLike[str] | None = None) -> str:
    """The path of a file of `DATA_HUB`, fetched unless a file with the right sha1 is here.

    Looked for in `cache_dir`, in ../data and in the folder that the variable FASTNLP_DATA names.

    Args:
        name: a key of `d2l.DATA_HUB`, as it is at the time of the call.
        cache_dir: where to put what is fetched; None takes ../data where it exists, else the cache of
            `fastnlp.datasets`.

    Returns:
        The path.

    Raises:
        ValueError: the name is not in `DATA_HUB`, or what was fetched has another sha1.
        ConnectionError: the file is not here and its address does not answer.
    """
    dataset = _find(name)
    folder = Path(cache_dir) if cache_dir is not None else _default_folder()
    for place in _places(dataset, folder):
        if _has_sha1(place, dataset.sha1):
            return str(place)
    target = folder / dataset.archive
    print(f"Downloading {target} from {dataset.url}...")
    folder.mkdir(parents=True, exist_ok=True)
    fetch(dataset, target)
    return str(target)


def download_extract(name: str, folder: str | None = None) -> str:
    """The folder with the files of a zip archive of `DATA_HUB`.

    Archives are unpacked once, each into a folder that carries its sha1 and appears whole or not at all; the
    book unpacks at each call, over what is there.

    Args:
        name: a key of `d2l.DATA_HUB`.
        folder: the name of the folder in the archive; None for that of the archive.

    Returns:
        The path of the folder.

    Raises:
        ValueError: see `download`; or the file is no zip archive or one that may not be unpacked.
        ConnectionError: see `download`.
    """
    archive, dataset = Path(download(name)), _find(name)
    unpacked = _default_folder() / f"{archive.name}-{dataset.sha1[:12]}"
    if not unpacked.is_dir():
        with atomic_directory(unpacked) as fresh:
            unpack(archive, fresh, max_bytes=dataset.unpacked_bytes)
    return str(unpacked / (folder or archive.stem))
