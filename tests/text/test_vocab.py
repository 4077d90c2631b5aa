import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnlp.text import Vocab, WordList

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def test_special_tokens_come_first_then_falling_counts_then_first_appearance():
    counts = {"b": 1, "c": 2, "<pad>": 1, "a": 2, "rare": 0, "<unk>": 4}
    vocab = Vocab.from_counts(counts, min_count=1, unknown="<unk>", reserved=["<pad>", "<cls>"])
    assert vocab.tokens == ["<unk>", "<pad>", "<cls>", "c", "a", "b"]
    assert vocab.counts.tolist() == [4, 1, 0, 2, 2, 1]
    assert (vocab.unknown, vocab.unknown_id, vocab.reserved, vocab.min_count) == (
        "<unk>",
        0,
        ("<pad>", "<cls>"),
        1,
    )
    assert vocab.counts.dtype == np.int64


def test_occurrences_of_words_left_out_count_for_the_unknown_token():
    vocab = Vocab.from_counts({"a": 5, "b": 2, "c": 1}, min_count=2, max_size=1, unknown="<unk>")
    assert vocab.tokens == ["<unk>", "a"]
    assert vocab.counts.tolist() == [3, 5]


def test_from_sentences_counts():
    sentences = [["to", "be"], [], ["or", "not", "to", "be"]]
    vocab = Vocab.from_sentences(iter(sentences))
    assert vocab.tokens == ["to", "be", "or", "not"]
    assert vocab.counts.tolist() == [2, 2, 1, 1]
    with pytest.raises(TypeError, match=r"sentences\[1\]: expected a list of words, got a str"):
        Vocab.from_sentences([["a"], "b c"])


@settings(deadline=None)
@given(
    counts=st.dictionaries(words, st.integers(0, 5), max_size=20),
    min_count=st.integers(0, 4),
    size=st.none() | st.integers(0, 9),
)
def test_from_counts_orders_as_sorted_does(counts, min_count, size):
    kept = sorted((word for word in counts if counts[word] >= min_count), key=lambda word: -counts[word])[
        :size
    ]
    vocab = Vocab.from_counts(counts, min_count=min_count, max_size=size)
    assert vocab.tokens == kept
    assert vocab.counts.tolist() == [counts[word] for word in kept]
    assert Counter(dict(zip(vocab.tokens, vocab.counts.tolist(), strict=True))) <= Counter(counts)


def test_the_constructor_keeps_the_order_given():
    vocab = Vocab(["b", "a"], [1, 9])
    assert (vocab["b"], vocab["a"], len(vocab), list(vocab)) == (0, 1, 2, ["b", "a"])
    assert "a" in vocab
    assert "c" not in vocab
    assert Vocab(["b"], unknown="<unk>", reserved=["<pad>"]).tokens == ["<unk>", "<pad>", "b"]
    assert Vocab(["<unk>", "b"], [3, 1], unknown="<unk>").counts.tolist() == [3, 1]


def test_look_up_gives_the_unknown_id_or_says_what_is_missing():
    vocab = Vocab(["<unk>", "a"], unknown="<unk>")
    assert (vocab["x"], vocab[["a", "x"]], vocab[("a",)]) == (0, [1, 0], [1])
    assert (vocab.get("x"), vocab.get("x", 7), vocab.get("a")) == (None, 7, 1)
    strict = Vocab(["a"])
    assert strict.unknown_id is None
    for look_up in (lambda: strict["dog"], lambda: strict[["a", "dog"]], lambda: strict.encode(["a", "dog"])):
        with pytest.raises(KeyError, match="'dog' is not among the 1 words, and there is no unknown token"):
            look_up()


