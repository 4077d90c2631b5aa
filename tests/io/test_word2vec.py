import gzip
import os
import resource
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastnlp import WordVectors
from fastnlp.io.vector_formats import sniff_format
from fastnlp.io.word2vec import read_word2vec, write_word2vec

FORMATS = ["two.bin", "two.vec", "two.txt", "two.bin.gz", "two.vec.gz"]
TABLE = np.array([[1, -0.5, 3e-8], [0.1, 2, -7]], np.float32)

# Letters of all kinds, spaces that Unicode knows and ASCII does not, and line ends that are none here.
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0\n \t")
tokens = st.lists(
    st.text(letters, min_size=1, max_size=8).filter(lambda t: t.strip(" \t\r\v\f") == t),
    min_size=1,
    max_size=12,
    unique=True,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def row(word, *numbers):
    return word + b" " + struct.pack(f"<{len(numbers)}f", *numbers)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # files, on a busy machine
@given(tokens, st.integers(1, 40), st.integers(0, 2**32), st.sampled_from(FORMATS))
def test_what_is_written_is_read_back_bit_for_bit(tmp_path_factory, words, dim, seed, name):
    bits = np.random.default_rng(seed).integers(0, 2**32, (len(words), dim), np.uint32)
    table = bits.view(np.float32)
    table[~np.isfinite(table)] = np.float32(1e-45)
    path = tmp_path_factory.mktemp("round") / name
    WordVectors(words, table).save(path)
    again = WordVectors.load(path)
    assert again.index_to_key == words
    assert (again.vectors.view(np.uint32) == table.view(np.uint32)).all()
    with (gzip.open if name.endswith("gz") else open)(path, "rb") as file:
        assert file.readline() == f"{len(words)} {dim}\n".encode()


@pytest.mark.parametrize("dim", [1, 3, 3000])
@pytest.mark.parametrize("binary", [False, True])
def test_rows_that_cross_blocks_are_whole(tmp_path, dim, binary, monkeypatch):
    monkeypatch.setattr("fastnlp.io.word2vec._BLOCK", 100)
    table = np.random.default_rng(0).standard_normal((40, dim)).astype(np.float32)
    words = [f"w{'x' * (i * 7)}" for i in range(40)]
    path = tmp_path / "blocks"
    write_word2vec(path, words, table, binary=binary)
    read = read_word2vec(path, binary=binary)
    assert read[0] == words and (read[1] == table).all()


@pytest.mark.parametrize("name", ["plain", "packed.gz"])
def test_a_file_without_the_first_line_is_glove(tmp_path, name, monkeypatch):
    monkeypatch.setattr("fastnlp.io.word2vec._BLOCK", 64)  # the table has to grow
    words = ["the", ". .", "New York"] + [f"w{i}" for i in range(500)]
    table = np.random.default_rng(0).standard_normal((503, 4)).astype(np.float32)
    path = tmp_path / name
    write_word2vec(path, words, table, header=False)
    assert sniff_format(path) == "glove"
    for vectors in (WordVectors.load(path), WordVectors.load_word2vec_format(path, no_header=True)):
        assert vectors.index_to_key == words and (vectors.vectors == table).all()
    assert len(WordVectors.load(path, limit=100)) == 100


def test_the_books_glove_file_is_read_by_its_name_alone(tmp_path):
    data = os.environ.get("FASTNLP_DATA")
    if data is None:
        pytest.skip("FASTNLP_DATA is not set: the GloVe vectors are not here")
    vectors = WordVectors.load(Path(data) / "glove" / "glove.6B.50d.top2446.utf8.txt")
    assert vectors.vectors.shape == (2446, 50)
    for question, answer in (
        ("man woman son", "daughter"),
        ("beijing china tokyo", "japan"),
        ("bad worst big", "biggest"),
        ("do did go", "went"),
    ):
        assert vectors.analogy(*question.split())[0][0] == answer


def test_the_format_is_sniffed_where_the_name_does_not_say(tmp_path):
    for binary in (False, True):
        path = tmp_path / f"vectors{binary}"
        write_word2vec(path, ["ab" if binary else "a b", "c"], TABLE, binary=binary)
        assert sniff_format(path) == ("word2vec-binary" if binary else "word2vec-text")
        assert (WordVectors.load(path).vectors == TABLE).all()


def test_text_is_read_as_tools_write_it(tmp_path):
    path = tmp_path / "a.vec"
    path.write_bytes(
        b"\xef\xbb\xbf3 2 \r\nfast 1 +0.5 \nt\xc3\xa4b\t1e-400\t-.5\r\nNew York  1e3   0.0000000001\n\n \n"
    )
    vectors = WordVectors.load(path)
    assert vectors.index_to_key == ["fast", "täb", "New York"]
    assert vectors.vectors.tolist() == np.float32([[1, 0.5], [0, -0.5], [1000, 1e-10]]).tolist()


def test_binary_is_read_with_and_without_line_feeds(tmp_path):
    path = tmp_path / "a.bin"
    for feed in (b"", b"\n"):
        path.write_bytes(b"2 2\n" + row(b"a", 1, 2) + feed + row(b"b", 3, 4) + feed)
        assert WordVectors.load(path)[["b", "a"]].tolist() == [[3, 4], [1, 2]]


@pytest.mark.parametrize("name", ["a.vec", "a.bin"])
def test_a_word_of_ten_megabytes_is_read_back(tmp_path, name):
    words = ["w" * 10_000_000, "b"]
    WordVectors(words, np.ones((2, 3), np.float32)).save(tmp_path / name)
    again = WordVectors.load(tmp_path / name)
    assert list(again.index_to_key) == words
    assert (again.vectors == 1).all()


def test_limit_reads_the_first_rows(tmp_path):
    for name in ("a.vec", "a.bin"):
        WordVectors(["x", "y"], TABLE).save(tmp_path / name)
        assert WordVectors.load(tmp_path / name, limit=1).index_to_key == ["x"]
        assert WordVectors.load(tmp_path / name, limit=9).index_to_key == ["x", "y"]
        with pytest.raises(ValueError, match="limit: expected at least 1, got 0"):
            WordVectors.load(tmp_path / name, limit=0)


def test_words_that_are_not_utf8_are_decoded_when_asked(tmp_path):
    path = tmp_path / "a.vec"
    path.write_bytes(b"3 1\ncaf\xe9 1\ncaf\xe8 2\nx 3\n")
    assert WordVectors.load(path, unicode_errors="ignore").index_to_key == ["caf", "x"]
    replaced = WordVectors.load(path, unicode_errors="replace")
    assert replaced.index_to_key == ["caf\ufffd", "x"] and replaced.vectors.tolist() == [[1], [3]]
    with pytest.raises(ValueError, match="unicode_errors: expected one of"):
        WordVectors.load(path, unicode_errors="surrogateescape")


@pytest.mark.parametrize(
    ("reason", "content"),
    [
        ("the file is empty", b""),
        ("line 1: expected the numbers of rows and dimensions, got b'word'", b"word"),
        ("line 1: expected the numbers of rows and dimensions", b"2 x\na 1\n"),
        ("line 1: expected the numbers of rows and dimensions", b"-2 3\na 1 2 3\n"),
        ("line 1: expected the numbers of rows and dimensions", b"2 3"),
        ("line 1: expected the numbers of rows and dimensions", b"99999999999999999999 3\na 1 2 3\n"),
        ("line 1: expected at least 1 row and 1 dimension, got 2 and 0", b"2 0\na\nb\n"),
        ("line 1: expected at least 1 row and 1 dimension, got 0 and 2", b"0 2\n"),
        (
            "line 1: 1000000000000 rows of 100 dimensions do not fit in the 6 bytes",
            b"1000000000000 100\na 1 2\n",
        ),
        ("line 1: 1 rows of 1000000000000 dimensions do not fit", b"1 1000000000000\na 1 2\n"),
        ("promises 3 rows, the file ends after 2", b"3 2\na 1.25 2.25\nb 1.25 2.25\n"),
        ("promises 1 rows, the file goes on after them", b"1 2\na 1 2\nb 1 2\n"),
        ("line 3: expected a word and 2 numbers, got 2 fields", b"2 2\na 1.5 2.5\nb 1\n"),
        ("line 3: expected a word and 2 numbers, got 'x' as number 1", b"2 2\na 1 2\nb x 2\n"),
        (r"line 2: expected a word and 1 number, got '\\xff1' as number 1", b"1 1\na \xff1\n"),
        ("line 2: expected a word and 1 number, got '0x10' as number 1", b"1 1\na 0x10\n"),
        ("line 2: expected 2 numbers after the word, got more", b"1 2\na 1 2 3\n"),
        ("line 3: expected finite numbers, got 'nan' as number 2", b"2 2\na 1 2\nb 1 nan\n"),
        ("line 2: expected finite numbers, got '-inf' as number 1", b"1 2\na -inf 2\n"),
        ("line 2: expected finite numbers, got '1e400' as number 1", b"1 2\na 1e400 2\n"),
        ("line 2: expected finite numbers, got '1e39' as number 1", b"1 2\na 1e39 2\n"),
        ("line 2: expected a word before the 2 numbers", b"1 2\n 1 2\n"),
        ("line 3: line 2 has the word 'a' already", b"2 1\na 1\na 2\n"),
        ("line 2: the word is not valid UTF-8", b"1 1\ncaf\xe9 1\n"),
        ("line 3: expected a word and 1 numbers, got a blank line", b"2 1\na 1\n\nb 1\n"),
        (r"line 2: expected a word, got 'a\\x00b' with a NUL byte", b"1 1\na\0b 1\n"),
        ("found gzip data", gzip.compress(b"1 1\na 1\n", mtime=0)),
        ("expected at least the 92 bytes of fastText's header, got 8", b"\xba\x16\x4f\x2f\x0c\0\0\0"),
        ("found a Python pickle", b"\x80\x04\x95 ab\n"),
    ],
)
def test_damaged_text_is_refused_with_its_place(tmp_path, reason, content):
    path = tmp_path / "damaged.vec"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"damaged\.vec: .*{reason}"):
        WordVectors.load(path)


