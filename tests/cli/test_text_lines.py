"""Lines of files, some thousand at a time."""

import gzip

import pytest

from fastnlp.cli import text_lines as module
from fastnlp.cli.text_lines import text_lines


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"a", b"a\n", b"\n\na", b"a\r\nb\rc\r\n", b"one\ntwo\n\nthree\xff\n" * 9, b"x" * 99],
)
@pytest.mark.parametrize("block", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize("most", [1, 3, 1000])
def test_they_are_all_there_and_numbered(tmp_path, monkeypatch, content, block, most):
    monkeypatch.setattr(module, "_BLOCK", block)
    monkeypatch.setattr(module, "_MOST_LINES", most)
    (tmp_path / "text").write_bytes(content)
    number, text = 1, b""
    for read in text_lines([str(tmp_path / "text")]):
        assert read.lines and read.first == number
        number += len(read.lines)
        text += b"\n".join(read.lines) + b"\n" * read.ended
    assert text == content


def test_few_long_lines_are_given_out_as_soon_as_many_short_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_BYTES", 1000)
    monkeypatch.setattr(module, "_BLOCK", 100)
    (tmp_path / "text").write_bytes((b"x" * 400 + b"\n") * 50)
    assert max(len(read.lines) for read in text_lines([str(tmp_path / "text")])) < 5


def test_a_damaged_gzip_file_is_named(tmp_path):
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"line\n" * 1000)[:-9])
    with pytest.raises(ValueError, match=r"text\.gz: damaged gzip file"):
        list(text_lines([str(tmp_path / "text.gz")]))
