import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastnlp as fn
from fastnlp.vectors.evaluation.judgements import pearson, ranks
from tests.oracles import nearest as oracle

TABLE = np.array([[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0.1]], np.float32)
VECTORS = fn.WordVectors(["man", "woman", "king", "queen", "tree"], TABLE)


def test_analogies_are_counted_by_section():
    result = fn.evaluate.analogies(
        VECTORS,
        [
            ": family",
            "man woman king queen",
            "MAN king Woman QUEEN",
            "man woman uncle aunt",
            "",
            ": wrong",
            "man woman king tree",
        ],
    )
    assert [(s.name, s.correct, s.total, s.unknown) for s in result.sections] == [
        ("family", 2, 2, 1),
        ("wrong", 0, 1, 0),
    ]
    assert (result.correct, result.total, result.unknown) == (2, 3, 1)
    assert result.accuracy == pytest.approx(2 / 3)
    assert str(result).splitlines()[-1] == "all: 66.7% (2 of 3; 1 unknown)"


def test_case_and_the_size_of_the_vocabulary_decide_what_is_known():
    questions = ["man woman king queen", "Man Woman King Queen"]
    assert fn.evaluate.analogies(VECTORS, questions).total == 2
    assert fn.evaluate.analogies(VECTORS, questions, case_insensitive=False).total == 1
    assert fn.evaluate.analogies(VECTORS, questions, restrict_vocab=3).total == 0
    assert fn.evaluate.analogies(VECTORS, questions, restrict_vocab=None).correct == 2


def test_other_spellings_of_the_question_are_no_answer():
    # "Queen" has the direction of "queen" and stands after it; "KING", nearer than either, is the question's.
    words = ["man", "woman", "king", "queen", "Queen", "KING", "King"]
    table = np.vstack([TABLE[:4], TABLE[3:4] * 2, [[1, 0.9, -1.1]], [[1, 0.95, -1.05]]]).astype(np.float32)
    vectors = fn.WordVectors(words, table)
    assert fn.evaluate.analogies(vectors, ["man woman king queen"]).correct == 1


def test_similarity_is_counted_and_correlated():
    cosines = [VECTORS.similarity(*pair) for pair in (("man", "woman"), ("man", "king"), ("king", "tree"))]
    judged = [9.0, 1.0, 5.0]
    result = fn.evaluate.similarity(
        VECTORS,
        [
            "# comment",
            "Word 1\tWord 2\tHuman",
            "man\tWOMAN\t9",
            "man\tking\t1",
            "king\ttree\t5",
            "man\tsea\t5",
        ],
    )
    assert (result.pairs, result.unknown) == (3, 1)
    assert result.pearson == pytest.approx(oracle.pearson(judged, cosines), abs=1e-6)
    assert result.spearman == pytest.approx(oracle.pearson(oracle.ranks(judged), oracle.ranks(cosines)))


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=40))
def test_ranks_share_ties_and_correlation_is_the_textbooks(pairs):
    x, y = (np.array(column, float) for column in zip(*pairs, strict=True))
    assert ranks(x).tolist() == oracle.ranks(x.tolist())
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert pearson(x, y) == pytest.approx(oracle.pearson(x.tolist(), y.tolist()), abs=1e-12)
    else:
        assert np.isnan(pearson(x, y))


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("line 2: expected four words, got 3", lambda: fn.evaluate.analogies(VECTORS, [": a", "b c d"])),
        ("at least one question, got none", lambda: fn.evaluate.analogies(VECTORS, [": a"])),
        (
            "restrict_vocab: expected at least 1",
            lambda: fn.evaluate.analogies(VECTORS, ["a b c d"], restrict_vocab=0),
        ),
        (
            "line 2: expected two words and a number",
            lambda: fn.evaluate.similarity(VECTORS, ["a\tb\t1", "a b 1"]),
        ),
        ("line 2: expected a number", lambda: fn.evaluate.similarity(VECTORS, ["a\tb\t1", "a\tb\tone"])),
        (
            "at least two with known words, got 1 and 1 unknown",
            lambda: fn.evaluate.similarity(VECTORS, ["man\tking\t1", "a\tb\t1"]),
        ),
    ],
)
def test_bad_tests_are_refused(message, call):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_bytes(b": caf\xe9\n")
    with pytest.raises(ValueError, match=r"questions\.txt: byte 5: not valid UTF-8"):
        fn.evaluate.analogies(VECTORS, path)


@pytest.mark.interop
def test_the_figures_are_gensims_on_trained_vectors(tmp_path):
    data = os.environ.get("FASTNLP_DATA")
    if data is None:
        pytest.skip("FASTNLP_DATA is not set: the evaluation sets and PTB are not here")
    gensim = pytest.importorskip("gensim.models")
    with zipfile.ZipFile(Path(data) / "ptb" / "ptb.zip") as archive:
        text = archive.read("ptb/ptb.train.txt").decode()
    model = gensim.Word2Vec(
        [line.split() for line in text.splitlines()[:12_000]],
        vector_size=50,
        sg=1,
        min_count=5,
        epochs=1,
        seed=1,
        workers=1,
    )
    path = tmp_path / "ptb.bin"
    model.wv.save_word2vec_format(str(path), binary=True)
    vectors = fn.WordVectors.load(path)
    questions = Path(data) / "eval" / "questions-words.txt"
    for restrict in (2000, 30_000):
        ours = fn.evaluate.analogies(vectors, questions, restrict_vocab=restrict)
        score, theirs = model.wv.evaluate_word_analogies(str(questions), restrict_vocab=restrict)
        assert ours.total > 100 and ours.total + ours.unknown == 19_544
        assert ours.accuracy == pytest.approx(score)
        assert [(s.name, s.correct, s.total) for s in ours.sections] == [
            (s["section"], len(s["correct"]), len(s["correct"]) + len(s["incorrect"])) for s in theirs[:-1]
        ]
    for name in ("gensim_wordsim353.tsv", "gensim_simlex999.txt"):
        pairs = Path(data) / "eval" / name
        pearson, spearman, unknown = model.wv.evaluate_word_pairs(str(pairs))
        result = fn.evaluate.similarity(vectors, pairs)
        assert result.pearson == pytest.approx(pearson[0], abs=1e-6)
        assert result.spearman == pytest.approx(spearman[0], abs=1e-4)
        assert 100 * result.unknown / (result.pairs + result.unknown) == pytest.approx(unknown)
