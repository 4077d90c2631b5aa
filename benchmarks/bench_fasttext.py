"""Training subword vectors beside fastText and gensim's FastText: speed, memory, and the quality with them.

    FASTNLP_DATA=... FASTNLP_PEERS=... pytest benchmarks/bench_fasttext.py --benchmark-enable -s

`FASTNLP_PEERS` names a folder with the programs `fasttext` (compiled with -O3 -march=native -ffast-math
-funroll-loops -DNDEBUG) and `fasttext-own` (as fastText's own Makefile compiles it); a peer that is not there
is left out. Everybody trains one epoch on the same text with D=100, window 5, K=5, min count 5, n-grams of 3
to 6 in 2,000,000 buckets. What is timed is making the tables and training. The program can do neither alone:
of its time that of a run of no epochs is taken off, which reads the text, makes the tables and writes the
model, so its tables are not counted.
"""

import os
import resource
import statistics
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from harness import process_and_children, ratios_to, report

import fastnlp as fn
from fastnlp import evaluate

TURNS = int(os.environ.get("FASTNLP_BENCH_TURNS", "3"))
WORDS = int(os.environ.get("FASTNLP_BENCH_WORDS", "1000000"))
DIM = 100


@pytest.fixture(scope="module")
def text(data, tmp_path_factory):
    """The first words of enwiki2015-100M, in lines of 1,000 words, which no program cuts further."""
    import gzip

    path = tmp_path_factory.mktemp("enwiki") / "text.txt"
    with gzip.open(data / "enwiki" / "enwiki2015-100M.txt.gz", "rt") as source:
        words = source.read().split()[:WORDS]
    with path.open("w") as file:
        for start in range(0, len(words), 1000):
            file.write(" ".join(words[start : start + 1000]) + "\n")
    return path


@pytest.fixture(scope="module")
def corpus(text):
    return fn.Corpus.from_text(text, min_count=5)


def program(name):
    path = Path(os.environ.get("FASTNLP_PEERS", "")) / name
    return path if os.access(path, os.X_OK) and path.is_file() else None


def command(path, text, out, epochs, threads, subsample):
    settings = (
        f"-dim {DIM} -ws 5 -neg 5 -minCount 5 -verbose 0 -epoch {epochs} -thread {threads} -t {subsample}"
    )
    subprocess.run([path, "skipgram", "-input", text, "-output", out, *settings.split()], check=True)


def cpu_and_wall(run):
    start, started = process_and_children(), time.perf_counter()
    run()
    return process_and_children() - start, time.perf_counter() - started


@pytest.mark.parametrize("subsample", [1e-4, 1e-3])
@pytest.mark.parametrize("threads", [1, 2])
def test_training(text, corpus, benchmark, tmp_path, threads, subsample):
    from gensim.models import FastText

    def ours():
        model = fn.FastText(dim=DIM, epochs=1, threads=threads, subsample=subsample)
        model.fit(corpus, progress=False)

    peer = FastText(
        vector_size=DIM, window=5, min_count=5, sg=1, negative=5, sample=subsample, workers=threads
    )
    peer.build_vocab(corpus_file=str(text))

    def gensim():
        peer.init_weights()
        peer.train(corpus_file=str(text), total_words=peer.corpus_total_words, epochs=1)

    runs = {"fastnlp": ours, "gensim": gensim}
    fixed = {}
    for name in filter(program, ("fasttext", "fasttext-own")):
        runs[name], fixed[name] = (
            partial(command, program(name), text, tmp_path / "peer", epochs, threads, subsample)
            for epochs in (1, 0)
        )
    cpu = {name: [] for name in runs}
    wall = {name: [] for name in runs}
    for _ in range(TURNS):
        for name, run in runs.items():
            seconds = np.array(cpu_and_wall(run))
            if name in fixed:
                seconds -= cpu_and_wall(fixed[name])
            cpu[name].append(seconds[0])
            wall[name].append(seconds[1])
    ratios = ratios_to(cpu)
    report(benchmark, cpu, wall, ratios)
    rate = WORDS / statistics.median(cpu["fastnlp"]) / 1e6
    benchmark.extra_info |= {
        "threads": threads,
        "subsample": subsample,
        "million_words_per_cpu_second": round(rate, 3),
    }
    print(f"  {rate:.2f} million words a CPU second")
    assert ratios["gensim"] > 2


