import dataclasses
import hashlib
import http.server
import io
import os
import threading
import zipfile
from pathlib import Path

import pytest

from fastnlp import datasets
from fastnlp.datasets import catalogue


def zipped(files):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return memory.getvalue()


ARCHIVE = zipped({f"ptb/ptb.{split}.txt": f" {split} one \n two \n" for split in ("train", "valid", "test")})


@pytest.fixture
def served():
    """What a small server on this machine answers: path -> bytes."""
    answers = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content, length = answers.get(self.path, (None, 0))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    answers["address"] = f"http://127.0.0.1:{server.server_port}/"
    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def small(served, monkeypatch, tmp_path):
    """PTB replaced by a small archive on that server, with an empty cache and no data folder."""
    served["/ptb.zip"] = (ARCHIVE, len(ARCHIVE))
    entry = dataclasses.replace(
        catalogue.PTB, url=served["address"] + "ptb.zip", sha1=hashlib.sha1(ARCHIVE).hexdigest()
    )
    monkeypatch.setitem(catalogue.DATASETS, "ptb", entry)
    monkeypatch.setenv("FASTNLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FASTNLP_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return entry


def test_a_data_set_is_fetched_once(small, served, tmp_path):
    assert datasets.ptb("valid") == [" valid one ", " two "]
    assert (tmp_path / "cache" / "ptb" / "ptb.zip").read_bytes() == ARCHIVE
    del served["/ptb.zip"]
    assert datasets.ptb() == [" train one ", " two "]
    assert datasets.download("ptb") == tmp_path / "cache" / "ptb"


def test_an_archive_of_another_sha1_is_refused_and_not_kept(small, served, tmp_path):
    other = zipped({"ptb/ptb.train.txt": "other"})
    served["/ptb.zip"] = (other, len(other))
    with pytest.raises(
        ValueError, match=rf"ptb.zip: expected sha1 {small.sha1}, got {hashlib.sha1(other).hexdigest()}"
    ):
        datasets.ptb()
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_archive_that_is_too_large_is_refused(small, served, monkeypatch, tmp_path):
    monkeypatch.setitem(catalogue.DATASETS, "ptb", dataclasses.replace(small, archive_bytes=100))
    with pytest.raises(ValueError, match="expected at most 100 bytes, got more"):
        datasets.ptb()
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("trouble", ["no host", "not found", "cut off"])
def test_a_closed_network_says_which_file_to_put_where(small, served, monkeypatch, tmp_path, trouble):
    if trouble == "no host":
        entry = dataclasses.replace(small, url="http://127.0.0.1:9/ptb.zip")
        monkeypatch.setitem(catalogue.DATASETS, "ptb", entry)
    elif trouble == "not found":
        del served["/ptb.zip"]
    else:
        served["/ptb.zip"] = (ARCHIVE[:-9], len(ARCHIVE))
    place = tmp_path / "cache" / "ptb.zip"
    # An answer that is cut off is noticed by its length or by its sha1, as the Python decides.
    with pytest.raises((ConnectionError, ValueError), match=r"put it at .*ptb.zip|expected sha1") as caught:
        datasets.ptb()
    if trouble != "cut off":
        assert isinstance(caught.value, ConnectionError)
        assert str(place) in str(caught.value)
        assert small.sha1 in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []
    place.write_bytes(ARCHIVE)  # doing what the message says
    assert datasets.ptb("test") == [" test one ", " two "]


@pytest.mark.parametrize("place", ["ptb.zip", "ptb/ptb.zip", "ptb/ptb.train.txt", "ptb.train.txt"])
def test_the_data_folder_is_looked_at_first(small, served, monkeypatch, tmp_path, place):
    del served["/ptb.zip"]
    file = tmp_path / "data" / place
    file.parent.mkdir(parents=True)
    file.write_bytes(ARCHIVE if place.endswith(".zip") else b" train one \n two \n")
    monkeypatch.setenv("FASTNLP_DATA", str(tmp_path / "data"))
    assert datasets.ptb() == [" train one ", " two "]


def test_a_given_archive_is_checked_too(small, monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ptb.zip").write_bytes(b"something else")
    monkeypatch.setenv("FASTNLP_DATA", str(tmp_path / "data"))
    with pytest.raises(ValueError, match=rf"{tmp_path}/data/ptb.zip: expected sha1"):
        datasets.ptb()


def test_an_archive_without_its_files_is_refused(small, served, monkeypatch, tmp_path):
    empty = zipped({"other": "x"})
    served["/ptb.zip"] = (empty, len(empty))
    entry = dataclasses.replace(small, sha1=hashlib.sha1(empty).hexdigest())
    monkeypatch.setitem(catalogue.DATASETS, "ptb", entry)
    with pytest.raises(ValueError, match=r"expected ptb/ptb\.train\.txt in it"):
        datasets.ptb()
    assert list((tmp_path / "cache").iterdir()) == []


def test_unknown_names_and_splits_are_refused():
    with pytest.raises(ValueError, match="name: expected one of 'ptb', 'wikitext-2', got 'text8'"):
        datasets.download("text8")
    with pytest.raises(ValueError, match="split: expected one of 'train', 'valid', 'test', got 'dev'"):
        datasets.ptb("dev")


def test_text_that_is_not_utf8_is_refused_with_its_place(small, monkeypatch, tmp_path):
    (tmp_path / "ptb.train.txt").write_bytes(b"ab\xff")
    monkeypatch.setenv("FASTNLP_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"ptb.train.txt: expected UTF-8, got byte 0xff at offset 2"):
        datasets.ptb()


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("FASTNLP_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert datasets.cache_folder() == tmp_path / "fastnlp"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert datasets.cache_folder() == Path.home() / ".cache" / "fastnlp"
    monkeypatch.setenv("FASTNLP_CACHE", str(tmp_path / "x"))
    assert datasets.cache_folder() == tmp_path / "x"


data = Path(os.environ.get("FASTNLP_DATA", "/nowhere"))


@pytest.mark.skipif(not (data / "ptb" / "ptb.zip").exists(), reason="FASTNLP_DATA holds no ptb/ptb.zip")
def test_ptb_has_its_published_size(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTNLP_CACHE", str(tmp_path))
    lines = datasets.ptb()
    assert len(lines) == 42_068
    assert sum(len(line.split()) for line in lines) == 887_521
    assert lines[0].startswith(" aer banknote berlitz")


@pytest.mark.skipif(
    not (data / "wikitext-2" / "wiki.train.tokens").exists(), reason="FASTNLP_DATA holds no wikitext-2"
)
def test_wikitext2_has_its_published_size():
    lines = datasets.wikitext2()
    assert len(lines) == 36_718
    assert sum(len(line.split()) for line in lines) == 2_051_910
