import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnlp import WordVectors
from tests.oracles import nearest as oracle


def random_vectors(rows, dim, seed=0):
    table = np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)
    return WordVectors([f"w{i}" for i in range(rows)], table)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_search_finds_what_the_definition_says(data):
    rows = data.draw(st.integers(1, 700))
    dim = data.draw(st.sampled_from([1, 2, 3, 15, 16, 17, 33, 100, 129, 300]))
    queries = data.draw(st.sampled_from([1, 2, 7, 8, 31, 32, 33, 70]))
    k = data.draw(st.integers(1, 12))
    threads = data.draw(st.integers(1, 3))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    table = generator.standard_normal((rows, dim)).astype(np.float32)
    asked = generator.standard_normal((queries, dim)).astype(np.float32)
    exclude = generator.integers(-1, rows, (queries, 2)).astype(np.int32)
    vectors = WordVectors([str(i) for i in range(rows)], table)
    found, scores = vectors.search(asked, k, exclude=exclude, threads=threads)
    assert found.shape == scores.shape == (queries, min(k, rows))

    # In double, with the float32 error allowed where two rows are that close.
    unit = table.astype(float) / np.linalg.norm(table.astype(float), axis=1, keepdims=True)
    exact = (asked / np.linalg.norm(asked.astype(float), axis=1, keepdims=True)) @ unit.T
    for q in range(queries):
        left = [i for i in range(rows) if i not in exclude[q]]
        count = min(k, rows, len(left))
        assert (found[q, count:] == -1).all()
        got = found[q, :count]
        assert len(set(got)) == count and set(got) <= set(left)
        np.testing.assert_allclose(scores[q, :count], exact[q, got], atol=1e-6)
        best = np.sort(exact[q, left])[::-1][:count]
        np.testing.assert_allclose(scores[q, :count], best, atol=1e-6)


@pytest.mark.parametrize("queries", [1, 40])
def test_equal_rows_come_in_their_order(queries):
    table = np.tile(np.array([[1, 2, 3], [3, 2, 1]], np.float32), (500, 1))
    vectors = WordVectors([str(i) for i in range(1000)], table)
    found, scores = vectors.search(np.tile(table[:1], (queries, 1)), 6, threads=3)
    assert (found == [0, 2, 4, 6, 8, 10]).all()
    np.testing.assert_allclose(scores, 1, atol=1e-6)


@pytest.mark.parametrize("queries", [1, 40])
def test_many_threads_share_the_rows_of_few_queries(queries):
    vectors = random_vectors(50_000, 64)
    one, many = (vectors.search(vectors.vectors[:queries], 10, threads=n) for n in (1, 7))
    assert (one[0] == many[0]).all() and (one[1] == many[1]).all()
    assert (one[0][:, 0] == np.arange(queries)).all()


def test_a_small_example_agrees_with_the_oracle():
    vectors = random_vectors(30, 5)
    for word in vectors.index_to_key:
        expected = oracle.nearest(
            vectors.vectors.tolist(), vectors[word].tolist(), 5, {vectors.get_index(word)}
        )
        got = vectors.most_similar(word, topn=5)
        assert [w for w, _ in got] == [f"w{i}" for i, _ in expected]
        np.testing.assert_allclose([s for _, s in got], [s for _, s in expected], atol=1e-6)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, 1e-42, 3e38])
@pytest.mark.parametrize("copies", [1, 30])
def test_rows_without_a_direction_have_similarity_zero(bad, copies):
    table = np.array([[1, 1], [bad, bad], [-1, -1]], np.float32)
    vectors = WordVectors(["up", "none", "down"], table)
    found, scores = vectors.search(np.tile(np.float32([[1, 1]]), (copies, 1)), 3)
    assert (found == [0, 1, 2]).all()
    np.testing.assert_allclose(scores, np.tile(np.float32([[1, 0, -1]]), (copies, 1)), atol=1e-6)
    assert vectors.most_similar("up", topn=None)[1] == 0
    assert vectors.distances("up").tolist() == pytest.approx([0, 1, 2], abs=1e-6)
    assert vectors.get_normed_vectors()[1].tolist() == [0, 0]
    assert vectors.get_vector("none", norm=True).tolist() == [0, 0]


def test_a_query_of_zeros_is_near_to_nothing():
    vectors = random_vectors(20, 4)
    found, scores = vectors.search(np.zeros((1, 4), np.float32), 3)
    assert found.tolist() == [[0, 1, 2]] and (scores == 0).all()


def test_a_strided_view_and_a_memory_map_are_searched_where_they_lie(tmp_path):
    padded = np.random.default_rng(1).standard_normal((300, 112)).astype(np.float32)
    words = [f"w{i}" for i in range(300)]
    expected = WordVectors(words, padded[:, :100].copy()).most_similar("w7")
    view = WordVectors(words, padded[:, :100])
    assert np.shares_memory(view.vectors, padded)
    assert view.most_similar("w7") == expected
    padded.tofile(tmp_path / "table")
    mapped = np.memmap(tmp_path / "table", np.float32, "r", shape=(300, 112))
    assert WordVectors(words, mapped[:, :100]).most_similar("w7") == expected


