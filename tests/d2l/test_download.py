import hashlib
import zipfile
from pathlib import Path

import pytest

from fastnlp import d2l


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A small published file: its address is on this disk."""
    source = tmp_path / "web" / "tiny.zip"
    source.parent.mkdir()
    with zipfile.ZipFile(source, "w") as content:
        content.writestr("tiny/a.txt", "one")
    digest = hashlib.sha1(source.read_bytes()).hexdigest()
    monkeypatch.setitem(d2l.DATA_HUB, "tiny", (source.as_uri(), digest))
    monkeypatch.setenv("FASTNLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FASTNLP_DATA", raising=False)
    return source


def test_the_table_of_files_is_the_books():
    assert d2l.DATA_HUB["ptb"] == (d2l.DATA_URL + "ptb.zip", "319d85e578af0cdc590547f26231e4e31cdf1e42")


def test_a_file_is_fetched_once(archive, tmp_path, capsys):
    path = Path(d2l.download("tiny"))
    assert path == tmp_path / "cache" / "tiny.zip"
    assert capsys.readouterr().out.startswith("Downloading ")
    archive.unlink()
    assert Path(d2l.download("tiny")) == path
    assert capsys.readouterr().out == ""


def test_a_folder_of_ones_own_may_be_given(archive, tmp_path):
    assert Path(d2l.download("tiny", tmp_path / "mine")) == tmp_path / "mine" / "tiny.zip"


@pytest.mark.parametrize("place", ["tiny.zip", "tiny/tiny.zip"])
def test_a_file_in_the_data_folder_is_used_offline(archive, tmp_path, monkeypatch, place, capsys):
    given = tmp_path / "given" / place
    given.parent.mkdir(parents=True)
    archive.rename(given)
    monkeypatch.setenv("FASTNLP_DATA", str(tmp_path / "given"))
    assert Path(d2l.download("tiny")) == given
    assert (Path(d2l.download_extract("tiny")) / "a.txt").read_text() == "one"
    assert capsys.readouterr().out == ""
    assert sorted(p.name for p in given.parent.iterdir()) == ["tiny.zip"]


def test_the_books_folder_is_used_where_there_is_one(archive, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert Path(d2l.download("tiny")).resolve() == tmp_path / "data" / "tiny.zip"
    assert (Path(d2l.download_extract("tiny")) / "a.txt").resolve().is_relative_to(tmp_path / "data")


def test_a_damaged_file_is_not_used(archive, tmp_path):
    damaged = tmp_path / "cache" / "tiny.zip"
    damaged.parent.mkdir()
    damaged.write_bytes(b"nothing")
    assert Path(d2l.download("tiny")).read_bytes() == archive.read_bytes()


def test_what_is_fetched_is_checked(archive, tmp_path, monkeypatch):
    monkeypatch.setitem(d2l.DATA_HUB, "tiny", (archive.as_uri(), "0" * 40))
    with pytest.raises(ValueError, match="expected sha1 0000"):
        d2l.download("tiny")
    assert not (tmp_path / "cache" / "tiny.zip").exists()


def test_a_closed_network_is_explained(archive):
    archive.unlink()
    with pytest.raises(ConnectionError, match=r"tiny: cannot fetch .* bring tiny\.zip"):
        d2l.download("tiny")


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"name: expected one of .*'ptb'.*, got 'nothing'"):
        d2l.download("nothing")


def test_archives_are_unpacked_once_and_safely(archive, monkeypatch):
    folder = Path(d2l.download_extract("tiny"))
    assert (folder / "a.txt").read_text() == "one"
    (folder / "kept").touch()
    assert Path(d2l.download_extract("tiny")) == folder
    assert (folder / "kept").exists()
    assert Path(d2l.download_extract("tiny", "other")) == folder.parent / "other"

    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("../escaped.txt", "one")
    digest = hashlib.sha1(archive.read_bytes()).hexdigest()
    monkeypatch.setitem(d2l.DATA_HUB, "tiny", (archive.as_uri(), digest))
    with pytest.raises(ValueError, match="expected names inside the folder"):
        d2l.download_extract("tiny")
