"""The native pass against the obvious one, over every way to cut, spill and share the work."""

import gc
import io
import unicodedata
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import corpus as oracle
from oracles.built import corpus_of

from fastnlp import _core
from fastnlp.text import Corpus, Vocab
from fastnlp.text.building import BuildOptions, build

SPACES = "".join(chr(c) for c in range(0x110000) if chr(c).isspace())
texts = st.text(
    st.one_of(
        st.sampled_from("ab \n"),
        st.sampled_from(SPACES),
        st.sampled_from("é\0ß水𝄞\x7f\x1b\u200b\ufeff\U0010ffff\ud7ff"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=200,
)


def assert_equal(corpus, expected):
    tokens, counts, documents = expected
    assert corpus.vocab.tokens == tokens
    assert corpus.vocab.counts.tolist() == counts
    assert oracle.as_documents(corpus) == documents


@settings(max_examples=300, deadline=None)
@given(
    files=st.lists(texts, min_size=1, max_size=3),
    block_bytes=st.integers(1, 40) | st.just(4096),
    threads=st.integers(1, 3),
    min_count=st.integers(0, 3),
    max_vocab=st.none() | st.integers(1, 4),
    unknown=st.none() | st.just("<unk>") | st.just("a"),
    reserved=st.sampled_from([(), ("b", "<pad>")]),
    documents=st.sampled_from(["blank_line", "line", "file"]),
    memory_limit=st.sampled_from([0, 40, 1 << 20]),
)
def test_any_text_in_any_blocks_gives_what_python_gives(
    files,
    block_bytes,
    threads,
    min_count,
    max_vocab,
    unknown,
    reserved,
    documents,
    memory_limit,
):
    unmarked = [text.removeprefix("\ufeff") for text in files]
    expected = oracle.build(
        oracle.split_documents(unmarked, documents), min_count, max_vocab, unknown, reserved
    )
    special = (unknown is not None) + len(reserved)
    options = {
        "block_bytes": block_bytes,
        "threads": threads,
        "min_count": min_count,
        "max_vocab": max_vocab,
        "unknown": unknown,
        "reserved": reserved,
        "documents": documents,
        "memory_limit": memory_limit,
    }
    source = [io.BytesIO(text.encode()) for text in files]
    if len(expected[0]) == special:
        with pytest.raises(ValueError, match=r"source: expected a text|min_count"):
            corpus_of(source, **options)
    else:
        assert_equal(corpus_of(source, **options), expected)


# Sizes around those of a word in its slot of the table and of the windows in which ends are looked for.
edges = st.sampled_from([1, 2, 7, 8, 9, 15, 16, 17, 31, 47, 63, 64, 65, 79, 80, 81, 130])


@given(
    sizes=st.lists(edges, min_size=1, max_size=30),
    separators=st.lists(
        st.sampled_from([" ", "  ", "\n", "\t", "\x1f", "\0", "\x1b", "é", "\u3000"]), min_size=1
    ),
    data=st.data(),
)
def test_words_of_any_length_end_where_python_ends_them(sizes, separators, data):
    pieces = []
    for i, size in enumerate(sizes):
        pieces += ["xyz"[i % 3] * size, separators[i % len(separators)]]
    text = "".join(pieces)
    block_bytes = data.draw(st.sampled_from([4096, 100, 7]))
    expected = oracle.build(oracle.split_documents([text]))
    assert_equal(corpus_of(io.BytesIO(text.encode()), block_bytes=block_bytes), expected)


@pytest.mark.parametrize("parts", [False, True])
def test_ids_that_take_the_place_of_the_stream_are_the_same(monkeypatch, parts):
    draw = np.random.default_rng(3)
    lines = [" ".join(f"w{i}" for i in draw.integers(0, 9, n)) for n in draw.integers(1, 9, 300)]
    transform = (lambda word: [word, word, word]) if parts else None
    plain = corpus_of(lines, block_bytes=100, min_count=30, transform=transform)
    monkeypatch.setattr("fastnlp.text.building._GATHERED", 1000)
    few = corpus_of(lines, block_bytes=100, min_count=30, transform=transform)  # several rooms
    monkeypatch.setattr("fastnlp.text.building._GATHERED", 4000)
    one = corpus_of(lines, block_bytes=100, min_count=30, transform=transform)
    assert (one.ids.base is not None and one.ids.base.size == 4000) == (not parts)
    assert plain.ids.base is None or plain.ids.base.size == plain.ids.size
    for other in (few, one):
        assert np.array_equal(other.ids, plain.ids)
        assert np.array_equal(other.sentence_offsets, plain.sentence_offsets)


@settings(max_examples=25, deadline=None)
@given(
    words=st.lists(st.sampled_from(["a", "bb", "ccc", "d" * 20, "é" * 9, "e" * 40]), max_size=60_000),
    data=st.data(),
)
def test_threads_share_a_block_without_a_trace(words, data):
    separators = data.draw(st.sampled_from([" ", "\n", "\u3000", " \n\n"]))
    text = separators.join(words * (200_000 // max(len(words), 1)))
    if not text.split():
        return
    one = corpus_of(io.BytesIO(text.encode()))
    three = corpus_of(io.BytesIO(text.encode()), threads=3)
    assert one.vocab == three.vocab
    assert np.array_equal(one.ids, three.ids)
    assert np.array_equal(one.sentence_offsets, three.sentence_offsets)
    assert np.array_equal(one.document_offsets, three.document_offsets)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_large_text_gives_what_python_gives(threads):
    random = np.random.default_rng(0)
    words = (
        [f"w{i}" for i in range(3000)]
        + [f"long{'-' * 20}{i}" for i in range(300)]
        + ["水", "naïve", "\0", "\0\0"]
    )
    lines = [
        " ".join(words[i] for i in random.integers(0, len(words), n)) for n in random.integers(0, 30, 20_000)
    ]
    text = "\n".join(lines)
    expected = oracle.build(oracle.split_documents([text]), 80)
    assert_equal(corpus_of(io.BytesIO(text.encode()), threads=threads, min_count=80), expected)
    # also where the blocks are too small to be shared, and where they are cut at odd places
    assert_equal(
        corpus_of(io.BytesIO(text.encode()), threads=threads, min_count=80, block_bytes=333_333), expected
    )


def test_every_kind_of_white_space_separates_and_nothing_else_does():
    text = "".join(f"a{chr(c)}b" + " " for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    corpus = corpus_of(io.BytesIO(text.encode()))
    tokens = corpus.vocab.tokens
    assert [tokens[i] for i in corpus.ids.tolist()] == text.split()


@pytest.mark.parametrize(
    "options",
    [
        {"lowercase": True},
        {"normalization": "NFC"},
        {"normalization": "NFD", "lowercase": True},
        {"normalization": "NFKC"},
        {"normalization": "NFKD", "strip_accents": True},
        {"strip_accents": True, "lowercase": True},
    ],
)
@given(text=texts)
@settings(max_examples=60, deadline=None)
def test_normalised_words_are_those_of_the_normalised_text(options, text):
    def normalise(line):
        form = options.get("normalization")
        line = unicodedata.normalize(form, line) if form else line
        line = line.lower() if options.get("lowercase") else line
        if options.get("strip_accents"):
            line = "".join(c for c in unicodedata.normalize("NFD", line) if unicodedata.category(c) != "Mn")
            line = unicodedata.normalize("NFC", line)
        return unicodedata.normalize(form, line) if form else line

    documents = [
        [[piece for word in sentence for piece in normalise(word).split()] for sentence in document]
        for document in oracle.split_documents([text.removeprefix("\ufeff")])
    ]
    expected = oracle.build(documents)
    if expected[0]:
        assert_equal(corpus_of(io.BytesIO(text.encode()), **options), expected)


def test_a_transform_gives_none_one_or_several_words_and_is_asked_once():
    asked = []

    def transform(word):
        asked.append(word)
        return {"drop": None, "none": [], "isn't": ["is", "n't"], "new": "New York"}.get(word, word.upper())

    corpus = corpus_of(
        ["a isn't drop", "none isn't new a", "drop"], transform=transform, min_count=2, unknown="?"
    )
    assert sorted(asked) == ["a", "drop", "isn't", "new", "none"]
    assert corpus.vocab.tokens == ["?", "A", "is", "n't"]
    assert corpus.vocab.counts.tolist() == [2, 2, 2, 2]
    assert oracle.as_documents(corpus) == [[[1, 2, 3], [2, 3, 0, 0, 1]]]
    with pytest.raises(ValueError, match="transform: expected words"):
        corpus_of(["a"], transform=lambda word: None)
    with pytest.raises(ValueError, match=r"transform: expected words or None for 'a', got ''"):
        corpus_of(["a"], transform=lambda word: [""])


def test_tokens_of_lists_are_taken_as_they_are():
    corpus = corpus_of([["New York", "is", "\n"], ["new york"], [], ["is"]], lowercase=True)
    assert corpus.vocab.tokens == ["new york", "is", "\n"]
    assert oracle.as_documents(corpus) == [[[0, 1, 2], [0]], [[1]]]


def test_lines_and_token_lists_may_be_mixed():
    items = iter(["a b\n", ("c", "d"), "", "a\n\nb", ["e"], "f"])
    assert oracle.as_documents(corpus_of(items, block_bytes=4)) == [[[0, 1], [2, 3]], [[0]], [[1], [4], [5]]]


@settings(deadline=None)
@given(
    sentences=st.lists(
        st.lists(st.text(min_size=1, max_size=30).filter(lambda t: t.isprintable()), max_size=8), max_size=30
    )
)
def test_token_lists_give_what_python_gives(sentences):
    documents, document = [], []
    for sentence in [*sentences, []]:
        document.append(sentence)
        if not sentence:
            documents.append(document)
            document = []
    expected = oracle.build(documents)
    if expected[0]:
        assert_equal(corpus_of(sentences, threads=2), expected)


def test_a_given_vocabulary_encodes_and_drops_or_marks_the_rest():
    vocab = Vocab(["b", "a", "never"], [9, 8, 7])
    corpus = corpus_of(["a x b", "x", "b"], vocab=vocab, min_count=99)
    assert corpus.vocab is vocab
    assert oracle.as_documents(corpus) == [[[1, 0], [0]]]
    marked = Vocab(["<unk>", "a"], unknown="<unk>")
    assert oracle.as_documents(corpus_of(["a x b", "x", "b"], vocab=marked)) == [[[1, 0, 0], [0], [0]]]
    with pytest.raises(ValueError, match="vocab: none of the 2 distinct words"):
        corpus_of(["y z"], vocab=vocab)


def test_what_is_too_large_for_memory_goes_to_a_temporary_folder_and_then_away(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("fastnlp.text.corpus.BuildOptions", partial(BuildOptions, memory_limit=4))
    corpus = Corpus.from_text(["a b", "c"], min_count=1)
    (folder,) = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [
        "corpus.json",
        "document_offsets.npy",
        "ids.npy",
        "sentence_offsets.npy",
        "words.vocab",
    ]
    ids = corpus.ids
    del corpus
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    assert ids.tolist() == [0, 1, 2]


def test_a_failed_build_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ValueError, match="min_count"):
        build(["a b", "c"], BuildOptions(min_count=2, memory_limit=0))
    with pytest.raises(ValueError, match="min_count"):
        Corpus.from_text(["a b", "c"], path=tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "\n", " \n\t\u3000 "])
def test_an_empty_text_is_refused(text):
    with pytest.raises(ValueError, match="source: expected a text, got an empty one"):
        Corpus.from_text(io.BytesIO(text.encode()))
    with pytest.raises(ValueError, match="source: expected a text, got an empty one"):
        Corpus.from_text(iter([text]))


def test_a_min_count_that_leaves_nothing_names_itself_and_the_largest_count():
    for options in ({}, {"unknown": "<unk>", "reserved": ("<pad>",)}):
        with pytest.raises(ValueError, match=r"min_count=5 none of the 2 .* occurs 4 times"):
            Corpus.from_text(["a a a a b"], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_count": -1}, "min_count: expected a number >= 0, got -1"),
        ({"max_vocab": 0}, "max_vocab: expected a number >= 1 or None, got 0"),
        ({"threads": 0}, "threads: expected 1 to 1024 or None, got 0"),
        ({"documents": "page"}, "documents: expected"),
        ({"errors": "ignore"}, "errors: expected"),
        ({"normalization": "nfc"}, "normalization: expected"),
        ({"unknown": ""}, "unknown: expected"),
        ({"unknown": "a", "reserved": ["a"]}, "reserved: expected distinct special tokens"),
    ],
)
def test_arguments_are_checked_before_the_text_is_read(options, message):
    def never():
        raise AssertionError
        yield

    with pytest.raises(ValueError, match=message):
        Corpus.from_text(never(), **options)


@given(
    st.lists(st.lists(st.sampled_from([0, 1, 2, 3, -1, -1, -1, -2]), max_size=30), max_size=4),
    st.integers(0, 2),
    st.integers(2, 9),
)
def test_threads_turn_a_stream_into_the_same_corpus(streams, documents, threads):
    # Of the four words the third is dropped and the fourth becomes two.
    table = [np.array(ids, np.int32) for ids in ([0, 1, -1, -2], [1, 0])]

    def corpus(*how):
        encoder = _core.StreamEncoder(table[0], np.array([0, 2]), table[1], 2, documents)
        return [[part.tolist() for part in encoder.encode(np.array(s, np.int32), *how)] for s in streams]

    assert corpus(threads, 1) == corpus()


def test_the_stream_of_the_core_is_checked():
    encoder = _core.StreamEncoder(np.zeros(1, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32), 1, 0)
    for bad in (1, -3):
        with pytest.raises(ValueError, match=r"stream\[0\]"):
            encoder.encode(np.array([bad], np.int32))
    for ids in ([1], [-2]):
        with pytest.raises(IndexError, match=r"final_ids\[0\]"):
            _core.StreamEncoder(np.array(ids, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32), 1, 0)
    counter = _core.TokenCounter(2, 1, False)
    counter.feed(b"a b ")
    with pytest.raises(RuntimeError, match="merge"):
        counter.words()
    assert counter.merge(10)
    for late in (lambda: counter.feed(b"c "), counter.end_source, lambda: counter.add_sentences([["c"]])):
        with pytest.raises(RuntimeError, match="no more text"):
            late()
