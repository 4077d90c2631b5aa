"""Loading word vectors: GloVe's text beside gensim, opening fastnlp's own file, searching small storages.

    pytest benchmarks/bench_vector_files.py --benchmark-enable -s

CPU time, in turns; see harness.py. Loading runs on one thread.
"""

import time

import harness
import numpy as np
import pytest

import fastnlp as fn

gensim = pytest.importorskip("gensim.models")

ROWS, DIM = 100_000, 100


@pytest.fixture(scope="module")
def vectors():
    generator = np.random.default_rng(1)
    table = generator.standard_normal((ROWS, DIM), np.float32) * np.float32(0.4)
    return fn.WordVectors([f"word{i}" for i in range(ROWS)], table)


@pytest.mark.parametrize("digits", ["5 digits, as GloVe's", "all digits of a float32"])
def test_loading_gloves_text(vectors, benchmark, tmp_path, digits):
    path = tmp_path / "vectors.txt"
    if digits.startswith("5"):
        with path.open("w") as file:
            for word, row in zip(vectors.index_to_key, vectors.vectors.tolist(), strict=True):
                file.write(f"{word} {' '.join(f'{x:.5g}' for x in row)}\n")
    else:
        vectors.save(path, format="glove")
    compared = harness.compare(
        benchmark,
        lambda: fn.WordVectors.load(path),
        {"gensim": lambda: gensim.KeyedVectors.load_word2vec_format(str(path), no_header=True)},
        turns=3,
    )
    ours, theirs = compared.answers["fastnlp"], compared.answers["gensim"]
    assert ours.index_to_key == theirs.index_to_key
    assert (ours.vectors == theirs.vectors).all()
    assert compared.ratios["gensim"] > 10


def test_opening_two_million_words(benchmark, tmp_path):
    """Milliseconds, by the clock on the wall: from a file's name to the vector of a word."""
    words = [f"word{i}" for i in range(2_000_000)]
    path = tmp_path / "two-million.fnv"
    fn.WordVectors(words, np.ones((len(words), 16), np.float32)).save(path)
    seconds = []
    for _ in range(20):
        started = time.perf_counter()
        opened = fn.WordVectors.load(path)
        row = opened.key_to_index["word1999999"]
        seconds.append(time.perf_counter() - started)
    assert row == 1_999_999 and opened["word7"].tolist() == [1.0] * 16
    benchmark.extra_info["milliseconds"] = 1000 * float(np.median(seconds))
    print(f"\n{benchmark.name}: {1000 * np.median(seconds):.2f} ms")
    benchmark.pedantic(lambda: None, rounds=1)
    assert np.median(seconds) < 0.02


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_a_query_of_a_small_storage(vectors, benchmark, dtype):
    small = vectors.astype(dtype)
    small.fill_norms()
    vectors.fill_norms()
    compared = harness.compare(
        benchmark,
        lambda: small.search(small["word7"][None], 10),
        {"float32": lambda: vectors.search(vectors["word7"][None], 10)},
        turns=9,
    )
    found, expected = (rows for rows, _ in compared.answers.values())
    assert len(set(found[0]) & set(expected[0])) >= 7
