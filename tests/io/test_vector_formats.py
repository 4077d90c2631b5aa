"""Every format of word vectors: what is written is read back, and damage is refused with its place."""

import io
import itertools
import json
import os
import struct
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

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


@QUICK
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, unique=True
    ),
    st.integers(1, 20),
    st.sampled_from(NAMES),
    st.booleans(),
)
def test_what_is_written_is_read_back_bit_for_bit(tmp_path_factory, words, dim, name, mapped):
    bits = np.random.default_rng(len(words)).integers(0, 2**32, (len(words), dim), np.uint32)
    table = bits.view(np.float32)
    table[~np.isfinite(table)] = np.float32(1e-45)
    path = tmp_path_factory.mktemp("round") / name
    WordVectors(words, table).save(path)
    again = WordVectors.load(path, mapped=mapped)
    assert list(again.index_to_key) == words
    assert (again.vectors.view(np.uint32) == table.view(np.uint32)).all()
    assert all(again.key_to_index[word] == row for row, word in enumerate(words))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [None, "float32", "float16", "int8"])
def test_storages_counts_and_limits_are_kept(tmp_path, name, dtype):
    path = tmp_path / name
    vectors().save(path, dtype=dtype)
    for mapped in (True, False):
        again = WordVectors.load(path, mapped=mapped)
        assert again.get_vecattr("naïve", "count") == 7
        expected = vectors() if dtype is None else vectors().astype(dtype)
        assert (again.vectors == expected.vectors).all()
        assert again.most_similar("the") == expected.most_similar("the")
        first = WordVectors.load(path, limit=2, mapped=mapped)
        assert first.index_to_key == WORDS[:2] and "日本" not in first.key_to_index
        assert (first.vectors == expected.vectors[:2]).all()
        other = WordVectors.load(path, dtype="int8", mapped=mapped)
        np.testing.assert_allclose(other.vectors, TABLE, atol=0.05)


@pytest.mark.parametrize("name", [*NAMES, "a.vec", "a.bin"])
def test_the_first_bytes_tell_the_format(tmp_path, name):
    WordVectors(["a", "b"], TABLE[:2]).save(tmp_path / name)
    bare = tmp_path / "bare"
    (tmp_path / name).rename(bare)
    assert WordVectors.load(bare).index_to_key == ["a", "b"]
    assert sniff_format(bare) in ("npz", "safetensors", "fastnlp", "word2vec-text", "word2vec-binary")


@pytest.mark.parametrize("name", NAMES)
def test_equal_vectors_give_equal_files(tmp_path, name):
    one, other = tmp_path / name, tmp_path / f"again{name}"
    vectors().save(one)
    vectors().save(other)
    assert one.read_bytes() == other.read_bytes()


def test_numpy_reads_what_is_written_and_the_other_way_round(tmp_path):
    path = tmp_path / "a.npz"
    vectors().save(path)
    with np.load(path) as arrays:
        assert arrays["words"].tolist() == WORDS
        assert (arrays["vectors"] == TABLE).all()
        assert arrays["counts"].tolist() == [9, 8, 7, 6, 5, 4]
    for save in (np.savez, np.savez_compressed):
        for table in (TABLE, np.asfortranarray(TABLE), TABLE.astype(np.float64), TABLE.astype(">f4")):
            save(path, embeddings=table, tokens=np.array(WORDS))
            again = WordVectors.load(path)
            assert again.index_to_key == WORDS and (again.vectors == TABLE).all()
            assert again.vectors.dtype == np.float32
    np.savez(path, vectors=TABLE[:2], words=np.array(["é".encode(), b"b"]))
    assert WordVectors.load(path).index_to_key == ["é", "b"]
    assert WordVectors.load(path, limit=1).index_to_key == ["é"]