@pytest.mark.parametrize("table", [np.ones((4, 6), np.float32)[:, ::2], np.ones((3, 4), np.float32).T])
def test_numbers_that_are_not_adjacent_are_refused(table):
    vectors = WordVectors(["a", "b", "c", "d"], table)
    with pytest.raises(ValueError, match="vectors: expected rows of adjacent numbers"):
        vectors.most_similar("a")


def test_numbers_at_any_byte_of_a_buffer_are_refused():
    table = np.frombuffer(b"\0" * 33, np.float32, offset=1).reshape(4, 2)
    with pytest.raises(ValueError, match="vectors: expected memory aligned to 4 bytes"):
        WordVectors(["a", "b", "c", "d"], table).most_similar("a")


def test_changed_vectors_need_new_norms():
    vectors = random_vectors(10, 3)
    before = vectors.norms.copy()
    vectors.vectors[0] *= 2
    vectors.fill_norms()
    assert vectors.norms[0] == before[0]
    vectors.fill_norms(force=True)
    assert vectors.norms[0] == 2 * before[0]


def test_a_sketch_changes_no_bit_of_an_answer(monkeypatch):
    vectors, plain = random_vectors(5_000, 40), random_vectors(5_000, 40)
    monkeypatch.setattr("fastnlp.vectors.nearest._WORTH_A_SKETCH", 5_000 * 40)
    plain._is_sketched = lambda threads: False
    asked = np.vstack([vectors.vectors[:5] + np.float32(0.1), np.zeros((1, 40), np.float32)])
    for rows in (None, 4_000):
        for query in asked:
            ours, direct = (v.search(query[None], 10, restrict_vocab=rows) for v in (vectors, plain))
            assert (ours[0] == direct[0]).all() and (ours[1] == direct[1]).all()
    assert vectors._sketch is not None and plain._sketch is None
    assert vectors.most_similar("w3", topn=50) == plain.most_similar("w3", topn=50)


def test_changed_vectors_are_found_again(monkeypatch):
    monkeypatch.setattr("fastnlp.vectors.nearest._WORTH_A_SKETCH", 0)
    vectors = random_vectors(100, 8)
    for _ in range(3):
        assert vectors.most_similar("w0", topn=1)[0][0] != "w99"
    vectors.vectors[99] = vectors.vectors[0]
    vectors.fill_norms(force=True)
    for _ in range(3):
        assert vectors.most_similar("w0", topn=1)[0][0] == "w99"
    vectors.vectors[98] = 2 * vectors.vectors[0]
    vectors.norms = None
    for _ in range(3):
        assert vectors.most_similar("w0", topn=2)[0][0] == "w98"


def test_a_range_of_rows_is_searched():
    vectors = random_vectors(60, 5)
    everything = vectors.most_similar("w3", topn=100)
    assert len(everything) == 59
    for start, stop in ((10, 20), (0, 7), (50, None), (55, 1000)):
        inside = vectors.index_to_key[start:stop]
        expected = [(word, score) for word, score in everything if word in inside]
        assert vectors.most_similar("w3", topn=100, clip_start=start, clip_end=stop) == expected
        cosines = vectors.most_similar("w3", topn=None, clip_start=start, clip_end=stop)
        assert len(cosines) == len(inside)
    assert vectors.most_similar("w3", clip_start=30, clip_end=20) == []
    few = vectors.most_similar("w3", clip_start=30, clip_end=40, restrict_vocab=5)
    assert [word for word, _ in few] == [word for word, _ in everything if word in vectors.index_to_key[:5]]


def test_lookup():
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    vectors = WordVectors(["a", "b", "c"], table, counts=[30, 20, 10])
    assert len(vectors) == 3 and vectors.vector_size == 2
    assert vectors.key_to_index == {"a": 0, "b": 1, "c": 2}
    assert "b" in vectors and "d" not in vectors and 2 in vectors and 3 not in vectors
    assert vectors["b"].tolist() == [2, 3] == vectors[1].tolist()
    assert vectors[["c", "a"]].tolist() == [[4, 5], [0, 1]]
    assert vectors.get_index("d", default=-7) == -7
    assert vectors.get_vecattr("b", "count") == 20
    assert repr(vectors) == "WordVectors(3 words, 2 dimensions)"
    with pytest.raises(ValueError, match="read-only"):
        vectors["a"][0] = 1
    assert np.linalg.norm(vectors.get_vector("c", norm=True)) == pytest.approx(1)


