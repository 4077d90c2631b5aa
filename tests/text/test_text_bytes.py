"""Bytes of a text: what is no UTF-8, byte order marks, carriage returns, NUL, and endless lines."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import corpus as oracle
from text.test_building import assert_equal, corpus_of

from fastnlp.text import Corpus


@given(
    data=st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                b"a",
                b" ",
                b"\n",
                b"\xe3",
                b"\x80",
                b"\xe2",
                b"\xf0",
                b"\x9f",
                b"\xc2",
                b"\x85",
                b"\xed",
                b"\xa0",
                b"\xff",
                b"\xf4",
                b"\x90",
            ]
        ),
        max_size=40,
    ).map(b"".join),
    block_bytes=st.integers(1, 30),
)
@settings(max_examples=500, deadline=None)
def test_bytes_that_are_not_utf8_are_replaced_or_refused_as_python_does(data, block_bytes):
    replaced = data.decode("utf-8", "replace").removeprefix("\ufeff")
    if replaced.split():
        corpus = corpus_of(io.BytesIO(data), errors="replace", block_bytes=block_bytes)
        assert_equal(corpus, oracle.build(oracle.split_documents([replaced])))
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        with pytest.raises(
            ValueError, match=rf"byte 0x{data[error.start]:02x} at offset {error.start}, line {line}: "
        ):
            corpus_of(io.BytesIO(data), block_bytes=block_bytes)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_bad_byte_is_named_with_file_offset_line_and_cure(tmp_path, threads):
    path = tmp_path / "latin.txt"
    good = b"one line\n" * 100_000
    path.write_bytes(good + b"caf\xe9 au lait\n" + good + b"\xff")
    with pytest.raises(
        ValueError, match=rf"{path}: byte 0xe9 at offset 900003, line 100001: .*errors='replace'"
    ):
        Corpus.from_text(path, threads=threads)
    corpus = Corpus.from_text(path, threads=threads, min_count=1, errors="replace")
    assert "caf\ufffd" in corpus.vocab


def test_offsets_and_lines_count_anew_in_each_file(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfa\nb\n")
    (tmp_path / "b").write_bytes(b"\xef\xbb\xbfa\nb \xff")
    with pytest.raises(ValueError, match=r"/b: byte 0xff at offset 7, line 2: "):
        Corpus.from_text([tmp_path / "a", tmp_path / "b"])


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 4, 100])
def test_a_byte_order_mark_is_skipped_at_the_start_of_a_file_only(block_bytes):
    data = "\ufeffa \ufeffa\n".encode()
    corpus = corpus_of([io.BytesIO(data), io.BytesIO(data)], block_bytes=block_bytes)
    assert corpus.vocab.tokens == ["a", "\ufeffa"]
    assert corpus_of(["\ufeffa"]).vocab.tokens == ["\ufeffa"]


def test_carriage_returns_are_white_space():
    assert oracle.as_documents(corpus_of(io.BytesIO(b"a b\r\nc\r\n\r\nd"))) == [[[0, 1], [2]], [[3]]]


@pytest.mark.parametrize("block_bytes", [1 << 16, 1 << 22])
def test_a_line_and_a_word_of_ten_megabytes(block_bytes):
    line = b"a bb " * (2 << 20)
    corpus = corpus_of(io.BytesIO(line + b"\n" + line), block_bytes=block_bytes)
    assert corpus.sentence_offsets.tolist() == [0, 4 << 20, 8 << 20]
    word = "水" * (10 << 20)
    corpus = corpus_of(io.BytesIO(f"a {word} a\n{word}".encode()), block_bytes=block_bytes)
    assert corpus.vocab.tokens == ["a", word]
    assert corpus.ids.tolist() == [0, 1, 0, 1]


def test_nul_bytes_are_characters():
    corpus = corpus_of(io.BytesIO(b"a\0 a a\0\0 \0 a\0"))
    assert corpus.vocab.tokens == ["a\0", "a", "a\0\0", "\0"]