def test_safetensors_reads_what_is_written_and_the_other_way_round(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "a.safetensors"
    for dtype in ("float32", "float16", "int8"):
        vectors().save(path, dtype=dtype)
        arrays = package.load_file(path)
        offsets = arrays["word_offsets"]
        data = arrays["words"].tobytes()
        assert [data[a:b].decode() for a, b in itertools.pairwise(offsets)] == WORDS
        scale = arrays["scales"][:, None] if dtype == "int8" else 1
        assert (arrays["vectors"] * scale == WordVectors.load(path).vectors).all()
        package.save_file(arrays, path)
        assert WordVectors.load(path).index_to_key == WORDS
    arrays = package.load_file(path)
    arrays["vectors"] = TABLE.astype(np.float64)
    del arrays["scales"]
    package.save_file(arrays, path)
    assert (WordVectors.load(path).vectors == TABLE).all()


def test_a_mapped_file_is_a_list_and_a_dictionary_of_its_words(tmp_path):
    path = tmp_path / "a.fnv"
    words = [f"word{i}" for i in range(10_000)]
    WordVectors(words, np.ones((10_000, 2), np.float32)).save(path)
    opened = WordVectors.load(path)
    keys, rows = opened.index_to_key, opened.key_to_index
    assert keys == words and list(keys) == words and keys[5] == "word5" and keys[-1] == words[-1]
    assert keys[10:13] == words[10:13] and keys[20:10:-3] == words[20:10:-3]
    assert keys.index("word77") == 77 and "nobody" not in keys and "\ud800" not in keys and 3 not in keys
    assert dict(rows) == {word: row for row, word in enumerate(words)}
    assert rows.get("nobody") is None and rows.get("nobody", -5) == -5 and "word3" in rows
    assert "word9999" in opened and "nobody" not in opened and opened.get_index("word9") == 9
    with pytest.raises(KeyError):
        rows["nobody"]
    with pytest.raises(IndexError, match="row: expected one of 10000, got 10000"):
        keys[10_000]
    with pytest.raises(ValueError, match="'nobody' is not in the list"):
        keys.index("nobody")
    with pytest.raises(KeyError, match="the word 'WORD1' is not among the 10,000 words; 'word1' is"):
        opened["WORD1"]
    assert not opened.vectors.flags.writeable


def test_a_mapped_file_takes_no_memory_for_its_rows(tmp_path):
    path = tmp_path / "a.fnv"
    words = [str(i) for i in range(50_000)]
    WordVectors(words, np.zeros((50_000, 300), np.float32)).save(path)

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not Path("/proc/self/statm").exists():
        pytest.skip("the memory of a process is not to be read here")
    before = resident()
    opened = WordVectors.load(path)
    assert opened.get_index("49999") == 49_999 and opened["7"].tolist() == [0.0] * 300
    assert resident() - before < 10_000_000 < opened.vectors.nbytes


@pytest.mark.parametrize("name", ["a.txt", "a.vec", "a.bin", *NAMES])
def test_lower_casing_keeps_the_first_row_and_adds_counts(tmp_path, name):
    words = ["the", "The", "cat", "THE", "Cat", "dog"]
    given = WordVectors(words, TABLE, counts=[9, 8, 7, 6, 5, 4])
    given.save(tmp_path / name, format="glove" if name == "a.txt" else None)
    merged = WordVectors.load(tmp_path / name, lowercase=True)
    assert list(merged.index_to_key) == ["the", "cat", "dog"]
    assert (merged.vectors == TABLE[[0, 2, 5]]).all()
    if name in NAMES:
        assert [merged.get_vecattr(word, "count") for word in ("the", "cat", "dog")] == [23, 12, 4]
    small = WordVectors.load(tmp_path / name, lowercase=True, limit=2, dtype="float16")
    assert small.index_to_key == ["the"]


def test_words_that_are_there_twice_are_refused_or_the_first_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a 1 2\nb 3 4\na 5 6\n")
    with pytest.raises(
        ValueError, match=r"a\.txt: line 3: line 1 has the word 'a' already; duplicates='first'"
    ):
        WordVectors.load(path)
    first = WordVectors.load(path, duplicates="first")
    assert first.index_to_key == ["a", "b"] and first.vectors.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="duplicates: expected one of"):
        WordVectors.load(path, duplicates="last")


