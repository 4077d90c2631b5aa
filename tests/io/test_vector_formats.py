"""Every format of word vectors: what is written is read back, and damage is refused with its place."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastnlp import WordVectors
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
