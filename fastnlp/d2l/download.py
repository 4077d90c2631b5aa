"""The book's table of files, and how they come here."""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from fastnlp.io.atomic import atomic_write

DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"
DATA_HUB: dict[str, tuple[str, str]] = {
    "ptb": (DATA_URL + "ptb.zip", "319d85e578af0cdc590547f26231e4e31cdf1e42"),
}


def _default_folder() -> Path:
    """The book's ../data where there is one, else the user's cache."""
    book = Path("..") / "data"
    if book.is_dir() and os.access(book, os.W_OK):
        return book
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastnlp"


def _candidates(file_name: str, folder: Path) -> Iterator[Path]:
    yield folder / file_name
    yield Path("..") / "data" / file_name
    if given := os.environ.get("FASTNLP_DATA"):
        yield Path(given) / file_name
        yield Path(given) / file_name.split(".")[0] / file_name


def _entry(name: str) -> tuple[str, str]:
    hub: dict[str, tuple[str, str]] = sys.modules["fastnlp.d2l"].__dict__["DATA_HUB"]
    if name not in hub:
        raise KeyError(f"name: expected one of {sorted(hub)} (the keys of d2l.DATA_HUB), got {name!r}")
    return hub[name]


def _has_sha1(path: Path, sha1: str) -> bool:
    return path.is_file() and hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest() == sha1


def download(name: str, cache_dir: str | os.PathLike[str] | None = None) -> str:
    """The path of a file of `DATA_HUB`, fetched unless a file with the right sha1 is here.

    Looked for in `cache_dir`, in ../data and in the folder that the variable FASTNLP_DATA names.

    Args:
        name: a key of `d2l.DATA_HUB`, as it is at the time of the call.
        cache_dir: where to put what is fetched; None takes ../data where it exists, else ~/.cache/fastnlp.

    Returns:
        The path.

    Raises:
        KeyError: the name is not in `DATA_HUB`.
        ConnectionError: the file is not here and its address does not answer.
        ValueError: what was fetched has another sha1.
    """
    url, sha1 = _entry(name)
    folder = Path(cache_dir) if cache_dir is not None else _default_folder()
    file_name = url.rsplit("/", 1)[-1]
    for path in _candidates(file_name, folder):
        if _has_sha1(path, sha1):
            return str(path)
    print(f"Downloading {folder / file_name} from {url}...")
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            content: bytes = reply.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise ConnectionError(
            f"{name}: {url} does not answer ({error}); put {file_name} with sha1 {sha1} into {folder} "
            "or the folder that FASTNLP_DATA names"
        ) from None
    found = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    if found != sha1:
        raise ValueError(f"{name}: expected a file with sha1 {sha1} from {url}, got {found}")
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / file_name) as file:
        file.write(content)
    return str(folder / file_name)


def _extract_zip(archive: Path, folder: Path) -> None:
    """Unpacks what is not there yet with the right size and checksum."""
    root = folder.resolve()
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            target = (root / member.filename).resolve()
            if not target.is_relative_to(root):
                raise ValueError(
                    f"{archive.name}: expected members within the folder, got {member.filename!r}"
                )
            if member.is_dir():
                continue
            same_size = target.is_file() and target.stat().st_size == member.file_size
            if same_size and zlib.crc32(target.read_bytes()) == member.CRC:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(target) as file:
                file.write(content.read(member))


def download_extract(name: str, folder: str | None = None) -> str:
    """The folder that a zip or tar file of `DATA_HUB` unpacks into.

    Args:
        name: a key of `d2l.DATA_HUB`.
        folder: its name, where it is not that of the archive.

    Returns:
        The path of the folder.

    Raises:
        KeyError, ConnectionError: see `download`.
        ValueError: the file is not a zip or tar file, or would write outside the folder.
    """
    archive = Path(download(name))
    given = os.environ.get("FASTNLP_DATA")
    foreign = given is not None and archive.resolve().is_relative_to(Path(given).resolve())
    base = _default_folder() if foreign or not os.access(archive.parent, os.W_OK) else archive.parent
    if archive.suffix == ".zip":
        _extract_zip(archive, base)
    elif archive.suffix in (".tar", ".gz", ".tgz"):
        base.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as content:
            content.extractall(base, filter="data")
    else:
        raise ValueError(f"{name}: expected a .zip, .tar or .gz file, got {archive.name}")
    return str(base / (folder or archive.name.split(".")[0]))
