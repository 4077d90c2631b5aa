import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnlp import KeyedVectors, WordVectors
from fastnlp.vectors import SubwordVectors
from tests.vectors.test_subword_vectors import ngram_rows, tables


def small(**options):
    return WordVectors(["a", "b", "c"], np.eye(3, dtype=np.float32), **options)


names = st.sampled_from([f"w{i}" for i in range(8)])


@given(st.lists(st.tuples(st.lists(names, min_size=1, max_size=4), st.booleans(), st.booleans()), max_size=8))
def test_words_added_in_any_way_are_a_dictionary(calls):
    vectors = WordVectors([], np.empty((0, 2), np.float32))
    expected: dict[str, list[float]] = {}
    number = 0.0
    for words, replace, single in calls:
        rows = [[number + i, -1.0] for i in range(len(words))]
        number += len(words)
        if single and not replace:
            for word, row in zip(words, rows, strict=True):
                assert vectors.add_vector(word, row) == list(expected | {word: None}).index(word)
                expected.setdefault(word, row)
            continue
        before = dict(expected)
        for word, row in zip(words, rows, strict=True):
            if replace:
                expected[word] = row
            elif word not in before:
                expected.setdefault(word, row)
        if replace:
            vectors[words] = rows
        else:
            vectors.add_vectors(words, rows)
        if expected:
            vectors.most_similar(np.ones(2, np.float32))  # what is kept for searches grows too
    assert vectors.index_to_key == list(expected)
    assert vectors.vectors.tolist() == list(expected.values())
    assert {word: vectors[word].tolist() for word in vectors.index_to_key} == expected
    if expected:
        assert len(vectors.most_similar(np.ones(2, np.float32), topn=100)) == len(expected)


def test_copies_that_grow_apart_share_nothing_new():
    first = small()
    first.add_vector("d", [1, 1, 1])
    first.add_vector("e", [2, 2, 2])
    second = copy.copy(first)
    second.index_to_key, second.key_to_index = list(first.index_to_key), dict(first.key_to_index)
    first.add_vector("f", [3, 3, 3])
    second.add_vector("g", [4, 4, 4])
    assert first["f"].tolist() == [3, 3, 3] and second["g"].tolist() == [4, 4, 4]


def test_replacing_writes_to_the_array_that_was_given_unless_it_is_read_only():
    table = np.eye(3, dtype=np.float32)
    vectors = WordVectors(["a", "b", "c"], table)
    vectors["b"] = [7, 8, 9]
    assert table[1].tolist() == [7, 8, 9]
    table.flags.writeable = False
    vectors["b"] = [1, 2, 3]
    assert table[1].tolist() == [7, 8, 9] and vectors["b"].tolist() == [1, 2, 3]


def test_attributes_grow_with_the_words():
    vectors = small(counts=[5, 6, 7])
    vectors.set_vecattr("b", "score", 0.5)
    vectors.set_vecattr("c", "tag", "noun")
    vectors.add_vectors(["d", "a"], np.zeros((2, 3)), extras={"count": np.array([9, 1])})
    assert [vectors.get_vecattr(word, "count") for word in "abcd"] == [5, 6, 7, 9]
    assert [vectors.get_vecattr(word, "score") for word in "abcd"] == [0, 0.5, 0, 0]
    assert vectors.get_vecattr("c", "tag") == "noun"
    vectors.add_vectors(["a"], np.zeros((1, 3)), extras={"count": np.array([1])}, replace=True)
    assert vectors.get_vecattr("a", "count") == 1
    with pytest.raises(TypeError, match="count: expected values of type int64"):
        vectors.set_vecattr("a", "count", "many")
    with pytest.raises(KeyError, match="'colour' is not known"):
        vectors.get_vecattr("a", "colour")


def test_the_most_frequent_words_come_first_and_equal_ones_stay():
    vectors = small(counts=[5, 7, 5])
    vectors.set_vecattr("c", "tag", "noun")
    assert vectors.most_similar("a", topn=1)[0][0] == "b"
    vectors.sort_by_descending_frequency()
    assert vectors.index_to_key == ["b", "a", "c"]
    assert vectors["a"].tolist() == [1, 0, 0] and vectors.get_vecattr("c", "tag") == "noun"
    assert vectors.most_similar("a", topn=1)[0][0] == "b"
    with pytest.raises(KeyError, match="have no counts"):
        small().sort_by_descending_frequency()


