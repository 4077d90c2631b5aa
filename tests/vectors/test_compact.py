"""Storage in fewer bytes, and what stands for unknown words."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fastnlp import WordVectors, _core
from fastnlp.io.stored_rows import StoredRows
from fastnlp.vectors.compact import CompactVectors

TABLE = np.random.default_rng(5).standard_normal((3000, 24)).astype(np.float32)
WORDS = [f"w{i}" for i in range(3000)]


def test_every_half_is_the_float32_that_numpy_says():
    halves = np.arange(2**16, dtype=np.uint16)
    out = np.empty(2**16, np.float32)
    _core.decode_half(halves, out, 2)
    expected = halves.view(np.float16).astype(np.float32)
    assert ((out == expected) | (np.isnan(out) & np.isnan(expected))).all()
    assert (np.signbit(out) == np.signbit(expected)).all()


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 9)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_int8_is_the_nearest_multiple_of_a_127th_of_the_largest(rows):
    values, scales = _core.encode_int8(rows, 0)
    wide = rows.astype(np.float64)
    expected = np.abs(wide).max(axis=1) / 127
    usable = expected >= np.finfo(np.float32).tiny
    np.testing.assert_allclose(scales[usable], expected[usable], rtol=1e-6)
    assert (scales[~usable & (expected < 1e-38)] == 0).all() and np.abs(values.astype(int)).max(
        initial=0
    ) <= 127
    error = np.abs(values * scales[:, None].astype(np.float64) - wide)
    assert (error <= np.maximum(0.5001 * expected, 127 * 1.2e-38)[:, None]).all()
    out = np.empty(rows.shape, np.float32)
    _core.decode_int8(values, scales, out, 1)
    assert (out == values * scales[:, None]).all()


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_answers_are_those_of_the_same_numbers_as_float32(dtype, monkeypatch):
    monkeypatch.setattr("fastnlp.vectors.compact._BLOCK", 1000)  # many blocks
    compact = WordVectors(WORDS, TABLE).astype(dtype)
    assert isinstance(compact, CompactVectors) and compact.stored.values.dtype == dtype
    whole = WordVectors(WORDS, compact.vectors)
    for question in ({"positive": "w7"}, {"positive": ["w1", "w2"], "negative": ["w3"]}):
        for more in ({}, {"topn": 3000}, {"restrict_vocab": 50}):
            ours, theirs = compact.most_similar(**question, **more), whole.most_similar(**question, **more)
            assert [word for word, _ in ours] == [word for word, _ in theirs]
            np.testing.assert_allclose([s for _, s in ours], [s for _, s in theirs], atol=1e-6)
    queries = TABLE[:40] + TABLE[40:80]
    exclude = np.full((40, 2), -1, np.int32)
    exclude[:, 1] = whole.search(queries, 1)[0][:, 0]
    (rows, scores), (expected, cosines) = (
        each.search(queries, 5, exclude=exclude) for each in (compact, whole)
    )
    assert (rows == expected).all()
    np.testing.assert_allclose(scores, cosines, atol=1e-6)
    np.testing.assert_allclose(compact.norms, whole.norms, rtol=1e-6)
    assert compact.similarity("w5", "w6") == pytest.approx(whole.similarity("w5", "w6"), abs=1e-6)
    assert (compact[["w9", "w1"]] == whole[["w9", "w1"]]).all() and (compact["w4"] == whole["w4"]).all()
    np.testing.assert_allclose(compact.distances("w3"), whole.distances("w3"), atol=1e-6)
    assert compact.doesnt_match(["w1", "w2", "w3"]) == whole.doesnt_match(["w1", "w2", "w3"])
    assert compact.closer_than("w1", "w2") == whole.closer_than("w1", "w2")
    cosmul, expected_words = (each.most_similar_cosmul(["w1"], ["w2"]) for each in (compact, whole))
    assert [word for word, _ in cosmul] == [word for word, _ in expected_words]
    assert (compact.astype("float32").vectors == whole.vectors).all()


def test_what_does_not_fit_is_refused():
    table = TABLE[:3].copy()
    table[1, 2] = 1e5
    with pytest.raises(ValueError, match="dtype: row 1 reaches 100000, float16 only 65504; take int8"):
        WordVectors(WORDS[:3], table).astype("float16")
    table[1, 2] = np.inf
    with pytest.raises(ValueError, match="row 1: expected finite numbers, got NaN or infinity"):
        WordVectors(WORDS[:3], table).astype("int8")
    with pytest.raises(TypeError, match="values: expected float32, float16, or int8 with scales, got int8"):
        StoredRows(np.zeros((1, 2), np.int8))
    with pytest.raises(TypeError, match="rows: expected StoredRows, got ndarray"):
        CompactVectors(["a"], np.zeros((1, 2), np.float16))


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_unknown_words_have_the_vector_that_was_asked_for(dtype):
    vectors = WordVectors(WORDS, TABLE).astype(dtype)
    with pytest.raises(KeyError, match="'nobody' is not among"):
        vectors["nobody"]
    vectors.unknown = "zeros"
    assert not vectors["nobody"].any() and not vectors[["w1", "nobody"]][1].any()
    assert "nobody" not in vectors
    vectors.unknown = "mean"
    np.testing.assert_allclose(vectors["nobody"], vectors.vectors.mean(axis=0), atol=1e-6)
    assert np.linalg.norm(vectors.get_vector("nobody", norm=True)) == pytest.approx(1)
    vectors.unknown = lambda word: np.full(24, len(word))
    assert vectors["nobody"].tolist() == [6.0] * 24
    assert (vectors[["w1", "somebody"]] == np.stack([vectors["w1"], np.full(24, 8)])).all()
    assert len(vectors.most_similar("nobody", topn=2)) == 2
    vectors.unknown = lambda word: [1.0]
    with pytest.raises(ValueError, match="unknown: expected 24 finite numbers for 'nobody', got others"):
        vectors["nobody"]
    with pytest.raises(KeyError, match="row 3000 is not in"):
        vectors[3000]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_vectors_opened_from_a_file_are_pickled(tmp_path, dtype):
    table = np.random.default_rng(3).normal(size=(40, 6)).astype(np.float32)
    path = tmp_path / "a.fnv"
    WordVectors([f"w{i}" for i in range(40)], table).save(path, dtype=dtype)
    opened = WordVectors.load(path)
    content = pickle.dumps(opened)
    path.unlink()
    again = pickle.loads(content)
    assert again.most_similar("w3") == opened.most_similar("w3")
    assert again.key_to_index["w7"] == 7
    assert again.index_to_key[39] == "w39"
