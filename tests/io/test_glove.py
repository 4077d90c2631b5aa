import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.planted import planted

from fastnlp import Corpus, GloVe, Vocab, WordVectors
from fastnlp.io.glove import (
    read_glove_cooccurrences,
    read_glove_vocab,
    write_glove_cooccurrences,
    write_glove_vocab,
)
from fastnlp.sampling import Cooccurrences

words = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=9).filter(
    lambda word: len(word.encode().split()) == 1
)


@given(st.dictionaries(words, st.integers(0, 10**15)))
def test_a_vocabulary_comes_back(tmp_path_factory, counts):
    path = tmp_path_factory.mktemp("v") / "vocab.txt"
    write_glove_vocab(path, list(counts), list(counts.values()))
    read, numbers = read_glove_vocab(path)
    assert read == list(counts) and numbers.tolist() == list(counts.values())


@given(st.lists(st.tuples(*[st.integers(0, 2**31 - 2)] * 2, st.floats(1e-9, 1e9))), st.integers(1, 5))
def test_records_come_back(tmp_path_factory, records, block):
    path = tmp_path_factory.mktemp("r") / "cooccurrence.bin"
    parts = [tuple(zip(*records[i : i + block], strict=True)) for i in range(0, len(records), block)]
    write_glove_cooccurrences(path, parts)
    assert path.stat().st_size == 16 * len(records)
    read = [row for part in read_glove_cooccurrences(path) for row in zip(*(a.tolist() for a in part))]  # noqa: B905
    assert read == records


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"the 3\ncat\n", "line 2: expected a word and its count, got b'cat"),
        (b"the x\n", "line 1"),
        (b"the -3\n", "line 1"),
        (b"the 1 2\n", "line 1"),
        (b"the " + b"9" * 19, "line 1"),
        (b"the 3\nthe 2\n", "line 2: expected each word once, got 'the' again"),
        (b"\xff 3\n", "line 1: expected UTF-8"),
    ],
)
def test_a_damaged_vocabulary_is_named(tmp_path, content, message):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_glove_vocab(path)


@pytest.mark.parametrize("word", ["", "a b", " a", "a\n", "x" * 1000, "<unk>", "a\0b"])
def test_words_that_their_programs_cannot_read_are_refused(tmp_path, word):
    with pytest.raises(ValueError, match=r"words\[1\]: expected"):
        write_glove_vocab(tmp_path / "vocab.txt", ["fine", word], [2, 1])
    with pytest.raises(ValueError, match="counts: expected 1, one a word"):
        write_glove_vocab(tmp_path / "vocab.txt", ["fine"], [2, 1])
    assert list(tmp_path.iterdir()) == []


def test_damaged_records_are_named(tmp_path):
    path = tmp_path / "cooccurrence.bin"
    write_glove_cooccurrences(path, [([0, 1], [1, 0], [2.0, 3.0])])
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="expected records of 16 bytes, got 31 bytes"):
        list(read_glove_cooccurrences(path))
    path.write_bytes(content[:16] + bytes(4) + content[20:])
    with pytest.raises(ValueError, match=r"record 1: expected ids of at least 1, got \[0, 1\]"):
        list(read_glove_cooccurrences(path))
    for bad in (-1, 2**31 - 1):
        with pytest.raises(IndexError, match="records: expected ids from 0"):
            write_glove_cooccurrences(path, [([bad], [0], [1.0])])


def program(name):
    path = Path(os.environ.get("FASTNLP_PEERS", "")) / "glove" / name
    if not (path.is_file() and os.access(path, os.X_OK)):
        pytest.skip("Stanford's GloVe is not in the folder that FASTNLP_PEERS names")
    return path


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(" ".join(line) + "\n" for line in planted(sentences=800, seed=3)))
    return path


def stanford(name, *options, source=None, target=None):
    source = subprocess.DEVNULL if source is None else Path(source).open("rb")  # noqa: SIM115
    target = subprocess.DEVNULL if target is None else Path(target).open("wb")  # noqa: SIM115
    try:
        command = [program(name), "-verbose", "0", *map(str, options)]
        subprocess.run(command, stdin=source, stdout=target, stderr=subprocess.DEVNULL, check=True)
    finally:
        for file in (source, target):
            if file is not subprocess.DEVNULL:
                file.close()


@pytest.mark.interop
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("weighting", ["distance", "flat"])
def test_counts_are_those_of_their_program(text, tmp_path, symmetric, weighting):
    stanford("vocab_count", "-min-count", 5, source=text, target=tmp_path / "vocab.txt")
    names, counts = read_glove_vocab(tmp_path / "vocab.txt")
    corpus = Corpus.from_text(text, vocab=Vocab(names, counts))
    options = ("-symmetric", int(symmetric), "-distance-weighting", int(weighting == "distance"))
    stanford(
        "cooccur",
        *("-vocab-file", tmp_path / "vocab.txt", "-window-size", 7, "-overflow-file", tmp_path / "o"),
        # Both of its tables are used: where the second is empty, it counts the first record twice.
        *("-max-product", 100),
        *options,
        source=text,
        target=tmp_path / "counts.bin",
    )
    theirs = Cooccurrences.from_records(read_glove_cooccurrences(tmp_path / "counts.bin"), len(names))
    ours = Cooccurrences.from_corpus(corpus, window=7, symmetric=symmetric, weighting=weighting)
    full = Cooccurrences.from_records(ours.records(), len(names))
    assert np.array_equal(theirs.row_offsets, full.row_offsets)
    assert np.array_equal(theirs.columns, full.columns)
    assert np.allclose(theirs.counts, full.counts, rtol=1e-12)


@pytest.mark.interop
def test_stages_mix_with_theirs(text, tmp_path):
    corpus = Corpus.from_text(text, min_count=1)
    matrix = Cooccurrences.from_corpus(corpus, window=5)
    write_glove_vocab(tmp_path / "vocab.txt", corpus.vocab.tokens, corpus.vocab.counts)
    write_glove_cooccurrences(tmp_path / "counts.bin", matrix.records())
    stanford(
        "shuffle",
        *("-seed", 1, "-temp-file", tmp_path / "t"),
        source=tmp_path / "counts.bin",
        target=tmp_path / "shuffled.bin",
    )
    stanford(
        "glove",
        *("-save-file", tmp_path / "vectors", "-input-file", tmp_path / "shuffled.bin"),
        *("-vocab-file", tmp_path / "vocab.txt", "-vector-size", 10, "-iter", 30, "-threads", 1, "-seed", 1),
    )
    theirs = WordVectors.load(tmp_path / "vectors.txt", format="glove")
    assert theirs.index_to_key[:-1] == corpus.vocab.tokens and theirs.index_to_key[-1] == "<unk>"
    assert theirs.vectors.shape == (len(corpus.vocab) + 1, 10)
    shuffled = Cooccurrences.from_records(
        read_glove_cooccurrences(tmp_path / "shuffled.bin"), len(corpus.vocab)
    )
    model = GloVe(dim=10, epochs=30, threads=1).fit_cooccurrences(shuffled, corpus.vocab)
    direct = GloVe(dim=10, epochs=30, threads=1).fit_cooccurrences(matrix, corpus.vocab)
    assert model.history[-1].loss == pytest.approx(direct.history[-1].loss, rel=0.2)
