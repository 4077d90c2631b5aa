"""GloVe against Stanford's programs: counting, training, memory, and the quality beside them.

    FASTNLP_DATA=... FASTNLP_PEERS=... pytest benchmarks/bench_glove.py --benchmark-enable -s

`FASTNLP_PEERS` names a folder with a folder `glove` of the programs `vocab_count`, `cooccur`, `shuffle` and
`glove`, as their Makefile builds them (-O3 -march=native). Everybody counts the first words of
enwiki2015-100M with window 10 and min count 5 and trains with D=100 and x_max 10. Ours has the words numbered
before the clock starts; `cooccur` reads and looks up the text itself.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from bench_word2vec import corpus, quality, text  # noqa: F401  (fixtures)
from harness import compare

import fastnlp as fn
from fastnlp.sampling import Cooccurrences

TURNS = int(os.environ.get("FASTNLP_BENCH_TURNS", "3"))
EPOCHS = int(os.environ.get("FASTNLP_BENCH_EPOCHS", "15"))
WINDOW, X_MAX, DIM = 10, 10.0, 100


def program(name):
    path = Path(os.environ.get("FASTNLP_PEERS", "")) / "glove" / name
    return path if path.is_file() and os.access(path, os.X_OK) else None


def run(name, *options, source=os.devnull, target=os.devnull):
    command = [program(name), "-verbose", "0", *map(str, options)]
    with Path(source).open("rb") as reads, Path(target).open("wb") as writes:
        subprocess.run(command, stdin=reads, stdout=writes, stderr=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="module")
def whole_text(text, tmp_path_factory):  # noqa: F811
    """The text as a single line, which GloVe's programs take for one document."""
    path = tmp_path_factory.mktemp("glove") / "text.txt"
    path.write_text(text.read_text().replace("\n", " ") + "\n")
    return path


@pytest.fixture(scope="module")
def one_document(whole_text):
    return fn.Corpus.from_text(whole_text, min_count=5)


@pytest.fixture(scope="module")
def stanford(whole_text):
    """Their vocabulary and shuffled counts, or None."""
    folder = whole_text.parent
    if not program("glove"):
        return None
    run("vocab_count", "-min-count", 5, source=whole_text, target=folder / "vocab.txt")

    def count():
        run(
            "cooccur",
            *("-vocab-file", folder / "vocab.txt", "-window-size", WINDOW),
            *("-memory", 4, "-overflow-file", folder / "overflow"),
            source=whole_text,
            target=folder / "counts.bin",
        )
        run(
            "shuffle",
            *("-memory", 4, "-seed", 1, "-temp-file", folder / "shuffle"),
            source=folder / "counts.bin",
            target=folder / "shuffled.bin",
        )
        return (folder / "counts.bin").stat().st_size // 16

    def train(seed, epochs, threads):
        files = ("-input-file", folder / "shuffled.bin", "-vocab-file", folder / "vocab.txt")
        settings = ("-vector-size", DIM, "-x-max", X_MAX, "-iter", epochs, "-threads", threads, "-seed", seed)
        run("glove", "-save-file", folder / "vectors", *files, *settings)
        return folder / "vectors.txt"

    return count, train


def model(threads, seed=1, epochs=1):
    return fn.GloVe(dim=DIM, x_max=X_MAX, epochs=epochs, threads=threads, seed=seed)


@pytest.mark.parametrize("threads", [1, 2])
def test_counting(one_document, stanford, benchmark, threads):
    """Ours counts and shuffles; theirs are `cooccur` and `shuffle`, which have one thread."""
    from fastnlp.models import GloVeConfig, GloVeTables
    from fastnlp.training.glove_engine import GloVeEngine

    tables = GloVeTables(len(one_document.vocab), DIM, seed=1)

    def ours():
        matrix = Cooccurrences.from_corpus(one_document, window=WINDOW, threads=threads)
        GloVeEngine(GloVeConfig(dim=DIM), matrix, tables, threads)
        return len(matrix)

    peers = {"cooccur + shuffle": stanford[0]} if stanford else {}
    ratios, answers = compare(benchmark, ours, peers, TURNS)
    benchmark.extra_info |= {"pairs": answers["fastnlp"], "threads": threads}
    for name, ratio in ratios.items():
        assert answers[name] == answers["fastnlp"]
        assert ratio > 4