def test_encode_and_decode_are_inverse():
    vocab = Vocab(["a", "b", "c"])
    ids = vocab.encode(iter(["c", "a", "c"]))
    assert ids.dtype == np.int32
    assert ids.tolist() == [2, 0, 2]
    assert vocab.decode(ids) == ["c", "a", "c"]
    assert vocab.encode([]).dtype == np.int32
    for bad in (3, -1):
        with pytest.raises(IndexError, match=rf"ids\[1\]: expected an id in \[0, 3\), got {bad}"):
            vocab.decode([0, bad])
    with pytest.raises(TypeError, match="tokens: expected the words one by one"):
        vocab.encode("abc")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Vocab(["a", "b", "a"]), ValueError, r"tokens\[2\]: expected distinct words, got 'a' again"),
        (lambda: Vocab(["a", ""]), ValueError, r"tokens\[1\]: expected at least one character"),
        (lambda: Vocab(["a", 3]), TypeError, r"tokens\[1\]: expected str, got int"),
        (lambda: Vocab(["a\ud800"]), ValueError, r"tokens\[0\]: .*half a surrogate pair at character 1"),
        (lambda: Vocab("abc"), TypeError, "tokens: expected the words one by one"),
        (lambda: Vocab(["a", "b"], [1, -2]), ValueError, r"counts\[1\]: expected a count >= 0, got -2"),
        (lambda: Vocab(["a"], [1, 2]), ValueError, "counts: expected one for each of the 1 words"),
        (lambda: Vocab(["a"], [1.5]), TypeError, "counts: expected integers, got float64"),
        (lambda: Vocab(["a", "?"], unknown="?"), ValueError, r"tokens\[2\].*stands in front or nowhere"),
        (lambda: Vocab(["a"], reserved="<pad>"), TypeError, "reserved: expected several tokens"),
        (lambda: Vocab(["a"], unknown=1), TypeError, "unknown: expected str, got int"),
        (lambda: Vocab(["a"], min_count=-1), ValueError, "min_count: expected a number >= 0, got -1"),
        (
            lambda: Vocab.from_counts([("a", 1), ("a", 2)]),
            ValueError,
            r"tokens\[1\]: expected distinct words",
        ),
        (lambda: Vocab.from_counts({"a": 1}, max_size=-1), ValueError, "max_size: expected a number >= 0"),
        (
            lambda: Vocab.from_arrays(WordList(b"a", np.array([0, 1])), np.ones(1, np.int64), unknown="?"),
            ValueError,
            r"words\[0\]: expected the special token '\?'",
        ),
        (
            lambda: WordList(b"ab", np.array([0, 2, 1])),
            ValueError,
            r"offsets\[2\]: expected at least 2, got 1",
        ),
        (
            lambda: WordList(b"ab", np.array([0, 2]))[1],
            IndexError,
            r"word: expected a number in \[0, 1\), got 1",
        ),
    ],
)
def test_what_makes_no_vocabulary_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_counts_cannot_be_changed_and_are_not_the_callers():
    counts = np.array([1, 2])
    vocab = Vocab(["a", "b"], counts)
    counts[0] = 9
    assert vocab.counts.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        vocab.counts[0] = 3


def test_equality_and_pickling():
    vocab = Vocab(["a", "é"], [2, 1], min_count=2)
    assert pickle.loads(pickle.dumps(vocab)) == vocab
    assert vocab != Vocab(["a", "é"], [2, 1])
    assert vocab != Vocab(["a", "e"], [2, 1], min_count=2)
    assert repr(vocab) == "Vocab(2 words: 'a', 'é')"


@settings(deadline=None)
@given(tokens=st.lists(words, unique=True, max_size=20), data=st.data())
def test_any_words_survive_a_file(tmp_path_factory, tokens, data):
    path = tmp_path_factory.mktemp("vocab") / "v"
    counts = [data.draw(st.integers(0, 2**62)) for _ in tokens]
    special = data.draw(st.integers(0, len(tokens)))
    vocab = Vocab(tokens, counts, reserved=tokens[:special], min_count=3)
    vocab.save(path)
    loaded = Vocab.load(path)
    assert loaded == vocab
    assert loaded.tokens == tokens


def test_a_damaged_file_is_refused_whatever_byte_is_lost_or_changed(tmp_path):
    path = tmp_path / "v.vocab"
    Vocab(["a", "New York", "\n", "水"], [4, 3, 2, 1], unknown="a").save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=str(path)):
            Vocab.load(path)
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        try:
            loaded = Vocab.load(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert loaded.tokens == [
                "a",
                "New York",
                "\n",
                "水",
            ]  # a changed header field that is still valid


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a vocabulary that begins with"),
        (b"fastnlp-vocab 2\n{}\n", "expected format version 1 in line 1, got b'2'"),
        (b"fastnlp-vocab 1\nnot json\n", "line 2 is not its header"),
        (b'fastnlp-vocab 1\n{"words": 1e9, "bytes": 1, "crc32": 0}\n', "line 2 is not its header"),
        (b"fastnlp-vocab 1\n[]\n", "line 2 is not its header"),
        (
            b'fastnlp-vocab 1\n{"words": 1000000000, "bytes": 9, "crc32": 0, '
            b'"unknown": null, "reserved": [], "min_count": 1}\n',
            "expected 16000000128 bytes for 1000000000 words, got 111",
        ),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path, content, message):
    path = tmp_path / "v"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        Vocab.load(path)


def test_two_million_words_open_in_milliseconds_because_no_string_is_made(tmp_path):
    size = 2_000_000
    data = b"".join(b"%07d" % i for i in range(size))
    words = WordList(data, np.arange(0, 7 * size + 1, 7, dtype=np.int64))
    path = tmp_path / "v"
    Vocab.from_arrays(words, np.ones(size, np.int64)).save(path)
    loaded = Vocab.load(path)
    assert loaded._ids is None
    assert loaded.words._strings is None
    assert loaded["1999999"] == 1_999_999