def test_an_unknown_word_is_named():
    vectors = random_vectors(3, 2)
    for ask in (
        lambda: vectors["nowhere"],
        lambda: vectors.most_similar("nowhere"),
        lambda: vectors.similarity("w0", "nowhere"),
        lambda: vectors.distances("w0", ["nowhere"]),
        lambda: vectors.analogy("w0", "w1", "nowhere"),
        lambda: vectors.most_similar_cosmul("nowhere"),
        lambda: vectors.get_mean_vector(["nowhere"], ignore_missing=False),
    ):
        with pytest.raises(KeyError, match="the word 'nowhere' is not among the 3 words"):
            ask()
    with pytest.raises(KeyError, match=r"'W0'.*'w0' is"):
        vectors["W0"]
    with pytest.raises(KeyError, match=r"row 3 is not in \[0, 3\)"):
        vectors[3]
    with pytest.raises(KeyError, match="count"):
        vectors.get_vecattr("w0", "count")


@pytest.mark.parametrize(
    ("error", "message", "make"),
    [
        (TypeError, "float32 array, got float64", lambda: WordVectors(["a"], np.ones((1, 2)))),
        (TypeError, "float32 array, got list", lambda: WordVectors(["a"], [[1.0]])),
        (TypeError, "float32 array, got >f4", lambda: WordVectors(["a"], np.ones((1, 2), ">f4"))),
        (ValueError, "one row a token", lambda: WordVectors(["a"], np.ones((2, 2), np.float32))),
        (ValueError, "one row a token", lambda: WordVectors(["a"], np.ones(1, np.float32))),
        (ValueError, "one row a token", lambda: WordVectors(["a"], np.ones((1, 0), np.float32))),
        (ValueError, "'a' more than once", lambda: WordVectors(["a", "b", "a"], np.ones((3, 2), np.float32))),
        (TypeError, "expected str, got 5", lambda: WordVectors(["a", 5], np.ones((2, 2), np.float32))),
        (
            ValueError,
            "counts: expected 1",
            lambda: WordVectors(["a"], np.ones((1, 2), np.float32), counts=[]),
        ),
    ],
)
def test_bad_tables_are_refused(error, message, make):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("message", "ask"),
    [
        ("positive: expected at least one", lambda v: v.most_similar()),
        ("positive: expected at least one", lambda v: v.most_similar_cosmul(negative="w0")),
        (r"shape \(3,\), got \(2,\)", lambda v: v.similar_by_vector(np.ones(2, np.float32))),
        ("queries: expected finite", lambda v: v.similar_by_vector(np.array([1, np.nan, 1]))),
        ("queries: expected shape", lambda v: v.search(np.ones((2, 2), np.float32))),
        ("exclude: expected one row", lambda v: v.search(v.vectors, exclude=np.zeros((1, 1), np.int32))),
        ("restrict_vocab: expected at least 1, got -1", lambda v: v.most_similar("w0", restrict_vocab=-1)),
        (
            "restrict_vocab: expected at least 1, got 0",
            lambda v: v.search(v.vectors, restrict_vocab=0),
        ),
        ("topn: expected at least 1, got 0", lambda v: v.search(v.vectors, topn=0)),
        ("threads: expected at least 1, got 0", lambda v: v.search(v.vectors, threads=0)),
        ("keys: expected one or more", lambda v: v.n_similarity([], ["w0"])),
        ("words: expected at least one known", lambda v: v.doesnt_match(["x", "y"])),
        ("keys_list: expected at least one", lambda v: v.most_similar_to_given("w0", [])),
    ],
)
def test_bad_questions_are_refused(message, ask):
    with pytest.raises(ValueError, match=message):
        ask(random_vectors(4, 3))


def test_topn_bounds_the_answer():
    vectors = random_vectors(5, 3)
    assert vectors.most_similar("w0", topn=0) == []
    assert len(vectors.most_similar("w0", topn=100)) == 4
    assert {w for w, _ in vectors.most_similar("w0", topn=10, restrict_vocab=3)} == {"w1", "w2"}
    assert vectors.most_similar("w0", topn=None, restrict_vocab=3).shape == (3,)


@pytest.mark.parametrize("key", [b"1", 1.5, None, ("a", 2.0)])
def test_a_key_of_another_type_is_no_row(key):
    vectors = WordVectors(["a", "b"], np.eye(2, dtype=np.float32))
    for ask in (vectors.get_vector, vectors.get_index, lambda key: vectors.similarity(key, "b")):
        with pytest.raises(TypeError, match="key: expected a word or a row, got"):
            ask(key)
    with pytest.raises(TypeError, match="key: expected a word or a row, got"):
        vectors.most_similar_cosmul(positive=[("a", 2.0)])


def test_lists_are_searched_for_like_arrays():
    vectors = WordVectors(["a", "b", "c"], np.array([[1, 0], [1, 1], [0, 1]], np.float32))
    assert vectors.search([[2, 1], [0, 5]], topn=2)[0].tolist() == [[1, 0], [2, 1]]
    assert vectors.answer_analogies([[0, 1, 2]], topn=1)[0].shape == (1, 1)
    with pytest.raises(TypeError, match="questions: expected whole numbers, got float64"):
        vectors.answer_analogies([[0.0, 1, 2]])
