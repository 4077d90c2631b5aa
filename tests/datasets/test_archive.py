import stat
import struct
import zipfile

import pytest

from fastnlp.datasets.archive import unpack


def archive(path, *entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            file.writestr(info, content)
    return path


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def inside(tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    return folder


def test_files_and_folders_come_out(tmp_path, inside):
    path = archive(
        tmp_path / "a.zip", ("d/", b"", stat.S_IFDIR), ("d/f", b"text", 0), ("e/g", b"", stat.S_IFREG)
    )
    unpack(path, inside, max_bytes=4)
    assert names(inside) == ["d", "d/f", "e", "e/g"]
    assert (inside / "d" / "f").read_bytes() == b"text"


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("../out", 0, "names inside the folder"),
        ("d/../../out", 0, "names inside the folder"),
        ("/tmp/out", 0, "names inside the folder"),
        ("..\\out", 0, "names inside the folder"),
        ("C:out", 0, "names inside the folder"),
        ("link", stat.S_IFLNK | 0o777, "link or a device"),
        ("pipe", stat.S_IFIFO, "link or a device"),
    ],
)
def test_a_name_that_leads_out_and_what_is_no_file_are_refused_before_anything_is_written(
    tmp_path, inside, name, mode, message
):
    path = archive(tmp_path / "a.zip", ("good", b"1", 0), (name, b"2", mode))
    with pytest.raises(ValueError, match=rf"{path}: .*{message}"):
        unpack(path, inside, max_bytes=100)
    assert names(tmp_path) == ["a.zip", "inside"]


def test_a_name_that_stands_twice_is_refused(tmp_path, inside):
    path = archive(tmp_path / "a.zip", ("f", b"1", 0), ("F", b"2", 0))
    with pytest.raises(ValueError, match="expected each name once, got 'F' again"):
        unpack(path, inside, max_bytes=100)


def test_a_bomb_is_refused_before_and_one_that_lies_while_it_is_unpacked(tmp_path, inside):
    path = archive(tmp_path / "a.zip", ("zeros", bytes(10 << 20), 0))
    assert path.stat().st_size < 20_000
    with pytest.raises(ValueError, match="expected at most 1000000 bytes when unpacked, got 10485760"):
        unpack(path, inside, max_bytes=1_000_000)
    assert names(inside) == []
    # the same with a directory, and a file header, that claim 10 bytes
    lying = path.read_bytes().replace(struct.pack("<L", 10 << 20), struct.pack("<L", 10))
    path.write_bytes(lying)
    with pytest.raises(ValueError, match=str(path)):
        unpack(path, inside, max_bytes=1_000_000)
    assert sum(file.stat().st_size for file in inside.iterdir()) <= 1_000_000


def test_encrypted_entries_are_refused(tmp_path, inside):
    path = archive(tmp_path / "a.zip", ("f", b"1", 0))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="'f' is encrypted"):
        unpack(path, inside, max_bytes=100)


def test_what_is_no_archive_or_damaged_is_refused(tmp_path, inside):
    path = archive(tmp_path / "a.zip", ("f", b"some text " * 1000, 0))
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:60] + b"\xff\xff" + whole[62:]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=str(path)):
            unpack(path, inside, max_bytes=100_000)
        for left in inside.iterdir():
            left.unlink()
