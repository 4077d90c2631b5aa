"""What is of a wrong type is refused by its argument's name, before anything else is done."""

import numpy as np
import pytest

from fastnlp import ApproximateIndex, KeyedVectors, WordVectors, evaluate
from fastnlp.io.word2vec import read_word2vec

WORDS = ["cat", "dog", "cow", "bus"]
TABLE = np.array([[9, 1], [8, 1], [9, 2], [1, 9]], np.float32)
ASKED = np.ones((1, 2), np.float32)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("topn", lambda v: v.most_similar("cat", topn="3")),
        ("topn", lambda v: v.most_similar("cat", topn=2.5)),
        ("topn", lambda v: v.similar_by_vector(v["cat"], topn="3")),
        ("topn", lambda v: v.most_similar_cosmul("cat", topn="3")),
        ("topn", lambda v: v.analogy("cat", "dog", "cow", topn=[1])),
        ("topn", lambda v: v.search(ASKED, topn="3")),
        ("topn", lambda v: v.answer_analogies(np.array([[0, 1, 2]]), topn="3")),
        ("restrict_vocab", lambda v: v.most_similar("cat", restrict_vocab="x")),
        ("restrict_vocab", lambda v: v.most_similar_cosmul("cat", restrict_vocab="x")),
        ("restrict_vocab", lambda v: v.search(ASKED, restrict_vocab=1.5)),
        ("restrict_vocab", lambda v: evaluate.analogies(v, [": a", "a b c d"], restrict_vocab="x")),
        ("clip_start", lambda v: v.most_similar("cat", clip_start="x")),
        ("clip_end", lambda v: v.most_similar("cat", clip_end=2.5)),
        ("threads", lambda v: v.search(ASKED, threads="all")),
        ("queries", lambda v: v.search([["a", "b"]])),
        ("queries", lambda v: v.search([[1, 2], [3]])),
        ("queries", lambda v: v.search(ASKED + 1j)),
        ("exclude", lambda v: v.search(ASKED, exclude=np.ones((1, 1)))),
        ("questions", lambda v: v.answer_analogies(np.ones((1, 3)))),
        ("vector", lambda v: v.most_similar(np.array(["a", "b"]))),
        ("positive", lambda v: v.most_similar([("cat", "x")])),
        ("negative", lambda v: v.most_similar("cat", [("cat", 1, 2)])),
        ("positive", lambda v: v.most_similar(3.5)),
        ("key", lambda v: v.get_vector(None)),
        ("key", lambda v: v[None]),
        ("key", lambda v: v[b"cat"]),
        ("key", lambda v: v[1.5]),
        ("key", lambda v: v.similarity("cat", 2.5)),
        ("keys", lambda v: v.get_mean_vector("cat")),
        ("weights", lambda v: v.get_mean_vector(["cat"], ["x"])),
        ("ws1", lambda v: v.n_similarity("cat", ["dog"])),
        ("ws2", lambda v: v.n_similarity(["cat"], "dog")),
        ("words", lambda v: v.doesnt_match("cat")),
        ("words", lambda v: v.rank_by_centrality("cat")),
        ("keys_list", lambda v: v.most_similar_to_given("cat", "dog")),
        ("other_words", lambda v: v.distances("cat", "dog")),
        ("keys", lambda v: v.vectors_for_all("cat")),
        ("vector", lambda v: v.add_vector("new", "x")),
        ("weights", lambda v: v.add_vectors(["new"], [["x", "y"]])),
        ("keys", lambda v: v.add_vector(7, [1, 2])),
        ("dtype", lambda v: v.astype(3)),
        ("unknown", lambda v: setattr(v, "unknown", 3)),
        ("lines", lambda v: evaluate.analogies(v, [1, 2])),
        ("restarts", lambda v: evaluate.categories(v, ["cat animal"], restarts="x")),
        ("vector_size", lambda v: KeyedVectors("2")),
        ("count", lambda v: KeyedVectors(2, count="x")),
        ("path", lambda v: v.save(3)),
        ("path", lambda v: WordVectors.load(None)),
        ("path", lambda v: WordVectors.load(b"a.vec")),
        ("format", lambda v: WordVectors.load("a.vec", format=3)),
        ("limit", lambda v: WordVectors.load("a.vec", limit="5")),
        ("limit", lambda v: read_word2vec("a.vec", limit=2.5)),
        ("dtype", lambda v: WordVectors.load("a.vec", dtype=3)),
        ("progress", lambda v: WordVectors.load("a.vec", progress=3)),
        ("progress", lambda v: v.save("a.vec", progress=True)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_wrong_type_is_named(tmp_path, monkeypatch, name, call, dtype):
    monkeypatch.chdir(tmp_path)
    WordVectors(WORDS, TABLE).save("a.vec")
    vectors = WordVectors(WORDS, TABLE).astype(dtype)
    expected = ValueError if name == "unknown" else TypeError
    with pytest.raises(expected, match=f"^{name}: expected "):
        call(vectors)


def test_numbers_of_numpy_are_numbers():
    vectors = WordVectors(WORDS, TABLE)
    expected = vectors.most_similar("cat", topn=2, restrict_vocab=3)
    assert vectors.most_similar("cat", topn=np.int64(2), restrict_vocab=np.uint8(3)) == expected
    assert vectors.search(TABLE.astype(np.float64)[:1], np.int32(2))[0].tolist() == [[0, 1]]
    assert vectors.search(TABLE.astype(int)[:1], 2)[0].tolist() == [[0, 1]]
    assert len(vectors.most_similar("cat", topn=10**30)) == 3


def test_weights_are_finite():
    with pytest.raises(ValueError, match="weights: expected finite numbers"):
        WordVectors(WORDS, TABLE).most_similar([("cat", np.inf)])


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_an_empty_table_has_no_answers(dtype):
    empty = WordVectors([], np.zeros((0, 2), np.float32)).astype(dtype)
    assert len(empty) == 0 and empty.get_normed_vectors().shape == (0, 2)
    assert empty.most_similar(np.ones(2)) == [] and empty.most_similar_cosmul(np.ones(2)) == []
    rows, cosines = empty.search(np.ones((3, 2), np.float32))
    assert rows.shape == cosines.shape == (3, 0)


def test_an_empty_name_is_no_file():
    with pytest.raises(ValueError, match="path: expected the name of a file, got an empty one"):
        WordVectors.load("")


@pytest.mark.parametrize("name", ["connectivity", "expansion_add", "expansion_search"])
def test_numbers_of_an_index_are_whole(name):
    with pytest.raises(TypeError, match=f"{name}: expected a whole number, got str '3'"):
        ApproximateIndex(WordVectors(WORDS, TABLE), **{name: "3"})
