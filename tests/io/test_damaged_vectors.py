"""Damaged files of word vectors, and what is no file: refused with their place."""

import io
import json
import os
import struct
import zipfile
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastnlp import KeyedVectors, SubwordVectors, WordVectors
from fastnlp.io.vector_formats import sniff_format

NAMES = ["a.npz", "a.safetensors", "a.fnv"]
WORDS = ["the", "New York", "naïve", "日本", "a\nb", ""]
TABLE = np.random.default_rng(3).standard_normal((6, 5)).astype(np.float32)
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def vectors(counts=True):
    return WordVectors(WORDS, TABLE, counts=[9, 8, 7, 6, 5, 4] if counts else None)


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def raw_npz(compression=zipfile.ZIP_STORED, **members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return out.getvalue()


def npy(shape, kind, data=b""):
    text = str({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    text = text.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def tensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(kind, shape, start, end):
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


TWO = np.array(["a", "b"])
GOOD = {
    "vectors": entry("F32", [2, 1], 16, 24),
    "words": entry("U8", [2], 24, 26),
    "word_offsets": entry("I64", [1], 0, 8),
}


@pytest.mark.parametrize(
    ("name", "reason", "content"),
    [
        ("a.npz", "damaged zip archive", b""),
        ("a.npz", "damaged zip archive", npz(vectors=TABLE, words=np.array(WORDS))[:300]),
        ("a.npz", r"expected the arrays vectors and words, found \['table'\]", npz(table=TABLE)),
        (
            "a.npz",
            "words: expected numbers or text, got Python objects",
            raw_npz(vectors=npy((2, 1), "<f4", b"12345678"), words=npy((2,), "|O", b"x")),
        ),
        ("a.npz", r"words: expected 2 pieces of text, got", npz(vectors=TABLE[:2], words=np.arange(2))),
        ("a.npz", r"words: expected 6 pieces of text, got", npz(vectors=TABLE, words=TWO)),
        ("a.npz", r"vectors: expected \(V, D\) floats", npz(vectors=np.arange(2), words=TWO)),
        ("a.npz", r"vectors: expected \(V, D\) floats", npz(vectors=TABLE[:0], words=TWO[:0])),
        ("a.npz", "vectors: row 1: expected finite", npz(vectors=np.float32([[1], [np.nan]]), words=TWO)),
        ("a.npz", "vectors: row 1: expected finite", npz(vectors=np.array([[1], [1e300]]), words=TWO)),
        ("a.npz", "vectors: expected scales with int8", npz(vectors=np.int8([[1], [2]]), words=TWO)),
        (
            "a.npz",
            "scales: expected 2 float32",
            npz(vectors=np.int8([[1], [2]]), words=TWO, scales=np.ones(2)),
        ),
        (
            "a.npz",
            r"words\[1\]: words\[0\] is 'a' already",
            npz(vectors=TABLE[:2], words=np.array(["a", "a"])),
        ),
        ("a.npz", "words: damaged words", npz(vectors=TABLE[:2], words=np.array([b"a", b"\xff"]))),
        (
            "a.npz",
            "vectors: expected float32 .1000000000000, 100.",
            raw_npz(vectors=npy((10**12, 100), "<f4"), words=npy((2,), "<U1")),
        ),
        ("a.npz", "vectors: damaged", raw_npz(vectors=b"no array", words=npy((2,), "<U1"))),
        ("a.npz", "vectors: damaged", raw_npz(vectors=b"\x93NUMPY\x07\x00", words=b"")),
        ("a.safetensors", "byte 0: a header of 0 bytes|damaged header", b""),
        ("a.safetensors", "byte 0: a header of .* does not fit in the 12", b"\xff" * 12),
        ("a.safetensors", "byte 8: damaged header", tensors(b"{,}")),
        ("a.safetensors", "byte 8: damaged header", tensors([1])),
        ("a.safetensors", "byte 8: damaged header", tensors({"vectors": {"dtype": "F32"}})),
        ("a.safetensors", r"expected the arrays vectors, words and word_offsets, found \[\]", tensors({})),
        (
            "a.safetensors",
            "vectors: F32 .* is not in the 0 of data|vectors: expected a shape",
            tensors({"vectors": entry("F32", [10**12, 100], 0, 4 * 10**14)}),
        ),
        (
            "a.safetensors",
            "vectors: F32 .* is not in the 8 of data",
            tensors({"vectors": entry("F32", [3], 0, 8)}, bytes(8)),
        ),
        (
            "a.safetensors",
            "vectors: expected a shape",
            tensors({"vectors": entry("F32", [-1, 3], 0, 8)}, bytes(8)),
        ),
        ("a.safetensors", r"word_offsets: expected int64 \(3,\)", tensors(GOOD, bytes(26))),
        (
            "a.safetensors",
            "damaged words: expected offsets",
            tensors({**GOOD, "word_offsets": entry("I64", [3], 0, 24)}, bytes(26)),
        ),
        ("a.fnv", "line 1: expected 'fastnlp-vectors ', got", b""),
        ("a.fnv", "line 1: expected version 1 of the format, got b'2'", b"fastnlp-vectors 2\n"),
        ("a.fnv", "expected a header of 4096 bytes, got 21", b"fastnlp-vectors 1\n{} "),
        ("a.fnv", "line 2: damaged header", b"fastnlp-vectors 1\n".ljust(4096)),
        ("a.fnv", "line 2: damaged header", b'fastnlp-vectors 1\n{"words": 1}'.ljust(4096)),
    ],
)
def test_damaged_files_are_refused_with_their_place(tmp_path, name, reason, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}: (?s:.*)({reason})"):
        WordVectors.load(path)


def rewritten(path, change):
    """A .fnv with another header."""
    content = path.read_bytes()
    first, _, rest = content[:4096].partition(b"\n")
    about = json.loads(rest)
    change(about)
    path.write_bytes((first + b"\n" + json.dumps(about).encode()).ljust(4095) + b"\n" + content[4096:])


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("section rows: expected 400000000000000 bytes", lambda a: a.update(words=10**12, dim=100)),
        ("section rows: expected 144 bytes", lambda a: a.update(dim=6)),
        ("damaged header", lambda a: a.update(words=-1)),
        ("damaged header", lambda a: a.update(words=True)),
        ("damaged header", lambda a: a.update(words=1.5)),
        ("damaged header", lambda a: a.update(dtype="float8")),
        ("damaged header", lambda a: a.update(dtype="int8")),
        ("damaged header", lambda a: a["sections"].pop("words")),
        ("damaged header", lambda a: a["sections"].update(rows=[4096, 120])),
        (
            "section rows: bytes 4096 to .* are not in the",
            lambda a: a["sections"]["rows"].__setitem__(1, 10**9),
        ),
        ("section rows: bytes 0 to", lambda a: a["sections"]["rows"].__setitem__(0, 0)),
        ("section rows: bytes 4100 to", lambda a: a["sections"]["rows"].__setitem__(0, 4100)),
        ("slots: expected a power of two", lambda a: a["sections"]["slots"].__setitem__(1, 24)),
    ],
)
def test_a_wrong_header_of_our_own_format_is_refused(tmp_path, reason, change):
    path = tmp_path / "a.fnv"
    vectors(counts=False).save(path)
    rewritten(path, change)
    with pytest.raises(ValueError, match=rf"a\.fnv: .*{reason}"):
        WordVectors.load(path)


def test_what_is_mapped_is_checked_when_it_is_used_and_what_is_read_at_once(tmp_path):
    path = tmp_path / "a.fnv"
    vectors(counts=False).save(path)
    content = bytearray(path.read_bytes())
    sections = json.loads(bytes(content[18:4096]))["sections"]
    place = sections["offsets"][0] + 8
    content[place : place + 8] = struct.pack("<q", 10**9)
    path.write_bytes(content)
    opened = WordVectors.load(path)
    with pytest.raises(ValueError, match=r"a\.fnv: damaged words: word 0 from byte 0 to 1000000000 of"):
        opened.index_to_key[0]
    with pytest.raises(ValueError, match=r"a\.fnv: damaged words"):
        opened["the"]
    with pytest.raises(ValueError, match=r"a\.fnv: section offsets: the bytes after .* CRC-32"):
        WordVectors.load(path, mapped=False)


@settings(QUICK, max_examples=200)
@given(st.data())
def test_a_changed_file_is_read_or_refused_but_nothing_else(tmp_path_factory, data):
    """Whatever bytes change: words and vectors that can be used, or a ValueError with the file's name."""
    folder = tmp_path_factory.mktemp("changed")
    name = data.draw(st.sampled_from(NAMES))
    dtype = data.draw(st.sampled_from(["float32", "float16", "int8"]))
    path = folder / name
    vectors().save(path, dtype=dtype)
    content = bytearray(path.read_bytes())
    # The rows and the padding of .fnv are most of the file: changes go to all of it and to the header.
    for _ in range(data.draw(st.integers(1, 4))):
        last = data.draw(st.sampled_from([len(content) - 1, min(700, len(content) - 1)]))
        at = data.draw(st.integers(0, last))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    path.write_bytes(content or b"x")
    try:
        opened = WordVectors.load(path, mapped=data.draw(st.booleans()))
        words = list(opened.index_to_key)
        for word in [*words, "nobody"]:
            opened.key_to_index.get(word)
        opened.most_similar(opened.vectors[0], topn=2) if np.isfinite(opened.vectors[0]).all() else None
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    for name in ("pipe", *NAMES, "a.bin", "a.vec"):
        path = tmp_path / name
        os.mkfifo(path)
        readers = [sniff_format, WordVectors.load, KeyedVectors.load, SubwordVectors.load]
        for read in [*readers, WordVectors.load_word2vec_format, partial(WordVectors.load, format="npz")]:
            with pytest.raises(ValueError, match="read at several places, got the pipe"):
                read(path)