def test_from_text_to_model(text, benchmark, tmp_path):
    """The whole job of the program: a text in, a model of one epoch out."""

    def ours():
        corpus = fn.Corpus.from_text(text, min_count=5, threads=1)
        fn.FastText(dim=DIM, epochs=1, threads=1).fit(corpus, progress=False).save(tmp_path / "ours.bin")

    runs = {"fastnlp": ours}
    for name in filter(program, ("fasttext", "fasttext-own")):
        runs[name] = partial(command, program(name), text, tmp_path / "peer", 1, 1, 1e-4)
    seconds = {name: [] for name in runs}
    wall = {name: [] for name in runs}
    for _ in range(TURNS):
        for name, run in runs.items():
            cpu, elapsed = cpu_and_wall(run)
            seconds[name].append(cpu)
            wall[name].append(elapsed)
    report(benchmark, seconds, wall, ratios_to(seconds))


def test_memory(corpus, benchmark, tmp_path):
    """Peak resident memory of a process that opens the corpus and trains, against what it has to hold."""
    corpus.save(tmp_path / "corpus")
    code = """
        import sys, numpy, fastnlp

        def peak():  # not getrusage, whose figure a child inherits from its parent
            status = open("/proc/self/status").read()
            return int(status.split("VmHWM:")[1].split()[0]) * 1024

        base = peak()
        corpus = fastnlp.Corpus.open(sys.argv[1])
        model = fastnlp.FastText(epochs=1, threads=1).fit(corpus)
        print(base, peak(), len(model._tables.padded_input))
    """
    run = [sys.executable, "-c", textwrap.dedent(code), tmp_path / "corpus"]
    out = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    base, peak, rows = map(int, out.split()[-3:])
    vocabulary = len(corpus.vocab)
    held = (rows + vocabulary) * DIM * 4 + corpus.ids.nbytes
    all_buckets = (2_000_000 + 2 * vocabulary) * DIM * 4 + corpus.ids.nbytes
    benchmark.extra_info |= {"peak": peak, "interpreter_and_numpy": base, "tables_and_corpus": held}
    print(
        f"\n{benchmark.name}: {(peak - base) / 1e6:.0f} MB over the interpreter's {base / 1e6:.0f}, "
        f"{(peak - base) / held:.2f} times the tables and the corpus, "
        f"{(peak - base) / all_buckets:.2f} times those with a row for each of 2,000,000 buckets"
    )
    benchmark.pedantic(lambda: None, rounds=1)
    assert peak - base < 1.2 * all_buckets


def quality(vectors, data):
    """Analogies among the 30,000 most frequent words, WordSim-353 and SimLex-999."""
    return {
        "analogies": evaluate.analogies(vectors, data / "eval" / "questions-words.txt").accuracy,
        "wordsim353": evaluate.similarity(vectors, data / "eval" / "gensim_wordsim353.tsv").spearman,
        "simlex999": evaluate.similarity(vectors, data / "eval" / "gensim_simlex999.txt").spearman,
    }


@pytest.mark.slow
def test_quality_on_all_of_enwiki(data, benchmark, tmp_path):
    """Five epochs on 17 million words, three seeds; minutes, and most of an hour with the program beside."""
    archive = data / "enwiki" / "enwiki2015-100M.txt.gz"
    corpus = fn.Corpus.from_text(archive, min_count=5)
    runs = {"fastnlp": [], "fasttext": []}
    for seed in (1, 2, 3):
        model = fn.FastText(dim=DIM, epochs=5, threads=1, seed=seed).fit(corpus, progress=False)
        runs["fastnlp"].append(quality(model.vectors, data))
        print(f"\n{benchmark.name} seed {seed}: {runs['fastnlp'][-1]}")
    if program("fasttext"):
        import gzip

        (tmp_path / "text.txt").write_bytes(gzip.decompress(archive.read_bytes()))
        command(program("fasttext"), tmp_path / "text.txt", tmp_path / "peer", 5, 1, 1e-4)
        runs["fasttext"].append(quality(fn.WordVectors.load(tmp_path / "peer.bin"), data))
        print(f"{benchmark.name} fastText: {runs['fasttext'][-1]}")
    benchmark.extra_info["runs"] = runs
    benchmark.extra_info["peak_rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    benchmark.pedantic(lambda: None, rounds=1)
    assert min(run["wordsim353"] for run in runs["fastnlp"]) > 0.6
