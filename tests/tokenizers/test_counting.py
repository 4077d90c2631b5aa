import collections
import gzip
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnlp import _core
from fastnlp.tokenizers import pretokenize
from fastnlp.tokenizers.counting import CountOptions, count_pieces

ALPHABET = "ab c\n\n 's1中。!\u3000é😀"
texts = st.text(st.sampled_from(ALPHABET), max_size=200)


def counted(source, pretokenizer="gpt2", **options):
    data, offsets, counts = count_pieces(source, CountOptions(pretokenizer=pretokenizer, **options)).pieces()
    return [(data[a:b], n) for a, b, n in zip(offsets, offsets[1:], counts.tolist(), strict=False)]


def expected(documents, pretokenizer="gpt2"):
    """By first appearance."""
    counts = collections.Counter(piece for text in documents for piece in pretokenize(text, pretokenizer))
    return [(piece.encode(), count) for piece, count in counts.items()]


def lines(text):
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + [parts[-1]]


@pytest.mark.parametrize("pretokenizer", ["gpt2", "gpt4", "llama3", "o200k", "whitespace", "none"])
@pytest.mark.parametrize("by_line", [True, False])
@given(text=texts, block=st.integers(1, 50), threads=st.integers(1, 3))
def test_pieces_do_not_depend_on_blocks_and_threads(pretokenizer, by_line, text, block, threads):
    documents = lines(text) if by_line else [text]
    found = counted(
        io.BytesIO(text.encode()), pretokenizer, by_line=by_line, block_bytes=block, threads=threads
    )
    assert found == expected(documents, pretokenizer)


@pytest.mark.parametrize("pretokenizer", ["gpt2", "gpt4", "llama3", "o200k", "whitespace"])
@pytest.mark.parametrize("by_line", [True, False])
@pytest.mark.parametrize(
    "text",
    ["ab 's 中文。!é1 \n" * 20_000, "!'\n\u3000 。" * 60_000, "a" * 200_000, "中" + "AB" * 60_000 + "b."],
)
def test_threads_share_a_block(pretokenizer, by_line, text):
    reference = expected(lines(text) if by_line else [text], pretokenizer)
    for threads, block in ((1, 1 << 22), (4, 1 << 22), (3, 100_003)):
        source = io.BytesIO(text.encode())
        found = counted(source, pretokenizer, by_line=by_line, threads=threads, block_bytes=block)
        assert found == reference


@given(documents=st.lists(texts), threads=st.integers(1, 3))
def test_items_are_documents(documents, threads):
    assert counted(iter(documents), threads=threads) == expected(documents)


def test_many_items_are_shared_by_threads():
    documents = [f"number {i} of {i % 7}\n" for i in range(20_000)]
    assert counted(documents, threads=4) == expected(documents)


def test_words_are_those_of_str_split():
    text = "a\u00a0b\x1cc  d\u3000e \u200b f"
    assert counted([text], "words") == [(word.encode(), 1) for word in text.split()]


def test_files_gzip_and_open_files_are_one_text(tmp_path):
    first, second = "one two\nthree\n", "two\n" * 5
    (tmp_path / "a.txt").write_text(first)
    with gzip.open(tmp_path / "b.gz", "wt") as file:
        file.write(second)
    both = expected(lines(first) + lines(second))
    assert counted([tmp_path / "a.txt", tmp_path / "b.gz"]) == both
    assert counted([io.StringIO(first), io.BytesIO(second.encode())]) == both
    assert counted([str(tmp_path / "a.txt"), str(tmp_path / "b.gz")], block_bytes=3) == both


@pytest.mark.parametrize("by_line", [True, False])
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_a_users_pattern_sees_whole_documents(tmp_path, by_line, block):
    pytest.importorskip("regex")
    text = "ab cd\n\n中 ef\n" * 3 + "x"
    (tmp_path / "a.txt").write_text(text)
    found = counted([tmp_path / "a.txt"], r"\w+|\s+", by_line=by_line, block_bytes=block)
    assert found == expected(lines(text) if by_line else [text], r"\w+|\s+")
    assert counted([text], r"\w+|\s+") == expected([text], r"\w+|\s+")


def test_progress_reaches_the_size_of_the_files(tmp_path):
    (tmp_path / "a.txt").write_text("one two\n" * 1000)
    seen = []
    counted([tmp_path / "a.txt"], block_bytes=1000, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8000, 8000) and all(a <= b for (a, _), (b, _) in itertools.pairwise(seen))


@pytest.mark.parametrize("block", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"ab\xff", 2),
        (b"ab\xc3(", 2),
        (b"a\xe4\xb8", 1),
        (b"\xed\xa0\x80", 0),
        (b"abcdefghij\xf0\x9f\x98", 10),
    ],
)
def test_invalid_utf8_is_refused_at_its_place(data, offset, block):
    with pytest.raises(ValueError, match=rf"<file>: byte {offset}: expected UTF-8.*errors='keep'"):
        counted(io.BytesIO(data), block_bytes=block)
    assert sum(
        len(piece) * n for piece, n in counted(io.BytesIO(data), block_bytes=block, strict=False)
    ) == len(data)


@given(text=st.text(max_size=30), block=st.integers(1, 9))
def test_valid_utf8_is_taken_however_it_is_cut(text, block):
    counted(io.BytesIO(text.encode()), block_bytes=block)


def test_damaged_gzip_is_named(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one two\n" * 1000)[:-20])
    with pytest.raises(ValueError, match=r"a\.gz: damaged gzip file"):
        counted([tmp_path / "a.gz"])


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (3, TypeError, "source: expected a file"),
        (b"abc", TypeError, "source: expected a file name"),
        ("no such file", FileNotFoundError, "source: expected a file"),
        (["a", b"b"], TypeError, r"source: expected documents \(str\), got bytes as item 1"),
        (["a\udc80"], ValueError, "document 0 holds half a surrogate pair"),
        ({"a": 0}, ValueError, r"source\['a'\]: expected a count of 1"),
        ({"a": 1.5}, TypeError, r"source\['a'\]: expected an int, got float"),
        ({"a b": 1}, ValueError, "words without white space, got 'a b'"),
        ({"": 1}, ValueError, "words without white space, got ''"),
        ({1: 1}, TypeError, r"words \(str\) as keys, got int"),
        ({"a\ud800": 1}, ValueError, "half a surrogate pair"),
    ],
)
def test_what_is_no_source_is_refused(source, error, message):
    with pytest.raises(error, match=message):
        counted(source)


@pytest.mark.parametrize("threads", [0, 1025])
def test_threads_are_checked(threads):
    with pytest.raises(ValueError, match="threads: expected 1 to 1024"):
        counted(["a"], threads=threads)
    with pytest.raises(ValueError, match="threads: expected 1 to 1024"):
        _core.PieceCounter("gpt2", True, True, threads, 0)
