"""Nearest words, analogies and loading against gensim, each with equal answers.

    pytest benchmarks/bench_vectors.py --benchmark-enable -s

Both sides run in turns on one prepared input, in CPU time, which counts the threads of both; see harness.py.
"""

import os
from pathlib import Path

import harness
import numpy as np
import pytest

import fastnlp as fn

gensim = pytest.importorskip("gensim.models")

ROWS, DIM = 100_000, 100


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    generator = np.random.default_rng(1)
    centers = generator.standard_normal((2_000, DIM), np.float32)
    table = centers[generator.integers(0, len(centers), ROWS)]
    table += np.float32(0.5) * generator.standard_normal(table.shape, np.float32)
    words = [f"word{i}" for i in range(ROWS)]
    peer = gensim.KeyedVectors(DIM)
    peer.add_vectors(words, table)
    peer.fill_norms()
    ours = fn.WordVectors(words, table)
    ours.fill_norms()
    return ours, peer


def compare(benchmark, ours, peer, turns):
    """The answers of both."""
    return harness.compare(benchmark, ours, {"gensim": peer}, turns).answers.values()


def assert_same(ours, theirs):
    assert [word for word, _ in ours] == [word for word, _ in theirs]
    np.testing.assert_allclose([s for _, s in ours], [s for _, s in theirs], atol=1e-6)


def test_one_query(both, benchmark):
    ours, theirs = compare(benchmark, *(lambda v=v: v.most_similar("word7", topn=10) for v in both), turns=20)
    assert_same(ours, theirs)


def test_a_batch_of_queries(both, benchmark):
    vectors, peer = both
    rows = np.arange(256)

    def batch():
        return vectors.search(vectors.vectors[rows], 11)

    def one_by_one():
        return [peer.most_similar(f"word{row}", topn=10) for row in rows]

    (found, scores), theirs = compare(benchmark, batch, one_by_one, turns=3)
    for row in rows:
        near = [
            (vectors.index_to_key[r], s) for r, s in zip(found[row], scores[row], strict=True) if r != row
        ]
        assert_same(near[:10], theirs[row])


@pytest.mark.parametrize("name", ["vectors.vec", "vectors.bin"])
def test_loading(both, benchmark, tmp_path, name):
    path = str(tmp_path / name)
    both[0].save(path)
    ours, theirs = compare(
        benchmark,
        lambda: fn.WordVectors.load(path),
        lambda: gensim.KeyedVectors.load_word2vec_format(path, binary=name.endswith("bin")),
        turns=3,
    )
    assert ours.index_to_key == theirs.index_to_key
    assert (ours.vectors == theirs.vectors).all()


@pytest.mark.parametrize("name", ["vectors.vec", "vectors.bin"])
def test_saving(both, benchmark, tmp_path, name):
    paths = [str(tmp_path / f"{side}-{name}") for side in ("ours", "gensim")]
    compare(
        benchmark,
        lambda: both[0].save(paths[0]),
        lambda: both[1].save_word2vec_format(paths[1], binary=name.endswith("bin")),
        turns=2,
    )
    ours, theirs = map(fn.WordVectors.load, paths)
    assert ours.index_to_key == theirs.index_to_key
    assert (ours.vectors == theirs.vectors).all()


def test_googles_analogies(both, benchmark):
    data = os.environ.get("FASTNLP_DATA")
    if data is None:
        pytest.skip("FASTNLP_DATA is not set: Google's questions are not here")
    questions = Path(data) / "eval" / "questions-words.txt"
    # Every word of the questions among 30,000, so that all 19,544 are asked.
    lines = questions.read_text().splitlines()
    asked = sorted({word.lower() for line in lines if not line.startswith(":") for word in line.split()})
    words = asked + [f"word{i}" for i in range(30_000 - len(asked))]
    table = both[0].vectors[:30_000].copy()
    row = {word: i for i, word in enumerate(words)}
    for line in lines:
        if not line.startswith(":"):
            a, b, c, d = (row[word] for word in line.lower().split())
            table[d] = (table[d] + table[c] + table[b] - table[a]) / 2  # so that some answers are right
    ours = fn.WordVectors(words, table)
    peer = gensim.KeyedVectors(DIM)
    peer.add_vectors(words, table)
    result, (score, _) = compare(
        benchmark,
        lambda: fn.evaluate.analogies(ours, questions),
        lambda: peer.evaluate_word_analogies(str(questions), restrict_vocab=30_000),
        turns=1,
    )
    assert result.total == 19_544 and result.correct > 100
    assert result.accuracy == pytest.approx(score)
