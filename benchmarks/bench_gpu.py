"""Word vectors on a GPU: speed and quality beside the CPU; and what its order of updates costs, emulated.

    python -m pytest -m gpu -q && FASTNLP_DATA=... pytest benchmarks/bench_gpu.py --benchmark-enable -s \
        --benchmark-json=gpu.json

What needs a CUDA device is skipped without one. The emulation needs none: it trains on the CPU, in plain
torch, in the order in which the kernels read and write with so many centers in flight.
"""

import os
import time
from pathlib import Path

import pytest
from oracles.tile_schedule import EmulatedEngine

import fastnlp as fn
from fastnlp import evaluate
from fastnlp.training import DivergenceError

torch = pytest.importorskip("torch")

WORDS = int(os.environ.get("FASTNLP_BENCH_WORDS", "17000000"))
EPOCHS = int(os.environ.get("FASTNLP_BENCH_EPOCHS", "1"))
SETTINGS = {"window": 5, "negatives": 5, "subsample": 1e-3, "epochs": EPOCHS}
gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.fixture(scope="module")
def data():
    folder = Path(os.environ.get("FASTNLP_DATA", ""))
    if not (folder / "enwiki" / "enwiki2015-100M.txt.gz").is_file():
        pytest.skip("enwiki/enwiki2015-100M.txt.gz is not in the folder that FASTNLP_DATA names")
    return folder


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


def fitted(model, corpus):
    """Words trained a second, after subsampling, and the loss of the last epoch."""
    begun = time.perf_counter()
    model.fit(corpus, progress=False)
    seconds = time.perf_counter() - begun
    kept = sum(report.kept for report in model.history)
    return {"trained_words_per_second": kept / seconds, "loss": model.history[-1].loss}


def record(benchmark, **figures):
    print(f"\n{benchmark.name}: {figures}")
    benchmark.extra_info.update(figures)
    if torch.cuda.is_available():
        benchmark.extra_info.update(gpu=torch.cuda.get_device_name(), torch=torch.__version__)
    benchmark.pedantic(lambda: None, rounds=1)


@pytest.mark.parametrize("shared_by", ["group", "center"])
@pytest.mark.parametrize("dim", [100, 128, 300])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=gpu)])
def test_training(corpus, data, benchmark, device, dim, shared_by):
    if device == "cuda":  # compiles the kernels
        few = fn.Corpus.from_ids(corpus.ids[:100_000], [0, 100_000], corpus.vocab)
        fn.Word2Vec(dim=dim, **SETTINGS, negatives_shared_by=shared_by, device=device).fit(few)
    model = fn.Word2Vec(dim=dim, **SETTINGS, negatives_shared_by=shared_by, device=device)
    figures = fitted(model, corpus)
    record(benchmark, **figures, **quality(model.vectors, data))


@pytest.mark.slow
@pytest.mark.parametrize("shared_by", ["group", "center"])
@pytest.mark.parametrize("in_flight", [512, 2112, 8448])
def test_quality_emulated(corpus, data, benchmark, in_flight, shared_by):
    """Minutes for each million words."""
    model = fn.Word2Vec(dim=100, **SETTINGS, negatives_shared_by=shared_by)
    model._engine = lambda config, text, tables: EmulatedEngine(config, text, tables, in_flight // 16)
    try:
        figures = fitted(model, corpus)
    except DivergenceError as error:
        record(benchmark, diverged=str(error))
        return
    record(benchmark, loss=figures["loss"], **quality(model.vectors, data))
