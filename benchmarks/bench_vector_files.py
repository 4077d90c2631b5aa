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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # gensim leaves the file open
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


def megabytes(vectors):
    """Of the rows and of the sketch that the second query has made."""
    stored = vectors._stored()
    parts = (stored.values, stored.scales, *vectors._sketch)
    return sum(part.nbytes for part in parts if part is not None) / 1e6


@pytest.mark.parametrize("queries", [1, 200])
@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_queries_of_a_small_storage(benchmark, dtype, queries):
    """The table is larger than the caches, and the answers are those of the same numbers as float32."""
    table = np.random.default_rng(4).standard_normal((200_000, 300), np.float32)
    small = fn.WordVectors([f"word{i}" for i in range(len(table))], table).astype(dtype)
    whole = fn.WordVectors(small.index_to_key, small.vectors)
    for each in (small, whole) * 2:  # the second query makes the sketch
        each.search(table[:1], 10, threads=1)
    places = iter(range(10_000))

    def ask(vectors):
        first = next(places) // 2 * queries if queries == 1 else 0
        return vectors.search(table[first : first + queries], 10, threads=1)

    compared = harness.compare(
        benchmark, lambda: ask(small), {"float32": lambda: ask(whole)}, turns=21 if queries == 1 else 5
    )
    benchmark.extra_info["megabytes"] = {dtype: megabytes(small), "float32": megabytes(whole)}
    print(benchmark.extra_info["megabytes"])
    (rows, cosines), (expected, exact) = compared.answers.values()
    assert (rows == expected).all() and (cosines == exact).all()
    assert compared.ratios["float32"] > 1 / 1.3
    assert megabytes(small) < 0.65 * megabytes(whole)
