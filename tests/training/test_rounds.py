"""Deterministic runs on any number of threads."""

import itertools
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from oracles import rounds, word2vec
from oracles.planted import recall
from training.test_native_engine import COMBINATIONS, LANES, SIMD, aligned, engine, problem, set_shape
from training.test_subword_engine import composition

from fastnlp import Corpus, FastText, Word2Vec, _core
from fastnlp.sampling import AliasTable, keep_probabilities, noise_weights
from fastnlp.training import Progress

SMALL = dict(dim=16, window=3, epochs=3, subsample=0, lr=0.05)
MODELS = [
    dict(),
    dict(negatives_shared_by="center"),
    dict(negatives_shared_by="group"),
    dict(loss="hs"),
    dict(architecture="cbow"),
    dict(architecture="cbow", loss="hs"),
]


def bits(model):
    return b"".join(array.tobytes() for array in model._tables.arrays().values())


@pytest.mark.parametrize(("simd", "has_parts"), [*((name, False) for name in SIMD), (SIMD[0], True)])
@pytest.mark.parametrize(("contexts", "loss"), [(None, "center"), *COMBINATIONS])
def test_rounds_equal_the_scalar_oracle(simd, has_parts, contexts, loss):
    """Three rounds of rows that one lane touches, that several do, and whose changes are scaled down."""
    vocabulary, dim, window, lr = 900, 20, 4, 0.05
    text, counts, ids, offsets, (v, u) = problem(
        vocabulary=vocabulary, sentences=60, dim=dim, longest=150, frequent=3
    )
    keep = keep_probabilities(counts, 0.02, "word2vec")
    noise = noise_weights(counts)
    alias = AliasTable(noise)
    settings = dict(dim=dim, window=window, lr=lr, deterministic=True)
    parts, tree = None, None
    size, step = set_shape(loss, contexts)
    if has_parts:
        v = np.random.default_rng(1).normal(scale=0.3, size=(1500, dim))
        parts, arguments = composition(vocabulary, 1500)
        settings.update(arguments, mean=True)
    if contexts is not None:
        settings.update(architecture="cbow", cbow_contexts=contexts)
    if loss == "hs":
        path, path_offsets = _core.tree_paths(_core.huffman_links(counts), vocabulary)
        noise, settings["path"], settings["path_offsets"] = None, path, path_offsets
        tree = [[divmod(step, 2) for step in path[a:b].tolist()] for a, b in itertools.pairwise(path_offsets)]
    else:
        settings["shared_by"] = loss
    model = engine(ids, offsets, keep, noise, simd, **settings)
    ours = aligned(v, 32), aligned(u, 32)
    assert model.units > 2
    report = model.train(*ours, 1, 0, 3, 1e9)

    table = alias.thresholds, alias.aliases
    lanes = [
        word2vec.meetings(
            pieces,
            keep,
            table,
            window,
            5,
            7,
            1,
            tree=tree,
            set_size=size,
            set_step=step,
            position=position,
        )
        for pieces, position in rounds.lanes_of(text)
    ]
    assert report.kept == sum(len(met.words) for met in lanes)
    theirs = v.copy(), u.copy()
    for unit in range(model.units):
        rate = model.lr_at(1, unit)

        def train(met, *tables, rate=rate):
            word2vec.train_unit(
                met,
                *tables,
                rate,
                window,
                LANES[simd],
                parts,
                True,
                cbow=contexts,
                set_size=size if step == 1 else 1,
            )

        pairs = window + 1 if contexts is None else 1
        of_round = lanes[unit * rounds.LANES : (unit + 1) * rounds.LANES]
        rounds.train_round(of_round, theirs, rate, pairs, None if tree else size, train, parts, step)
    for mine, true in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine[:, :dim], true, atol=1e-4, rtol=0)
        assert not mine[:, dim:].any()


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
    with pytest.raises(
        ValueError, match=r"negatives_shared_by: expected 'distant', 'group' or 'center' with det"
    ):
        Word2Vec(negatives_shared_by="pair", deterministic=True)
    with pytest.raises(TypeError, match="deterministic: expected True or False, got 1"):
        Word2Vec(deterministic=1)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what memory a process has")
@pytest.mark.parametrize("deterministic", [False, True])
def test_threads_that_the_system_does_not_start_are_an_error(deterministic):
    script = textwrap.dedent(
        f"""
        import resource
        from pathlib import Path
        import fastnlp
        corpus = fastnlp.Corpus.from_text([[f"w{{i % 40}}" for i in range(j, j + 20)] for j in range(300)])
        for threads in (1, 8):
            model = fastnlp.Word2Vec(dim=16, epochs=1, threads=threads, deterministic={deterministic})
            if threads == 8:
                used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (used + 2_000_000, used + 2_000_000))
            model.fit(corpus, progress=False)
        """
    )
    failed = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60
    )
    assert "RuntimeError: threads: the system does not start as many" in failed.stderr