@pytest.mark.parametrize(
    ("reason", "content"),
    [
        ("the file is empty", b""),
        (
            "line 1: 1000000000 rows of 100 dimensions do not fit",
            b"1000000000 100\n" + row(b"a", *range(100)),
        ),
        ("line 1: 2 rows of 2 dimensions do not fit in the 10 bytes", b"2 2\n" + row(b"a", 1, 2)),
        ("byte 15: the file ends inside a row", b"2 2\n" + row(b"a", 1, 2) + b"\n" + row(b"long", 1, 2)[:-1]),
        ("promises 2 rows, the file ends after 1", b"2 1\n" + row(b"a" * 40, 1) + b"\n"),
        ("promises 1 rows, the file goes on after them", b"1 1\n" + row(b"a", 1) + row(b"b", 1)),
        (
            "byte 10: expected finite numbers, got NaN or infinity in the vector of 'a'",
            b"1 3\n" + row(b"a", 1, 2, 3)[:6] + b"xx\x80\x7fabcd",
        ),
        ("byte 4: expected a word, got ''; the file is damaged", b"1 1\n" + row(b"", 1) + b"    "),
        (
            r"byte 10: expected a word, got '\\x00\\x80\?b'",
            b"2 1\n" + row(b"a", 1) + b"\0\x80?b" + row(b"", 1),
        ),
        ("row 2: row 1 has the word 'a' already", b"2 1\n" + row(b"a", 1) + b"\n" + row(b"a", 2)),
        ("byte 12: the word is not valid UTF-8", b"2 1\n" + row(b"ab", 1) + b"\n" + row(b"\xff", 2)),
    ],
)
def test_damaged_binary_is_refused_with_its_place(tmp_path, reason, content):
    path = tmp_path / "damaged.bin"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"damaged\.bin: .*{reason}"):
        WordVectors.load(path)


