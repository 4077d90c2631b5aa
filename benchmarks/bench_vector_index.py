"""An approximate index beside exact search: recall, queries, building, saving and opening.

    pytest benchmarks/bench_vector_index.py --benchmark-enable -s

`-m "not slow"` leaves out the millions of words, FASTNLP_BENCH_WORDS says how many they are. Queries are
timed on one thread, building on all.
"""

import os
import resource
import statistics
import time

import harness
import numpy as np
import pytest

import fastnlp as fn

pytest.importorskip("usearch")

DIM = 100
MILLIONS = int(os.environ.get("FASTNLP_BENCH_WORDS", "2000000"))


def clustered(count):
    """Words in clusters of about 50, which is what makes neighbours worth finding."""
    generator = np.random.default_rng(1)
    centers = generator.standard_normal((max(1, count // 50), DIM), np.float32)
    table = centers[generator.integers(0, len(centers), count)]
    for first in range(0, count, 100_000):
        part = table[first : first + 100_000]
        part += np.float32(0.5) * generator.standard_normal(part.shape, np.float32)
    vectors = fn.WordVectors([f"word{i}" for i in range(count)], table)
    for _ in range(2):  # the second query makes the sketch
        vectors.most_similar("word1")
    return vectors


def timed(run):
    """(seconds by the clock, CPU seconds, the answer)."""
    started, spent = time.perf_counter(), time.process_time()
    answer = run()
    return time.perf_counter() - started, time.process_time() - spent, answer


@pytest.mark.parametrize("words", [100_000, pytest.param(MILLIONS, marks=pytest.mark.slow)])
def test_an_approximate_index(benchmark, tmp_path, words):
    vectors = clustered(words)
    built, built_cpu, index = timed(lambda: fn.ApproximateIndex(vectors))
    path = tmp_path / "words.usearch"
    saved, _, _ = timed(lambda: index.save(path))
    loaded, _, _ = timed(lambda: fn.ApproximateIndex.load(path, vectors))
    mapped, _, again = timed(lambda: fn.ApproximateIndex.load(path, vectors, mapped=True))

    rows = np.random.default_rng(2).integers(0, words, 200)
    queries = vectors.vectors[rows]
    turns = {"fastnlp": [], "mapped": [], "exact": []}
    for query in queries:
        for name, searched in (("fastnlp", index), ("mapped", again), ("exact", vectors)):
            turns[name].append(
                timed(lambda searched=searched, query=query: searched.search(query[None], 10, threads=1))[0]
            )
    batch = {
        name: timed(lambda searched=searched: searched.search(vectors.vectors[:1000], 10, threads=1))[1]
        for name, searched in (("fastnlp", index), ("exact", vectors))
    }
    recalls = {}
    for expansion in (64, 128, 256):
        index.expansion_search = expansion
        recalls[expansion] = round(index.recall(topn=10, sample=1000), 4)
    benchmark.extra_info.update(
        words=words,
        build_seconds=built,
        build_cpu_seconds=built_cpu,
        megabytes=path.stat().st_size / 1e6,
        save_seconds=saved,
        load_seconds=loaded,
        map_seconds=mapped,
        recall_by_expansion_search=recalls,
        seconds_of_1000_queries=batch,
        peak_megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    )
    harness.report(benchmark, turns, turns, harness.ratios_to(turns))
    for name, value in benchmark.extra_info.items():
        print(f"  {name:<28} {value}")
    assert recalls[64] > 0.9
    assert statistics.median(turns["fastnlp"]) < statistics.median(turns["exact"])