@pytest.mark.parametrize("threads", [1, 2])
def test_training(one_document, stanford, benchmark, threads):
    """One epoch; both start from shuffled counts and make their tables."""
    from fastnlp.models import GloVeTables
    from fastnlp.training.glove_engine import GloVeEngine

    trainer = model(threads)
    matrix = Cooccurrences.from_corpus(one_document, window=WINDOW)
    unused = GloVeTables(len(one_document.vocab), DIM, seed=1)
    engine = GloVeEngine(trainer.config, matrix, unused, threads)

    def ours():
        engine._tables = GloVeTables(len(one_document.vocab), DIM, seed=1, threads=threads)
        unit = loss = 0
        while unit < engine.units:
            done = engine.train(0, unit, 0.1)
            unit, loss = done.next_unit, loss + done.loss
        return loss / engine.size

    peers = {}
    if stanford:
        stanford[0]()
        peers["glove"] = lambda: stanford[1](1, 1, threads)
    ratios, answers = compare(benchmark, ours, peers, TURNS)
    nanoseconds = benchmark.extra_info["cpu_seconds"]["fastnlp"] / engine.size * 1e9
    benchmark.extra_info |= {"pairs": engine.size, "threads": threads, "loss": answers["fastnlp"]}
    print(f"  {nanoseconds:.1f} CPU ns a pair, {engine.size:,} pairs, loss {answers['fastnlp']:.5f}")
    assert all(ratio > 8 for ratio in ratios.values())


def test_memory(one_document, benchmark, tmp_path):
    """Peak resident memory of counting and training, against table, mapped corpus and stated budget."""
    one_document.save(tmp_path / "corpus")
    budget = 128 << 20
    code = """
        import sys, numpy, fastnlp

        def peak():
            status = open("/proc/self/status").read()
            return int(status.split("VmHWM:")[1].split()[0]) * 1024

        corpus = fastnlp.Corpus.open(sys.argv[1])
        fastnlp.GloVe(dim=100, window=10, epochs=1, threads=1)
        base = peak()
        fastnlp.GloVe(dim=100, window=10, epochs=1, threads=1, memory=int(sys.argv[2])).fit(corpus)
        print(base, peak())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), tmp_path / "corpus", str(budget)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    base, peak = map(int, out.split()[-2:])
    words = len(one_document.vocab)
    needed = 16 * words * (DIM + 1) + one_document.ids.nbytes + budget
    benchmark.extra_info |= {"peak": peak, "interpreter_and_numpy": base, "needed": needed}
    print(f"\n{benchmark.name}: {(peak - base) / needed:.2f} times what is needed, plus {base / 1e6:.0f} MB")
    benchmark.pedantic(lambda: None, rounds=1)
    assert peak - base < 1.2 * needed


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_quality(one_document, stanford, data, benchmark, threads):
    """Vectors after the same epochs, three seeds, and those of their program with one; many minutes."""
    matrix = Cooccurrences.from_corpus(one_document, window=WINDOW)
    runs = []
    for seed in (1, 2, 3):
        fitted = model(threads, seed, EPOCHS).fit_cooccurrences(matrix, one_document.vocab, progress=False)
        runs.append({**quality(fitted.vectors, data), "loss": fitted.history[-1].loss})
        print(f"\n{benchmark.name} seed {seed}: {runs[-1]}")
    benchmark.extra_info["runs"] = runs
    if stanford:
        stanford[0]()
        theirs = quality(fn.WordVectors.load(stanford[1](1, EPOCHS, threads), format="glove"), data)
        benchmark.extra_info["glove"] = theirs
        print(f"\n{benchmark.name} glove: {theirs}")
        for name, figure in theirs.items():
            assert max(run[name] for run in runs) > figure - 0.01
    benchmark.pedantic(lambda: None, rounds=1)
