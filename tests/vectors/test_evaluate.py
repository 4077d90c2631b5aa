import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnlp as fn
from fastnlp.vectors.evaluation.judgements import Judged, correlations, pearson, ranks
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


def test_unknown_words_can_count_as_wrong():
    questions = [": a", "man woman king queen", "man woman uncle aunt", ": b", "a b c d"]
    result = fn.evaluate.analogies(VECTORS, questions, dummy4unknown=True)
    assert [(s.correct, s.total, s.unknown) for s in result.sections] == [(1, 2, 1), (0, 1, 1)]
    assert result.accuracy == pytest.approx(1 / 3)
    pairs = ["man woman 9", "king tree 1", "man sea 5"]
    left_out, counted = (fn.evaluate.similarity(VECTORS, pairs, dummy4unknown=flag) for flag in (False, True))
    assert (left_out.pairs, left_out.unknown, counted.pairs, counted.unknown) == (2, 1, 3, 1)
    cosines = [VECTORS.similarity("man", "woman"), VECTORS.similarity("king", "tree"), 0.0]
    assert counted.pearson == pytest.approx(oracle.pearson([9, 1, 5], cosines))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_analogies_are_answered_as_the_definition_says(data):
    rows = data.draw(st.integers(4, 80))
    by_products = data.draw(st.booleans())
    # In few dimensions a cosine comes close to -1, and 3CosMul divides by what rounding leaves of 1 + cos.
    dim = 17 if by_products else data.draw(st.sampled_from([1, 3, 17]))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    table = generator.standard_normal((rows, dim)).astype(np.float32)
    vectors = fn.WordVectors([str(i) for i in range(rows)], table)
    asked = generator.integers(0, rows, (6, 3))
    found, scores = vectors.answer_analogies(asked, 3, by_products=by_products, threads=2)
    for q, (a, b, c) in enumerate(asked.tolist()):
        expected = oracle.analogy(table.tolist(), a, b, c, 3, by_products)
        by_row = dict(oracle.analogy(table.tolist(), a, b, c, rows, by_products))
        for place, (_, score) in enumerate(expected):
            close = pytest.approx(score, rel=1e-4, abs=1e-5)
            assert scores[q, place] == close and by_row[found[q, place]] == close
        assert (found[q, len(expected) :] == -1).all()


def test_analogies_can_be_answered_in_many_steps(monkeypatch):
    generator = np.random.default_rng(4)
    vectors = fn.WordVectors([str(i) for i in range(3000)], generator.standard_normal((3000, 8), np.float32))
    asked = generator.integers(0, 3000, (50, 3))
    whole = vectors.answer_analogies(asked, 5, restrict_vocab=2900)
    monkeypatch.setattr("fastnlp.vectors.nearest._STEP", 1.0)
    stepped = vectors.answer_analogies(asked, 5, restrict_vocab=2900)
    assert (whole[0] == stepped[0]).all() and (whole[1] == stepped[1]).all()
    assert whole[0].max() < 2900


def test_3cosmul_is_gensims_most_similar_cosmul():
    for a, b, c in (("man", "woman", "king"), ("king", "queen", "tree"), ("tree", "man", "woman")):
        row = [VECTORS.get_index(word) for word in (a, b, c)]
        found, scores = VECTORS.answer_analogies(np.array([row]), 2, by_products=True)
        expected = VECTORS.most_similar_cosmul([b, c], [a], topn=2)
        assert [VECTORS.index_to_key[i] for i in found[0]] == [word for word, _ in expected]
        np.testing.assert_allclose(scores[0], [score for _, score in expected], rtol=1e-5)


def test_bad_questions_by_row_are_refused():
    with pytest.raises(ValueError, match=r"questions: expected shape \(N, 3\), got \(1, 2\)"):
        VECTORS.answer_analogies(np.array([[0, 1]]))
    with pytest.raises(IndexError, match=r"questions: expected rows in \[0, 5\)"):
        VECTORS.answer_analogies(np.array([[0, 1, 5]]))
    with pytest.raises(ValueError, match="method: expected '3cosadd' or '3cosmul', got 'pairdistance'"):
        fn.evaluate.analogies(VECTORS, ["man woman king queen"], method="pairdistance")


def test_msrs_questions_have_their_answers_beside_them(tmp_path):
    questions = tmp_path / "word_relationship.questions"
    answers = tmp_path / "word_relationship.answers"
    questions.write_text("man woman king\nman king woman\nman woman uncle\n")
    answers.write_text("A_B queen\nB_C tree\nA_B aunt\n")
    result = fn.evaluate.analogies(VECTORS, questions)
    assert [(s.name, s.correct, s.total, s.unknown) for s in result.sections] == [
        ("A_B", 1, 1, 1),
        ("B_C", 0, 1, 0),
    ]
    answers.write_text("A_B queen\n")
    with pytest.raises(ValueError, match="expected 3 answers, one a question, got 1"):
        fn.evaluate.analogies(VECTORS, questions)
    answers.write_text("A_B queen\nB_C\nA_B aunt\n")
    with pytest.raises(ValueError, match="answers: line 2: expected a section and a word, got 1 fields"):
        fn.evaluate.analogies(VECTORS, questions)
    questions.write_text("man woman\n1 2 3\n1 2 3\n")
    with pytest.raises(ValueError, match="questions: line 1: expected three words, got 2"):
        fn.evaluate.analogies(VECTORS, questions)


