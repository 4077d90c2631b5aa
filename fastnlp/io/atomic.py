"""Files and folders that appear whole or not at all.

Every save of the library goes through here: the bytes are written beside the target under a temporary name,
flushed to the disk, and renamed over it. A full disk, an exception or a killed process leaves the old file as
it was.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_MARK = ".partial-"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_place(path: str | os.PathLike[str], *, makes_folders: bool = False) -> None:
    """Refuses before long work what could not be written after it.

    Args:
        path: the file or folder to be created or replaced.
        makes_folders: whether the folders above it are made where they are missing.

    Raises:
        FileNotFoundError: there is no folder for it.
        NotADirectoryError: a file stands where a folder has to.
        PermissionError: the folder takes no new files.
    """
    given = Path(path)
    if given.exists() and not given.is_dir() and not given.is_file():  # a device or a pipe
        return
    folder = Path(os.path.realpath(given)).parent  # of what a link leads to
    while makes_folders and not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(path))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))


def _where_it_leads(path: str | os.PathLike[str]) -> Path:
    """The file or folder behind links, which need not be there yet."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():  # one that leads to itself; newer versions of Path.resolve say nothing of it
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
    return target


def _temporary_name(target: Path) -> Path:
    return target.with_name(f".{target.name}{_MARK}{os.getpid()}-{secrets.token_hex(4)}")


def _sweep(target: Path) -> None:
    """Removes what saves of the same target left behind when their process died."""
    _sweep_named(target.parent, f".{glob.escape(target.name)}{_MARK}*")


def sweep_folder(folder: Path) -> None:
    """Removes what saves into a folder, of whatever names, left behind when their process died."""
    _sweep_named(folder, f".*{_MARK}*")


def remove_whole(path: Path) -> None:
    """Removes a folder so that a process killed meanwhile leaves no part of it under its name."""
    gone = _temporary_name(path)
    path.replace(gone)
    shutil.rmtree(gone)


def _sweep_named(folder: Path, pattern: str) -> None:
    for orphan in folder.glob(pattern):
        pid = orphan.name.rsplit(_MARK, 1)[1].split("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            if orphan.is_dir():
                shutil.rmtree(orphan, ignore_errors=True)
            else:
                orphan.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def named_where_full(path: str | os.PathLike[str]) -> Iterator[None]:
    """Names what was being written when there was no more room, which the system's error does not."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM and (error.filename is None or _MARK in os.fspath(error.filename)):
            error.filename = os.fspath(path)
        raise


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Opens `path` for writing so that it changes only when the block ends without an error.

    A device or a pipe (`/dev/stdout`) is no file that could be replaced, and is written to as it is.

    Args:
        path: the file to create or replace.
        mode: "wb" or "w".
        **options: passed to `open` (encoding, newline, ...).

    Yields:
        The open temporary file.

    Raises:
        OSError: the disk is full or the folder is not writable; the old file is untouched.
        IsADirectoryError: `path` is a folder.

    Example:
        >>> import tempfile, pathlib
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
        >>> with atomic_write(target, "w", encoding="utf-8") as file:
        ...     _ = file.write("whole")
        >>> target.read_text()
        'whole'
    """
    if _is_device_or_pipe(Path(path)):  # /dev/null must not become a file
        with named_where_full(path), Path(path).open(mode, **options) as file:
            yield file
        return
    target = _where_it_leads(path)
    _sweep(target)
    temporary = _temporary_name(target)
    try:
        with named_where_full(path), _opened(temporary, path, mode, options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
        _sync_directory(target.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _is_device_or_pipe(path: Path) -> bool:
    if path.is_dir():
        raise IsADirectoryError(f"path: expected the name of a file, got the folder {path}")
    return path.exists() and not stat.S_ISREG(path.stat().st_mode)


def _opened(temporary: Path, path: str | os.PathLike[str], mode: str, options: dict[str, Any]) -> IO[Any]:
    try:
        return temporary.open(mode.replace("w", "x"), **options)
    except OSError as error:
        # What the user named is the target.
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two folders in one step (renameat2 with RENAME_EXCHANGE); False where the system cannot."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    at_working_directory, exchange = -100, 2
    swapped = library.renameat2(
        at_working_directory, os.fsencode(one), at_working_directory, os.fsencode(other), exchange
    )
    return bool(swapped == 0)


def _take_the_place(temporary: Path, target: Path) -> None:
    """Moves a folder to where another stands, and removes that one only then."""
    if _exchange(temporary, target):
        shutil.rmtree(temporary)
        return
    old = target.with_name(f".{target.name}.replaced-{secrets.token_hex(4)}")  # no name that a sweep removes
    target.replace(old)
    try:
        temporary.replace(target)
    except BaseException:
        old.replace(target)
        raise
    shutil.rmtree(old)


@contextlib.contextmanager
def atomic_directory(path: str | os.PathLike[str], mark: str | None = None) -> Iterator[Path]:
    """Fills a folder that takes the place of `path` only when the block ends without an error.

    A folder that already stands at `path` changes places with the new one in one step where the system can
    (Linux), and is removed afterwards. A file there is an error.

    Args:
        path: the folder to create or replace.
        mark: the file by which a folder of this kind is known; one without it that is not empty holds
            something else, and is not replaced. None replaces any.

    Yields:
        The empty temporary folder to fill.

    Raises:
        NotADirectoryError: `path` is a file.
        FileExistsError: a folder of something else stands there.
        OSError: writing failed; the old folder is untouched.

    Example:
        >>> import tempfile, pathlib
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "folder"
        >>> with atomic_directory(target) as folder:
        ...     _ = (folder / "a").write_text("1")
        >>> sorted(p.name for p in target.iterdir())
        ['a']
    """
    target = _where_it_leads(path)
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"path: expected a folder or a free name, got the file {target}")
    if mark is not None and target.exists() and not (target / mark).is_file() and any(target.iterdir()):
        raise FileExistsError(
            f"path: expected a free name, an empty folder or one with {mark}, got {target}, which holds "
            f"something else"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    temporary = _temporary_name(target)
    try:
        temporary.mkdir()
    except OSError as error:
        # What the user named is the target.
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with named_where_full(path):
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    with file.open("rb") as handle:
                        os.fsync(handle.fileno())
        if target.exists():
            _take_the_place(temporary, target)
        else:
            temporary.replace(target)
        _sync_directory(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
