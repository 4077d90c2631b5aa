"""Word vectors on a GPU: speed and quality beside the CPU; and what its order of updates costs, emulated.

    python -m pytest -m gpu -q && FASTNLP_DATA=... pytest benchmarks/bench_gpu.py --benchmark-enable -s \
        --benchmark-json=gpu.json

What needs a CUDA device is skipped without one, and compared with the native engine on all cores of the
machine, each figure beside what it is meant to reach. The emulation needs none: it trains on the CPU, in
plain torch, in the order in which the kernels read and write with so many centers in flight.
"""

import os
import time

import pytest
from oracles.run_schedule import EmulatedGloVeEngine
from oracles.tile_schedule import EmulatedEngine

import fastnlp as fn
from fastnlp import evaluate
from fastnlp.kernels.triton.glove_training import RUNS
from fastnlp.sampling import Cooccurrences
from fastnlp.training import DivergenceError

torch = pytest.importorskip("torch")

WORDS = int(os.environ.get("FASTNLP_BENCH_WORDS", "17000000"))
EPOCHS = int(os.environ.get("FASTNLP_BENCH_EPOCHS", "1"))
SETTINGS = {"window": 5, "negatives": 5, "subsample": 1e-3, "epochs": EPOCHS}
MODELS = {
    "skipgram-group": (fn.Word2Vec, {"negatives_shared_by": "group"}),
    "skipgram-center": (fn.Word2Vec, {"negatives_shared_by": "center"}),
    "skipgram-tree": (fn.Word2Vec, {"loss": "hs"}),
    "cbow-group": (fn.Word2Vec, {"architecture": "cbow", "negatives_shared_by": "group"}),
    "cbow-center": (fn.Word2Vec, {"architecture": "cbow"}),
    "cbow-tree": (fn.Word2Vec, {"architecture": "cbow", "loss": "hs"}),
    "subwords": (fn.FastText, {}),
}
H200 = 132  # multiprocessors
# What a GPU is meant to reach: trained words or pairs a second, or times the native engine.
BARS = {("skipgram-group", 128): 150e6, "glove": 500e6}
TIMES = {"skipgram-tree": 10.0, "cbow-tree": 10.0}
gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.fixture(scope="module")
def corpus(data):
    whole = fn.Corpus.from_text(data / "enwiki" / "enwiki2015-100M.txt.gz", min_count=5)
    if whole.n_tokens <= WORDS:
        return whole
    tokens = whole.vocab.tokens
    lines = [[tokens[i] for i in whole.ids[at : at + 10_000]] for at in range(0, WORDS, 10_000)]
    return fn.Corpus.from_text(lines, min_count=5)


def quality(vectors, data):
    return {
        "analogies": evaluate.analogies(vectors, data / "eval" / "questions-words.txt").accuracy,
        "wordsim353": evaluate.similarity(vectors, data / "eval" / "gensim_wordsim353.tsv").spearman,
        "simlex999": evaluate.similarity(vectors, data / "eval" / "gensim_simlex999.txt").spearman,
    }


def fitted(fit, model):
    """Items trained a second, words after subsampling or pairs, and the loss of the last epoch."""
    begun = time.perf_counter()
    fit(model)
    seconds = time.perf_counter() - begun
    kept = sum(report.kept for report in model.history)
    return {"trained_a_second": kept / seconds, "loss": model.history[-1].loss}


def record(benchmark, **figures):
    print(f"\n{benchmark.name}: {figures}")
    benchmark.extra_info.update(figures)
    if torch.cuda.is_available():
        benchmark.extra_info.update(gpu=torch.cuda.get_device_name(), torch=torch.__version__)
    benchmark.pedantic(lambda: None, rounds=1)


def beside_the_cpu(benchmark, data, make, fit, few, bar=None, times=None):
    """A model on the GPU, once few have compiled its kernels, and on all cores of the CPU."""
    few(make("cuda"))
    model, native = make("cuda"), make("cpu")
    ours, theirs = fitted(fit, model), fitted(fit, native)
    ratio = ours["trained_a_second"] / theirs["trained_a_second"]
    figures = {"cores": native.threads, "times_the_cpu": ratio}
    if bar:
        figures |= {"meant_to_reach": bar, "reached": ours["trained_a_second"] >= bar}
    if times:
        figures |= {"meant_times_the_cpu": times, "reached": ratio >= times}
    record(
        benchmark,
        **{f"cuda_{name}": value for name, value in (ours | quality(model.vectors, data)).items()},
        **{f"cpu_{name}": value for name, value in (theirs | quality(native.vectors, data)).items()},
        **figures,
    )


@pytest.mark.parametrize(
    ("name", "dim"), [*((name, 100) for name in MODELS), ("skipgram-group", 128), ("skipgram-group", 300)]
)
@pytest.mark.parametrize("device", [pytest.param("cuda", marks=gpu)])
def test_training(corpus, data, benchmark, device, name, dim):
    kind, settings = MODELS[name]
    first = fn.Corpus.from_ids(corpus.ids[:100_000], [0, 100_000], corpus.vocab)
    beside_the_cpu(
        benchmark,
        data,
        lambda where: kind(**{**SETTINGS, **settings, "dim": dim}, device=where),
        lambda model: model.fit(corpus, progress=False),
        lambda model: model.fit(first, progress=False),
        BARS.get((name, dim)),
        TIMES.get(name),
    )


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=gpu)])
def test_glove(corpus, data, benchmark, device):
    matrix = Cooccurrences.from_corpus(corpus, window=10)
    few = fn.Corpus.from_ids(corpus.ids[:100_000], [0, 100_000], corpus.vocab)
    beside_the_cpu(
        benchmark,
        data,
        lambda where: fn.GloVe(dim=100, x_max=10.0, epochs=5, device=where),
        lambda model: model.fit_cooccurrences(matrix, corpus.vocab, progress=False),
        lambda model: model.fit(few, progress=False),
        BARS["glove"],
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("trainer", ["native", "16-threads", "emulated"])
@pytest.mark.parametrize("name", MODELS)
def test_quality_emulated(corpus, data, benchmark, name, trainer, seed):
    """The kernels on an H200, half a minute to two for each million words, beside the native engine."""
    kind, settings = MODELS[name]
    threads = 16 if trainer == "16-threads" else 1
    model = kind(**{**SETTINGS, **settings, "dim": 100, "seed": seed}, threads=threads, engine="native")
    if trainer == "emulated":
        model._engine = lambda *given: EmulatedEngine(*given, multiprocessors=H200)
    try:
        figures = fitted(lambda model: model.fit(corpus, progress=False), model)
    except DivergenceError as error:
        record(benchmark, diverged=str(error))
        return
    record(benchmark, loss=figures["loss"], **quality(model.vectors, data))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("in_flight", [0, 16 * H200], ids=["native", "emulated"])
def test_glove_emulated(corpus, data, benchmark, in_flight, seed):
    """A minute for an epoch of two million words."""
    matrix = Cooccurrences.from_corpus(corpus, window=10)
    model = fn.GloVe(dim=50, x_max=10.0, epochs=EPOCHS, threads=1, engine="native", seed=seed)
    if in_flight:
        model._engine = lambda config, text, tables: EmulatedGloVeEngine(
            config, matrix, tables, "cpu", programs=in_flight // RUNS
        )
    fitted(lambda model: model.fit_cooccurrences(matrix, corpus.vocab, progress=False), model)
    losses = [report.loss for report in model.history]
    record(benchmark, losses=losses, **quality(model.vectors, data))