def test_bats_asks_every_pair_of_lines_and_takes_any_of_the_answers(tmp_path):
    (tmp_path / "1_Inflectional").mkdir()
    (tmp_path / "1_Inflectional" / "I01 [man - woman].txt").write_text(
        "man\twoman\nking\tlady/queen\nsea\tfish\n"
    )
    (tmp_path / "1_Inflectional" / "I02 [a - b].txt").write_text("man\twoman\nking\tlady\n")
    result = fn.evaluate.analogies(VECTORS, tmp_path)
    # Of six questions of the first file one has only known words: man:woman::king:?, answered by "queen".
    assert [(s.name, s.correct, s.total, s.unknown) for s in result.sections] == [
        ("I01 [man - woman]", 1, 1, 5),
        ("I02 [a - b]", 0, 0, 2),
    ]
    (tmp_path / "1_Inflectional" / "I02 [a - b].txt").write_text("man woman king\n")
    with pytest.raises(ValueError, match="line 1: expected a word and its answers, got 3 fields"):
        fn.evaluate.analogies(VECTORS, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"found no \.txt in it"):
        fn.evaluate.analogies(VECTORS, tmp_path / "empty")


@pytest.mark.parametrize("mark", ["\t", ",", " ", ", "])
def test_pairs_are_split_at_what_the_first_line_has(mark):
    lines = [
        mark.join(fields) for fields in (("man", "woman", "9"), ("man", "king", "1"), ("king", "tree", "5"))
    ]
    assert fn.evaluate.similarity(VECTORS, lines).pairs == 3


def test_p_values_are_those_of_students_t():
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(3)
    for pairs in (3, 4, 10, 353, 3000):
        x, y = generator.standard_normal((2, pairs))
        for weight in (0.0, 0.05, 0.5, 3.0):
            judged = Judged(x, y + weight * x, 0)
            spearman, pearson_of = correlations(judged)
            for ours, theirs in (
                (pearson_of, stats.pearsonr(*judged[:2])),
                (spearman, stats.spearmanr(*judged[:2])),
            ):
                assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-12)
                assert ours.pvalue == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-300)
    alike = Judged(np.arange(4.0), np.arange(4.0), 0)
    assert correlations(alike)[1] == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert np.isnan(correlations(Judged(np.arange(2.0), np.arange(2.0), 0))[1].pvalue)


@pytest.mark.interop
@pytest.mark.parametrize("insensitive", [True, False])
@pytest.mark.parametrize("dummy", [True, False])
@pytest.mark.parametrize("restrict", [40, 300])
def test_the_figures_are_gensims(tmp_path, insensitive, dummy, restrict):
    gensim = pytest.importorskip("gensim.models")
    generator = np.random.default_rng(7)
    # Words in two spellings, and planted analogies: some answers are right and some spellings collide.
    words = [f"{name}{i}" for i in range(60) for name in ("up", "down", "UP")]
    offset = generator.standard_normal((3, 12))
    base = generator.standard_normal((60, 12))
    table = (base[:, None] + 1.5 * offset[None] + 0.4 * generator.standard_normal((60, 3, 12))).reshape(
        180, 12
    )
    ours = fn.KeyedVectors(12)
    ours.add_vectors(words, table.astype(np.float32))
    theirs = gensim.KeyedVectors(12)
    theirs.add_vectors(words, table.astype(np.float32))
    lines = []
    for section in range(3):
        lines.append(f": section{section}")
        for _ in range(60):
            i, j = generator.integers(0, 70, 2)
            lines.append(f"up{i} down{i} {'Up' if section == 1 else 'up'}{j} down{j}")
    path = tmp_path / "q.txt"
    path.write_text("\n".join(lines))
    options = {"restrict_vocab": restrict, "case_insensitive": insensitive, "dummy4unknown": dummy}
    found, expected = (v.evaluate_word_analogies(str(path), **options) for v in (ours, theirs))
    assert found == (pytest.approx(expected[0]), expected[1])
    assert any(section["correct"] for section in expected[1]) and any(s["incorrect"] for s in expected[1])
    pairs = [f"up{i}\tUP{j}\t{generator.integers(0, 10)}" for i, j in generator.integers(0, 70, (80, 2))]
    path.write_text("# comment\nno pair\n" + "\n".join(pairs))
    found, expected = (v.evaluate_word_pairs(str(path), **options) for v in (ours, theirs))
    assert found[2] == pytest.approx(expected[2])
    for mine, other in zip(found[:2], expected[:2], strict=True):
        assert mine == (pytest.approx(other[0], abs=1e-6), pytest.approx(other[1], rel=1e-3, abs=1e-9))


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


@pytest.mark.parametrize("number", ["nan", "inf", "1e999"])
def test_a_judgement_that_is_not_finite_has_its_line(number):
    vectors = fn.WordVectors(["a", "b", "c"], np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match="line 2: expected a finite number after the two words, got"):
        fn.evaluate.similarity(vectors, ["a b 9", f"a c {number}", "b c 1"])