@pytest.mark.parametrize("cut", [3, 15, -4])
def test_a_damaged_gzip_file_is_refused(tmp_path, cut):
    path = tmp_path / "damaged.vec.gz"
    path.write_bytes(gzip.compress(b"1 1\na 1\n")[:cut])
    with pytest.raises(ValueError, match=r"damaged\.vec\.gz: the gzip data is damaged"):
        WordVectors.load(path)
    path.write_bytes(b"1 1\na 1\n")
    with pytest.raises(ValueError, match=r"damaged\.vec\.gz: the gzip data is damaged"):
        WordVectors.load(path)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_changed_file_is_read_or_refused_but_nothing_else(tmp_path_factory, data):
    binary = data.draw(st.booleans())
    content = bytearray(b"3 2\n")
    for word in (b"one", b"zwei", b"drei"):
        content += row(word, 1, 2) + b"\n" if binary else word + b" 1.5 -2e3\n"
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        content = content or bytearray(b"x")
    path = tmp_path_factory.mktemp("changed") / "x"
    path.write_bytes(content)
    try:
        vectors = WordVectors.load(path, format="word2vec-binary" if binary else "word2vec-text")
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert np.isfinite(vectors.vectors).all() and len(vectors) >= 1


@pytest.mark.parametrize(
    ("name", "reason", "words", "value"),
    [
        (
            "a.vec",
            "row 1: expected finite numbers, got NaN or infinity in the vector of 'b'",
            ["a", "b"],
            np.nan,
        ),
        (
            "a.bin",
            "row 1: expected finite numbers, got NaN or infinity in the vector of 'b'",
            ["a", "b"],
            np.inf,
        ),
        ("a.bin", "row 1: the word 'b c' holds a space", ["a", "b c"], 1),
        ("a.vec", r"row 1: the word 'b\\x0ac' holds a line feed or NUL", ["a", "b\nc"], 1),
        ("a.bin", r"row 1: the word 'b\\x00' holds a line feed or NUL", ["a", "b\0"], 1),
        ("a.vec", "row 1: the word 'b 2' cannot be told from the numbers", ["a", "b 2"], 1),
        ("a.vec", "row 1: the word ' b' cannot be told from the numbers", ["a", " b"], 1),
        ("a.vec", "row 1: expected a word, got an empty one", ["a", ""], 1),
        ("a.bin", "surrogates not allowed", ["a", "\ud800"], 1),
        ("a.kv", "path: expected a name in .bin, .vec, .txt, .npz", ["a", "b"], 1),
    ],
)
def test_what_a_file_cannot_hold_is_refused_and_the_old_file_stays(tmp_path, name, reason, words, value):
    path = tmp_path / name
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=reason):
        WordVectors(words, np.array([[1], [value]], np.float32)).save(path)
    assert path.read_bytes() == b"old" and names(tmp_path) == [name]


