"""Unpacking archives that are not trusted."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

_PIECE = 1 << 20


def unpack(archive: str | os.PathLike[str], folder: str | os.PathLike[str], *, max_bytes: int) -> None:
    """Unpacks a zip archive, or refuses it before the first byte outside `folder`, or too many, are written.

    Args:
        archive: the zip file.
        folder: where to put its files; an empty folder. After an error it may hold a part of them.
        max_bytes: how much the files may hold in all.

    Raises:
        ValueError: the file is no zip archive or damaged; a name in it is absolute, leads out of the folder,
            or stands twice; an entry is a link, a device or encrypted; or it holds more than `max_bytes`.
    """
    name = os.fspath(archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            _check(name, members, max_bytes)
            left = max_bytes
            for member in members:
                target = Path(folder, member.filename)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, target.open("xb") as file:
                    while piece := source.read(_PIECE):
                        left -= len(piece)
                        if left < 0:  # the directory of the archive may lie about sizes
                            raise ValueError(f"{name}: expected at most {max_bytes} bytes, got more")
                        file.write(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"{name}: expected a zip archive that can be unpacked: {error}") from error


def _check(name: str, members: list[zipfile.ZipInfo], max_bytes: int) -> None:
    seen: set[str] = set()
    for member in members:
        path = PurePosixPath(member.filename)
        if (
            path.is_absolute()
            or ".." in path.parts
            or not path.parts
            or "\\" in member.filename
            or ":" in member.filename
        ):
            raise ValueError(f"{name}: expected names inside the folder, got {member.filename!r}")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ValueError(
                f"{name}: expected files and folders, but {member.filename!r} is a link or a device"
            )
        if member.flag_bits & 1:
            raise ValueError(f"{name}: expected plain files, but {member.filename!r} is encrypted")
        folded = str(path).casefold()
        if folded in seen:
            raise ValueError(f"{name}: expected each name once, got {member.filename!r} again")
        seen.add(folded)
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise ValueError(f"{name}: expected at most {max_bytes} bytes when unpacked, got {total}")
