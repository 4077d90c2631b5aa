"""Deterministic runs on any number of threads."""

import numpy as np
import pytest
from oracles.planted import recall

from fastnlp import Corpus, FastText, Word2Vec
from fastnlp.training import Progress

SMALL = dict(dim=16, window=3, epochs=3, subsample=0, lr=0.05)
MODELS = [
    dict(),
    dict(negatives_shared_by="center"),
    dict(loss="hs"),
    dict(architecture="cbow"),
    dict(architecture="cbow", loss="hs"),
]


def bits(model):
    return b"".join(array.tobytes() for array in model._tables.arrays().values())


@pytest.mark.parametrize("settings", MODELS)
def test_any_number_of_threads_gives_the_same_bits(groups, settings):
    runs = {
        bits(Word2Vec(**SMALL, **settings, deterministic=True, threads=threads).fit(groups))
        for threads in (1, 2, 3, 8, 11)
    }
    assert len(runs) == 1
    assert runs != {bits(Word2Vec(**SMALL, **settings, threads=1).fit(groups))}


def test_subwords_are_deterministic_too(groups):
    runs = {
        bits(FastText(**SMALL, buckets=500, deterministic=True, threads=threads).fit(groups))
        for threads in (1, 2, 3)
    }
    assert len(runs) == 1


@pytest.mark.parametrize("settings", MODELS)
def test_planted_groups_are_found(groups, settings):
    slow = 4 if "architecture" in settings or "loss" in settings else 1
    model = Word2Vec(**{**SMALL, "epochs": 5 * slow}, **settings, deterministic=True, threads=2).fit(groups)
    assert recall(model.vectors) > 0.99
    assert model.history[-1].loss < model.history[0].loss


def test_slices_and_restarts_change_no_bit(groups, monkeypatch, tmp_path):
    whole = Word2Vec(**SMALL, deterministic=True, threads=2).fit(groups)
    monkeypatch.setattr("fastnlp.training.loop._SLICE", 0.0)
    seen: list[Progress] = []

    def enough(progress):
        seen.append(progress)
        return len(seen) == 3

    file = tmp_path / "run.model"
    Word2Vec(**SMALL, deterministic=True, threads=1).fit(groups, callbacks=[enough], checkpoint=file)
    resumed = Word2Vec(**SMALL, deterministic=True, threads=3).fit(groups, checkpoint=file, resume=True)
    assert bits(resumed) == bits(whole)
    assert [r.pairs for r in resumed.history] == [r.pairs for r in whole.history]


def test_every_word_is_trained_once(groups):
    model = Word2Vec(**SMALL, deterministic=True, threads=2).fit(groups)
    assert {report.kept for report in model.history} == {groups.n_tokens}
    free = Word2Vec(**SMALL, threads=1).fit(groups)
    assert [r.pairs for r in model.history] == [r.pairs for r in free.history]


def test_a_frequent_word_does_not_overshoot():
    """One word in every second place: each lane meets it dozens of times, and their changes are added up."""
    random = np.random.default_rng(0)
    text = [[word for i in random.integers(80, size=20) for word in ("the", f"w{i}")] for _ in range(2000)]
    corpus = Corpus.from_text(text, min_count=1)
    for settings in MODELS:
        model = Word2Vec(dim=16, epochs=3, subsample=0, **settings, deterministic=True, threads=2).fit(corpus)
        free = Word2Vec(dim=16, epochs=3, subsample=0, **settings, threads=1).fit(corpus)
        assert model.history[-1].loss < 1.5 * free.history[-1].loss


def test_pairs_that_draw_for_themselves_have_no_deterministic_form():
    with pytest.raises(ValueError, match=r"negatives_shared_by: expected 'group' or 'center' with determ"):
        Word2Vec(negatives_shared_by="pair", deterministic=True)
    with pytest.raises(TypeError, match="deterministic: expected True or False, got 1"):
        Word2Vec(deterministic=1)
