"""Fetching published data sets into a cache: checked by sha1, whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from fastnlp.datasets.archive import unpack
from fastnlp.datasets.catalogue import Dataset, find_dataset
from fastnlp.io.atomic import atomic_directory, atomic_write

_PIECE = 1 << 18
_TIMEOUT = 30.0


def cache_folder() -> Path:
    """Where downloaded data sets are kept: `FASTNLP_CACHE`, or `fastnlp` in the user's cache folder.

    Returns:
        The folder; it may not exist yet.
    """
    chosen = os.environ.get("FASTNLP_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fastnlp"


def download(name: str) -> Path:
    """Fetches a data set, unless it is there, and unpacks it in the cache.

    Args:
        name: "ptb" (the Penn Treebank of Mikolov) or "wikitext-2" (Merity et al. 2016, arXiv:1609.07843).

    Returns:
        The folder with its files.

    Raises:
        ValueError: there is no such data set, or what was fetched is not it.
        ConnectionError: the network is closed; the message says which file to put where.
    """
    dataset = find_dataset(name)
    folder = cache_folder() / dataset.name
    if all((folder / member).is_file() for member in dataset.members.values()):
        return folder
    archive = _given_archive(dataset)
    with atomic_directory(folder) as fresh:
        if archive is None:
            archive = fresh / dataset.archive
            fetch(dataset, archive)
        else:
            shutil.copyfile(archive, fresh / dataset.archive)
        unpack(fresh / dataset.archive, fresh, max_bytes=dataset.unpacked_bytes)
        missing = [member for member in dataset.members.values() if not (fresh / member).is_file()]
        if missing:
            raise ValueError(f"{dataset.archive}: expected {missing[0]} in it, got an archive without")
    return folder


def fetch(dataset: Dataset, target: Path) -> None:
    """Downloads the archive of a data set and checks it.

    Args:
        dataset: what to fetch.
        target: the file to create.

    Raises:
        ValueError: the archive is too large or has another sha1.
        ConnectionError: it cannot be reached; the message says which file to put where.
    """
    request = urllib.request.Request(dataset.url, headers={"User-Agent": "fastnlp"})
    digest = hashlib.sha1(usedforsecurity=False)
    size = 0
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer, atomic_write(target) as file:
            while piece := answer.read(_PIECE):
                size += len(piece)
                if size > dataset.archive_bytes:
                    raise ValueError(
                        f"{dataset.url}: expected at most {dataset.archive_bytes} bytes, got more"
                    )
                digest.update(piece)
                file.write(piece)
            check_sha1(dataset, dataset.url, digest.hexdigest())
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is also the answer, with an open socket
        raise ConnectionError(
            f"{dataset.name}: cannot fetch {dataset.url} ({getattr(error, 'reason', error)}). "
            f"Where the network is closed, bring {dataset.archive} (sha1 {dataset.sha1}) from elsewhere and "
            f"put it at "
            f"{cache_folder() / dataset.archive}, or into a folder that the variable FASTNLP_DATA names"
        ) from error


def check_sha1(dataset: Dataset, name: str, digest: str) -> None:
    """Refuses an archive that is not the published one.

    Args:
        dataset: what it should be.
        name: what it is called in the message.
        digest: its sha1 in hexadecimal digits.

    Raises:
        ValueError: the digests differ.
    """
    if digest != dataset.sha1:
        raise ValueError(f"{name}: expected sha1 {dataset.sha1}, got {digest}; it is not the published file")


def _given_archive(dataset: Dataset) -> Path | None:
    """The archive where the user put it, checked, or None."""
    folders = [cache_folder()]
    data = os.environ.get("FASTNLP_DATA")
    if data:
        folders = [Path(data) / dataset.name, Path(data), *folders]
    for folder in folders:
        archive = folder / dataset.archive
        if archive.is_file():
            with archive.open("rb") as file:
                check_sha1(dataset, str(archive), hashlib.file_digest(file, "sha1").hexdigest())
            return archive
    return None
