"""The Triton engine's reads and writes, emulated with as many centers in flight as on a GPU."""

import numpy as np
import pytest
from oracles.planted import planted, recall
from oracles.tile_schedule import EmulatedEngine

from fastnlp import Corpus, Word2Vec
from fastnlp.training import DivergenceError
from fastnlp.training.triton_engine import TritonEngine

pytest.importorskip("triton")


@pytest.fixture(scope="module")
def text():
    return Corpus.from_text(planted(groups=20, words=40, sentences=4000, length=20, seed=1), min_count=1)


def fitted(text, programs, damped=True, **settings):
    model = Word2Vec(**{**dict(dim=32, window=3, epochs=3, subsample=0, lr=0.05), **settings})
    model._engine = lambda config, corpus, tables: EmulatedEngine(config, corpus, tables, programs, damped)
    return model.fit(text)


@pytest.mark.parametrize("shared_by", ["group", "center"])
def test_the_emulation_does_what_the_kernels_do(shared_by):
    random = np.random.default_rng(0)
    lines = [[f"w{i}" for i in random.integers(70, size=40)] for _ in range(4)]
    small = Corpus.from_text(lines, min_count=1)
    model = Word2Vec(dim=8, window=3, subsample=0.02, lr=0.1, negatives_shared_by=shared_by)
    reports, results = [], []
    for make in (
        lambda tables: TritonEngine(model.config, small, tables, "cpu", programs=1),
        lambda tables: EmulatedEngine(model.config, small, tables, programs=1),
    ):
        tables = model._new_tables(small.vocab)
        reports.append(make(tables).train(0, 0, 0.0))
        results.append((tables.input, tables.output))
    assert (reports[0].kept, reports[0].pairs) == (reports[1].kept, reports[1].pairs)
    assert reports[0].loss == pytest.approx(reports[1].loss, rel=1e-4)
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.slow
def test_2112_centers_in_flight_learn_what_one_at_a_time_learns(text):
    assert recall(fitted(text, 132).vectors) > 0.95
    native = Word2Vec(dim=32, window=3, epochs=3, subsample=0, lr=0.05, threads=1, engine="native").fit(text)
    assert recall(native.vectors) > 0.95


def test_too_many_centers_in_flight_without_damping_diverge_and_say_so(text):
    with pytest.raises(DivergenceError, match=r"lr: training diverged with 0\.05: the loss is"):
        fitted(text, 528, damped=False, epochs=2)
