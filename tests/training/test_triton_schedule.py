"""The Triton engine's reads and writes, emulated with as many centers in flight as on a GPU."""

import numpy as np
import pytest
from oracles.planted import planted, recall
from oracles.run_schedule import EmulatedGloVeEngine
from oracles.tile_schedule import EmulatedEngine

from fastnlp import Corpus, FastText, GloVe, Word2Vec
from fastnlp.sampling import Cooccurrences
from fastnlp.training import DivergenceError
from fastnlp.training.triton_engine import TritonEngine
from fastnlp.training.triton_glove_engine import TritonGloVeEngine

pytest.importorskip("triton")


@pytest.fixture(scope="module")
def text():
    return Corpus.from_text(planted(groups=20, words=40, sentences=4000, length=20, seed=1), min_count=1)


def fitted(text, programs, how=(), **settings):
    model = Word2Vec(**{**dict(dim=32, window=3, epochs=3, subsample=0, lr=0.05), **settings})
    model._engine = lambda config, corpus, tables: EmulatedEngine(config, corpus, tables, programs, *how)
    return model.fit(text)


@pytest.mark.parametrize(
    "model",
    [
        Word2Vec(negatives_shared_by="group", dim=8),
        Word2Vec(architecture="cbow", loss="hs", dim=8),
        FastText(buckets=50, max_n=3, dim=8),
    ],
    ids=["group", "cbow-hs", "subwords"],
)
def test_the_emulation_does_what_the_kernels_do(model):
    random = np.random.default_rng(0)
    lines = [[f"w{i}" for i in random.integers(70, size=30)] for _ in range(4)]
    small = Corpus.from_text(lines, min_count=1)
    model = type(model)(**{**model.config.to_dict(), "window": 3, "subsample": 0.02, "lr": 0.1})
    reports, results = [], []
    for make in (
        lambda tables: TritonEngine(model.config, small, tables, "cpu", programs=1),
        lambda tables: EmulatedEngine(model.config, small, tables, programs=1),
    ):
        tables = model._new_tables(small.vocab)
        reports.append(make(tables).train(0, 0, 0.0))
        results.append((tables.padded_input, tables.padded_output))
    assert (reports[0].kept, reports[0].pairs) == (reports[1].kept, reports[1].pairs)
    assert reports[0].loss == pytest.approx(reports[1].loss, rel=1e-4)
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_emulation_of_glove_does_what_the_kernel_does():
    random = np.random.default_rng(0)
    lines = [[f"w{i}" for i in random.integers(25, size=12)] for _ in range(4)]
    small = Corpus.from_text(lines, min_count=1)
    matrix = Cooccurrences.from_corpus(small, window=3)
    model = GloVe(dim=5, x_max=2.0)
    reports, results = [], []
    for make in (TritonGloVeEngine, EmulatedGloVeEngine):
        tables = model._new_tables(small.vocab)
        reports.append(make(model.config, matrix, tables, "cpu", programs=1).train(0, 0, 0.0))
        results.append(tables.padded)
    assert reports[0].pairs == reports[1].pairs
    assert reports[0].loss == pytest.approx(reports[1].loss, rel=1e-4)
    np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_2112_centers_in_flight_learn_what_one_at_a_time_learns(text):
    assert recall(fitted(text, 132).vectors) > 0.95
    native = Word2Vec(dim=32, window=3, epochs=3, subsample=0, lr=0.05, threads=1, engine="native").fit(text)
    assert recall(native.vectors) > 0.95


def test_too_many_centers_in_flight_diverge_and_say_so_but_not_where_rows_are_damped():
    few = Corpus.from_text(planted(groups=4, words=10, sentences=1200, length=20, seed=1), min_count=1)
    settings = dict(dim=16, epochs=1, lr=0.3)
    with pytest.raises(DivergenceError, match=r"lr: training diverged with 0\.3: the loss is"):
        fitted(few, 528, (False, False), **settings)
    assert fitted(few, 528, (True, False), **settings).history[-1].loss < 6 * np.log(2)  # what chance gives
