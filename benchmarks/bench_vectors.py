"""Nearest words, analogies and loading against gensim, each with equal answers.

    pytest benchmarks/bench_vectors.py --benchmark-enable -s

and for a large table, with so many threads on all sides:

    OPENBLAS_NUM_THREADS=1 FASTNLP_BENCH_THREADS=1 pytest benchmarks/bench_vectors.py -k 400_000 \\
        --benchmark-enable -s

Both sides run in turns on one prepared input, in CPU time, which counts the threads of both; see harness.py.
"""

import os
import time
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


THREADS = int(os.environ.get("FASTNLP_BENCH_THREADS", "1"))  # and OPENBLAS_NUM_THREADS, for gensim and NumPy


@pytest.fixture(scope="module")
def large():
    """400,000 words in 300 dimensions, one array for both."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != str(THREADS):
        pytest.skip("OPENBLAS_NUM_THREADS and FASTNLP_BENCH_THREADS differ")
    table = np.random.default_rng(2).standard_normal((400_000, 300), np.float32)
    words = [f"word{i}" for i in range(len(table))]
    peer = gensim.KeyedVectors(300)
    peer.index_to_key, peer.vectors = words, table
    peer.key_to_index = {word: row for row, word in enumerate(words)}
    peer.fill_norms()
    ours = fn.WordVectors(words, table)
    for _ in range(2):  # the second query makes the sketch
        ours.most_similar("word1")
    return ours, peer


def test_one_query_of_400_000_words(large, benchmark):
    ours, peer = large
    plain = fn.WordVectors(ours.index_to_key, ours.vectors)
    plain.fill_norms()
    plain._may_be_sketched = False
    queries = iter(range(10_000))
    result = harness.compare(
        benchmark,
        lambda: ours.search(ours.vectors[[next(queries)]], 11, threads=THREADS),
        {
            "gensim": lambda: peer.most_similar("word7", topn=10),
            "without the sketch": lambda: plain.search(plain.vectors[7:8], 11, threads=THREADS),
        },
        turns=21,
        clock=time.process_time if THREADS == 1 else time.perf_counter,
    )
    found = ours.search(ours.vectors[7:8], 11, threads=THREADS)
    near = [(ours.index_to_key[r], s) for r, s in zip(found[0][0], found[1][0], strict=True) if r != 7]
    assert_same(near, result.answers["gensim"])
    assert (found[1] == result.answers["without the sketch"][1]).all()


def test_a_batch_of_1000_queries_of_400_000_words(large, benchmark):
    """gensim has no batch; it is timed on 20 of the queries, NumPy on 100, and both are scaled up."""
    ours, peer = large
    rows = np.arange(1000)

    def by_numpy():
        cosines = ours.vectors[rows[:100]] @ ours.vectors.T
        cosines /= peer.norms
        best = np.argpartition(cosines, len(peer) - 11, axis=1)[:, -11:]
        return np.take_along_axis(cosines, best, axis=1)

    clock = time.process_time if THREADS == 1 else time.perf_counter
    seconds = {name: [] for name in ("fastnlp", "gensim", "NumPy")}
    for _ in range(3):
        for name, run, scale in (
            ("fastnlp", lambda: ours.search(ours.vectors[rows], 11, threads=THREADS), 1),
            ("gensim", lambda: [peer.most_similar(f"word{row}", topn=10) for row in rows[:20]], 50),
            ("NumPy", by_numpy, 10),
        ):
            started = clock()
            answer = run()
            seconds[name].append((clock() - started) * scale)
            if name == "fastnlp":
                found, scores = answer
            elif name == "gensim":
                theirs = answer
    harness.report(benchmark, seconds, seconds, harness.ratios_to(seconds))
    for row in range(20):
        near = [(ours.index_to_key[r], s) for r, s in zip(found[row], scores[row], strict=True) if r != row]
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


@pytest.mark.parametrize("dim", [100, 300])
def test_googles_analogies(benchmark, tmp_path, dim):
    data = os.environ.get("FASTNLP_DATA")
    if data is None:
        pytest.skip("FASTNLP_DATA is not set: Google's questions are not here")
    questions = Path(data) / "eval" / "questions-words.txt"
    # Every word of the questions among 30,000, so that all 19,544 are asked.
    lines = questions.read_text().splitlines()
    asked = sorted({word.lower() for line in lines if not line.startswith(":") for word in line.split()})
    words = asked + [f"word{i}" for i in range(30_000 - len(asked))]
    table = np.random.default_rng(3).standard_normal((30_000, dim), np.float32)
    row = {word: i for i, word in enumerate(words)}
    for line in lines:
        if not line.startswith(":"):
            a, b, c, d = (row[word] for word in line.lower().split())
            table[d] = (table[d] + table[c] + table[b] - table[a]) / 2  # so that some answers are right
    ours = fn.WordVectors(words, table)
    peer = gensim.KeyedVectors(dim)
    peer.add_vectors(words, table)
    # gensim answers one question after another, so it gets every 20th, and its seconds are scaled up.
    sections = [line for line in lines if line.startswith(":")]
    every = [line for line in lines if not line.startswith(":")]
    sample = tmp_path / "sample.txt"
    sample.write_text("\n".join([sections[0], *every[::20]]) + "\n")
    fn.evaluate.analogies(ours, sample)
    seconds, wall = {}, {}
    for name, run, scale in (
        ("fastnlp", lambda: fn.evaluate.analogies(ours, questions), 1),
        ("fastnlp, 3CosMul", lambda: fn.evaluate.analogies(ours, questions, method="3cosmul"), 1),
        (
            "gensim",
            lambda: peer.evaluate_word_analogies(str(sample), restrict_vocab=30_000),
            len(every) / len(every[::20]),
        ),
    ):
        spent, started = time.process_time(), time.perf_counter()
        answer = run()
        seconds[name] = [(time.process_time() - spent) * scale]
        wall[name] = [(time.perf_counter() - started) * scale]
        if name == "fastnlp":
            result = answer
        elif name == "gensim":
            score = answer[0]
    harness.report(benchmark, seconds, wall, harness.ratios_to(seconds))
    assert result.total == 19_544 and result.correct > 100
    assert fn.evaluate.analogies(ours, sample).accuracy == pytest.approx(score)
    assert wall["fastnlp"][0] < 5
