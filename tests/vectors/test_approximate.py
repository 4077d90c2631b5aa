import sys
from pathlib import Path

import numpy as np
import pytest

from fastnlp import ApproximateIndex, WordVectors


@pytest.fixture(scope="module")
def vectors():
    generator = np.random.default_rng(2)
    centers = generator.standard_normal((40, 24), np.float32)
    table = centers[generator.integers(0, 40, 2000)] + generator.standard_normal((2000, 24), np.float32) / 2
    table[5] = 0
    return WordVectors([f"w{i}" for i in range(2000)], table)


@pytest.fixture(scope="module")
def index(vectors):
    pytest.importorskip("usearch")
    return ApproximateIndex(vectors, threads=1)


def test_most_of_the_nearest_words_are_found_with_their_exact_cosines(vectors, index):
    assert len(index) == 1999  # a row of zeros has no neighbours
    assert index.recall(topn=10, sample=300) > 0.97
    queries = vectors.vectors[10:40] * 3
    rows, scores = index.search(queries, 5)
    exact, cosines = vectors.search(queries, 5)
    same = rows == exact
    assert same.mean() > 0.97 and rows.dtype == np.int32
    np.testing.assert_allclose(scores[same], cosines[same], atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    one, _ = index.search(queries[:1], 5)
    assert (one == rows[:1]).all()


@pytest.mark.parametrize("stored", ["float32", "bfloat16", "float16", "int8"])
def test_what_the_graph_keeps_changes_little(vectors, stored):
    pytest.importorskip("usearch")
    assert ApproximateIndex(vectors, stored=stored, threads=1).recall(sample=200) > 0.93


def test_more_words_than_there_are_leave_places_empty(index, vectors):
    rows, scores = index.search(vectors.vectors[:2], 5000)
    assert rows.shape == (2, 2000)
    assert (rows[:, -1] == -1).all() and (scores[:, -1] == -np.inf).all()


def test_most_similar_asks_the_index(index, vectors):
    found = vectors.most_similar("w7", topn=4, indexer=index)
    assert found[0][0] == "w7" and len(found) == 4 and found[0][1] == pytest.approx(1)
    assert index.most_similar(vectors["w7"], 0) == []


def test_a_saved_graph_is_the_same(index, vectors, tmp_path):
    path = tmp_path / "w.usearch"
    index.save(path)
    for mapped in (False, True):
        again = ApproximateIndex.load(path, vectors, mapped=mapped)
        assert len(again) == len(index)
        for ours, theirs in zip(
            again.search(vectors.vectors[:50], 10), index.search(vectors.vectors[:50], 10), strict=True
        ):
            assert (ours == theirs).all()


def test_how_far_a_query_looks_is_saved_and_may_be_changed(vectors, tmp_path):
    pytest.importorskip("usearch")
    seen = []
    index = ApproximateIndex(
        vectors, threads=1, expansion_search=33, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(2000, 2000)]
    index.save(tmp_path / "w.usearch")
    again = ApproximateIndex.load(tmp_path / "w.usearch", vectors)
    assert again.expansion_search == 33
    again.expansion_search = 1
    few = again.recall(sample=300, topn=1)
    again.expansion_search = 400
    assert again.recall(sample=300, topn=1) >= few


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_graph_that_did_not_reach_the_disk_is_no_graph(index, tmp_path, monkeypatch):
    with pytest.raises(OSError, match="/dev/full: the graph could not be written whole"):
        index.save("/dev/full")

    class Full:
        """usearch where the disk takes the first 1,000 bytes, which it does not always say."""

        serialized_length = 5000
        expansion_search = 64

        def save(self, name):
            Path(name).write_bytes(bytes(1000))

    path = tmp_path / "w.usearch"
    path.write_bytes(b"old")
    monkeypatch.setattr(index, "_graph", Full())
    with pytest.raises(OSError, match=r"w\.usearch: the graph could not be written whole: 1,000 of 5,000"):
        index.save(path)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_damaged_or_foreign_file_is_refused(index, vectors, tmp_path):
    path = tmp_path / "w.usearch"
    index.save(path)
    whole = path.read_bytes()
    for damage, message in (
        (whole[:-1], "found another file"),
        (b"", "found another file"),
        (whole[:100] + b"\xff" + whole[101:], "its checksum is another"),
        (whole[:-5] + b"\xff" + whole[-4:], "its checksum is another"),  # expansion_search
    ):
        path.write_bytes(damage)
        with pytest.raises(ValueError, match=message):
            ApproximateIndex.load(path, vectors)
    path.write_bytes(whole)
    other = WordVectors(vectors.index_to_key, vectors.vectors[::-1].copy())
    with pytest.raises(ValueError, match="found another vector of row 0"):
        ApproximateIndex.load(path, other)
    few = WordVectors(vectors.index_to_key[:9], vectors.vectors[:9])
    with pytest.raises(ValueError, match="expected a graph of 9 words in 24 dimensions, found 1,999 in 24"):
        ApproximateIndex.load(path, few)
    with pytest.raises(FileNotFoundError):
        ApproximateIndex.load(tmp_path / "nowhere", vectors)


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("stored: expected one of", lambda v, i: ApproximateIndex(v, stored="float64")),
        ("connectivity: expected at least 2, got 1", lambda v, i: ApproximateIndex(v, connectivity=1)),
        ("connectivity: expected at most 1,024", lambda v, i: ApproximateIndex(v, connectivity=10**9)),
        ("expansion_add: expected at most 1,048,576", lambda v, i: ApproximateIndex(v, expansion_add=10**9)),
        ("expansion_search: expected at most", lambda v, i: setattr(i, "expansion_search", 2**70)),
        ("expansion_add: expected at least 1", lambda v, i: ApproximateIndex(v, expansion_add=0)),
        ("expansion_search: expected at least 1", lambda v, i: ApproximateIndex(v, expansion_search=0)),
        ("expansion_search: expected at least 1", lambda v, i: setattr(i, "expansion_search", 0)),
        ("queries: expected shape", lambda v, i: i.search(np.ones((2, 3)))),
        ("queries: expected finite numbers", lambda v, i: i.search(np.full((1, 24), np.nan))),
        ("topn: expected at least 1, got 0", lambda v, i: i.search(np.ones((1, 24)), 0)),
    ],
)
def test_bad_arguments_are_refused(vectors, index, message, call):
    with pytest.raises(ValueError, match=message):
        call(vectors, index)


def test_without_its_library_the_index_says_what_to_install(vectors, monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ImportError, match=r"pip install 'fastnlp\[index\]'"):
        ApproximateIndex(vectors)