def test_bad_requests_are_refused(tmp_path):
    with pytest.raises(ValueError, match="format: expected one of"):
        WordVectors(["x", "y"], TABLE).save(tmp_path / "a", format="json")
    with pytest.raises(ValueError, match="header: expected True"):
        write_word2vec(tmp_path / "a", ["x", "y"], TABLE, binary=True, header=False)
    with pytest.raises(ValueError, match="header: expected True"):
        read_word2vec(tmp_path / "a", binary=True, header=False)
    with pytest.raises(ValueError, match="tokens: expected 2, one a row, got 1"):
        write_word2vec(tmp_path / "a", ["x"], TABLE)
    with pytest.raises(FileNotFoundError):
        WordVectors.load(tmp_path / "nowhere.vec")
    assert names(tmp_path) == []


def test_equal_vectors_give_equal_files(tmp_path):
    for name in ("a.vec.gz", "b.vec.gz"):
        WordVectors(["x", "y"], TABLE).save(tmp_path / name)
    assert (tmp_path / "a.vec.gz").read_bytes() == (tmp_path / "b.vec.gz").read_bytes()


@pytest.mark.parametrize("name", ["a.bin", "a.vec", "a.bin.gz"])
def test_a_full_disk_leaves_the_old_file(tmp_path, name):
    path = tmp_path / name
    WordVectors(["x", "y"], TABLE).save(path)
    old = path.read_bytes()
    program = (
        "import resource, signal, sys\n"
        "import numpy as np\n"
        "from fastnlp import WordVectors\n"
        "table = np.random.default_rng(0).standard_normal((2000, 100)).astype(np.float32)\n"
        "vectors = WordVectors([str(i) for i in range(2000)], table)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    vectors.save(sys.argv[1])\n"
        "except OSError:\n"
        "    sys.exit(42)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(path)], capture_output=True, text=True
    )
    assert run.returncode == 42 and "Exception ignored" not in run.stderr, run.stderr
    assert path.read_bytes() == old and names(tmp_path) == [name]


def test_a_promise_of_much_costs_no_memory(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = tmp_path / "bomb.bin.gz"
    path.write_bytes(gzip.compress(b"100000 2000\n" + row(b"a", 1) * 200_000))
    with pytest.raises(ValueError, match=r"bomb\.bin\.gz"):
        WordVectors.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # gensim leaves a file open
@pytest.mark.parametrize("binary", [False, True])
def test_gensim_reads_ours_and_we_read_gensims(tmp_path, binary):
    gensim = pytest.importorskip("gensim.models")
    words = [
        "plain",
        "naïve",
        "日本語",
        "no\u00a0break",
        "line\u2028separator",
        "next\u0085line",
        "-0.5",
        "1",
    ]
    table = np.random.default_rng(0).standard_normal((8, 25)).astype(np.float32) * np.float32(
        10
    ) ** np.arange(-12, 13, dtype=np.float32)
    path = str(tmp_path / "vectors")
    WordVectors(words, table).save_word2vec_format(path, binary=binary)
    theirs = gensim.KeyedVectors.load_word2vec_format(path, binary=binary)
    assert theirs.index_to_key == words and (theirs.vectors == table).all()
    theirs.save_word2vec_format(path, binary=binary)
    for ours in (WordVectors.load_word2vec_format(path, binary=binary), WordVectors.load(path)):
        assert ours.index_to_key == words and (ours.vectors == table).all()
    if not binary:
        theirs.save_word2vec_format(path, write_header=False)
        ours = WordVectors.load_word2vec_format(path, no_header=True)
        assert ours.index_to_key == words and (ours.vectors == table).all()
        ours.save_word2vec_format(path, write_header=False)
        again = gensim.KeyedVectors.load_word2vec_format(path, no_header=True)
        assert again.index_to_key == words and (again.vectors == table).all()