def test_progress_is_told(tmp_path, monkeypatch):
    for module in ("word2vec", "npz", "safetensors", "vectors_file", "fasttext", "stored_rows"):
        monkeypatch.setattr(f"fastnlp.io.{module}._BLOCK", 100)
    for module in ("subword_vectors", "fasttext_model"):
        monkeypatch.setattr(f"fastnlp.vectors.{module}._WORDS", 10)
    for name in ("a.vec", "a.vec.gz", "a.bin", "a.npz", "a.safetensors", "a.fnv", "fasttext"):
        words = [f"w{i}" for i in range(200)]
        written, read = [], []
        path = tmp_path / name
        full = WordVectors(words, np.ones((200, 4), np.float32))
        form = name if name == "fasttext" else None
        full.save(path, form, progress=lambda done, total, w=written: w.append((done, total)))
        assert written[-1] == (400, 400) if form else (200, 200)
        for more in ({}, {"mapped": False}, {"dtype": "float16"}):
            read.clear()
            WordVectors.load(path, progress=lambda done, total, r=read: r.append((done, total)), **more)
            assert read[-1][0] == read[-1][1] > 0
            mapped = more == {} and name in ("a.safetensors", "a.fnv")
            assert mapped or (len(read) > 3 and len(written) > 3)
            assert more.get("dtype") or read == sorted(read)
    full.astype("int8").save(tmp_path / "small.npz")
    read.clear()
    WordVectors.load(tmp_path / "small.npz", progress=lambda done, total: read.append((done, total)))
    assert len(read) > 3 and read[-1] == (800, 800)


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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("reason", "words", "value"),
    [
        ("expected finite numbers, got NaN or infinity", ["a", "b"], np.nan),
        ("surrogates not allowed", ["a", "\ud800"], 1),
    ],
)
def test_what_a_file_cannot_hold_is_refused_and_the_old_file_stays(tmp_path, name, reason, words, value):
    path = tmp_path / name
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=reason):
        WordVectors(words, np.array([[1], [value]], np.float32)).save(path)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == [name]


def test_numpys_text_cannot_hold_every_word(tmp_path):
    with pytest.raises(ValueError, match=r"row 1: the word 'b\\x00' ends in NUL"):
        WordVectors(["a", "b\0"], TABLE[:2]).save(tmp_path / "a.npz")


def test_bad_requests_are_refused(tmp_path):
    path = tmp_path / "a.vec"
    WordVectors(["a", "b"], TABLE[:2]).save(path)
    with pytest.raises(ValueError, match="dtype: expected one of"):
        WordVectors.load(path, dtype="bfloat16")
    with pytest.raises(ValueError, match="dtype: expected one of"):
        WordVectors.load(path).astype("float64")
    with pytest.raises(ValueError, match="dtype: expected None or 'float32' for word2vec-text, got 'int8'"):
        WordVectors.load(path).save(path, dtype="int8")
    with pytest.raises(ValueError, match="unknown: expected 'error'"):
        WordVectors.load(path, unknown="nothing")


@pytest.mark.parametrize(("dtype", "table"), [("float32", 20_000_000), ("int8", 5_200_000)])
def test_text_is_never_beside_its_table_nor_a_larger_table_beside_a_smaller(tmp_path, dtype, table):
    path = tmp_path / "a.txt"
    numbers = " 0.12345" * 100
    with path.open("w") as file:
        file.writelines(f"word{row}{numbers}\n" for row in range(50_000))
    program = (
        "import resource, sys\n"
        "from fastnlp import WordVectors\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "WordVectors.load(sys.argv[1], limit=10)\n"
        "before = peak()\n"
        "vectors = WordVectors.load(sys.argv[1], dtype=sys.argv[2])\n"
        "print(peak() - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, str(path), dtype], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    words = 50_000 * 200  # bytes of a str, its places in a list and a dictionary
    assert int(run.stdout.split()[-1]) < 1.5 * table + words + 8_000_000 < path.stat().st_size + table


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    for name in ("pipe", *NAMES, "a.bin", "a.vec"):
        path = tmp_path / name
        os.mkfifo(path)
        readers = [sniff_format, WordVectors.load, KeyedVectors.load, SubwordVectors.load]
        for read in [*readers, WordVectors.load_word2vec_format, partial(WordVectors.load, format="npz")]:
            with pytest.raises(ValueError, match="read at several places, got the pipe"):
                read(path)