def test_all_vectors_are_scaled_to_length_1():
    table = np.array([[3, 4], [0, 0], [0, 2]], np.float32)
    vectors = WordVectors(["a", "b", "c"], table)
    vectors.unit_normalize_all()
    np.testing.assert_allclose(vectors.vectors, [[0.6, 0.8], [0, 0], [0, 1]], atol=1e-7)
    np.testing.assert_allclose(vectors.norms, [1, 0, 1], atol=1e-7)


def test_words_put_at_the_end_get_random_vectors():
    vectors = small()
    vectors.index_to_key += ["d", "e"]
    vectors.resize_vectors(seed=3)
    assert vectors.vectors.shape == (5, 3) and (abs(vectors.vectors[3:]) <= 1 / 3).all()
    assert len(set(vectors.vectors[3:].ravel().tolist())) == 6


def test_chosen_words_are_a_table_of_their_own():
    vectors = small(counts=[5, 6, 7])
    chosen = vectors.vectors_for_all(["c", "nowhere", "a", "c"], copy_vecattrs=True)
    assert chosen.index_to_key == ["c", "a"] and chosen.get_vecattr("c", "count") == 7
    assert not np.shares_memory(chosen.vectors, vectors.vectors)
    assert "count" not in vectors.vectors_for_all(["c"]).expandos
    assert len(vectors.vectors_for_all([])) == 0


def test_unseen_words_can_be_chosen_by_their_ngrams():
    _, ngrams = tables([])
    vectors = SubwordVectors(["where"], np.ones((1, 5), np.float32), ngram_rows(ngrams), counts=[3])
    chosen = vectors.vectors_for_all(["here", "where"], copy_vecattrs=True)
    assert chosen.index_to_key == ["here", "where"]
    assert chosen["here"].tolist() == vectors["here"].tolist()
    assert [chosen.get_vecattr(word, "count") for word in ("here", "where")] == [0, 3]
    assert vectors.vectors_for_all(["here", "where"], allow_inference=False).index_to_key == ["where"]


@pytest.mark.parametrize("binary", [False, True])
def test_vectors_of_shared_words_are_taken_from_a_file(tmp_path, binary):
    path = tmp_path / ("other.bin" if binary else "other.vec")
    WordVectors(["c", "z", "a"], np.arange(9, dtype=np.float32).reshape(3, 3)).save(path)
    vectors = small()
    assert vectors.intersect_word2vec_format(path, lockf=0.25, binary=binary) == 2
    assert vectors.vectors.tolist() == [[6, 7, 8], [0, 1, 0], [0, 1, 2]]
    assert vectors.vectors_lockf.tolist() == [0.25, 1, 0.25]
    with pytest.raises(ValueError, match="expected 2 dimensions, got 3"):
        WordVectors(["a"], np.ones((1, 2), np.float32)).intersect_word2vec_format(path, binary=binary)
    with pytest.raises(ValueError, match="encoding: expected 'utf8', got 'latin-1'"):
        vectors.intersect_word2vec_format(path, encoding="latin-1")


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, r"weights: expected shape \(1, 3\)", lambda v: v.add_vector("d", [1, 2])),
        (ValueError, r"weights: expected shape \(2, 3\)", lambda v: v.add_vectors(["d", "e"], [[1, 2, 3]])),
        (TypeError, "keys: expected str, got 7", lambda v: v.add_vectors([7], [[1, 2, 3]])),
        (
            ValueError,
            "extras: expected 1 values of 'count', got 2",
            lambda v: v.add_vectors(["d"], [[1, 2, 3]], extras={"count": np.array([1, 2])}),
        ),
        (KeyError, "'nowhere' is not among", lambda v: v.set_vecattr("nowhere", "count", 1)),
        (TypeError, "norms: expected None", lambda v: setattr(v, "norms", np.ones(3))),
    ],
)
@pytest.mark.parametrize("kind", ["words", "keyed"])
def test_bad_changes_are_refused_and_change_nothing(error, message, call, kind):
    vectors = small() if kind == "words" else KeyedVectors.of(small())
    with pytest.raises(error, match=message):
        call(vectors)
    assert vectors.index_to_key == ["a", "b", "c"] and vectors.vectors.tolist() == np.eye(3).tolist()
    assert len(vectors.key_to_index) == 3
