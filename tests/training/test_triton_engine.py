"""The Triton engine against plain torch: in the interpreter, or on a GPU where there is one."""

import os

import numpy as np
import pytest
import torch
from oracles.planted import planted, recall

from fastnlp import Corpus, Word2Vec
from fastnlp.kernels.reference import skipgram_training as reference
from fastnlp.sampling import AliasTable, keep_probabilities, noise_weights
from fastnlp.training.damping import damping
from fastnlp.training.device_ids import DeviceIds
from fastnlp.training.torch_draws import Draws, Noise, philox, thresholds
from fastnlp.training.torch_engine import TorchEngine
from fastnlp.training.word2vec_engines import unfit

pytest.importorskip("triton")
from fastnlp.kernels.triton import skipgram_training, token_draws
from fastnlp.training import triton_engine
from fastnlp.training.triton_engine import TritonEngine

CPU = torch.device("cpu")
SEED = 2**63 + 5


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if request.param == "cuda" and (interpreted or not torch.cuda.is_available()):
        pytest.skip("needs a CUDA device")
    if request.param == "cpu" and not interpreted:
        pytest.skip("the kernels are compiled for the CUDA device")
    return torch.device(request.param)


def corpus(words=260, vocabulary=80, seed=0):
    random = np.random.default_rng(seed)
    ids = random.zipf(1.3, words * 3) - 1
    ids = ids[ids < vocabulary][:words].astype(np.int32)
    text = [[f"w{i}" for i in line] for line in np.split(ids, [1, 40, 41, 150])]
    return Corpus.from_text(text, min_count=1)


@pytest.mark.parametrize("shrink", [True, False])
def test_the_tokens_that_are_kept_and_their_windows_are_those_of_the_one_generator(device, shrink):
    counts = np.array([5000, 300, 20, 1])
    keep = keep_probabilities(counts, 0.01, "word2vec")
    ids = np.random.default_rng(0).integers(4, size=2500).astype(np.int32)
    first = 2**40 + 3
    found = token_draws.draw_tokens(
        torch.from_numpy(ids).to(device),
        torch.from_numpy(thresholds(keep).astype(np.uint32)).to(device),
        first,
        seed=SEED,
        epoch=7,
        window=5,
        shrink=shrink,
    ).cpu()
    words = philox(SEED, 0, 7, first + torch.arange(len(ids)), 0)
    limit = torch.from_numpy(thresholds(keep))[ids]
    reach = 1 + (words[1] * 5 >> 32) if shrink else torch.full((len(ids),), 5)
    expected = torch.where((words[0] < limit) | (limit == 2**32 - 1), reach, 0)
    assert torch.equal(found.long(), expected)
    assert 0 < int((found == 0).sum()) < len(ids)


def tiles_of(n, size=16):
    begin = torch.arange(0, n, size, dtype=torch.int32)
    return begin, (begin + size).clamp(max=n).int(), torch.linspace(0.02, 0.1, len(begin))


@pytest.mark.parametrize("dim", [4, 112])
@pytest.mark.parametrize(("window", "negatives"), [(5, 5), (9, 3), (1, 8)])
@pytest.mark.parametrize("shared", [True, False])
def test_tiles_equal_plain_torch(device, dim, window, negatives, shared):
    text = corpus(words=120)
    counts = text.vocab.counts
    noise = noise_weights(counts)
    draws = Draws(
        np.ones(len(counts)),
        noise,
        seed=SEED,
        window=window,
        shrink=True,
        negatives=negatives,
        shared_by="center",
        device=CPU,
    )
    tokens = draws.tokens(text.ids, text.sentence_offsets, 1000, 0, text.n_tokens, 3)
    generator = torch.Generator().manual_seed(1)
    v, u = (torch.randn(len(counts), dim, generator=generator) * 0.3 for _ in range(2))
    scale = tuple(torch.rand(len(counts), generator=generator) for _ in range(2))
    tiles = tiles_of(len(tokens))
    parts = (tokens.word, tokens.reach, tokens.first, tokens.last)
    own, table = draws.negatives(tokens, 3), Noise(noise, CPU)

    def negatives_of(begin, end):
        if not shared:
            return own[begin:end]
        position = tokens.position[begin].expand(skipgram_training.SHARED)
        return table.word(SEED, 3, position, torch.arange(skipgram_training.SHARED))

    expected = v.clone(), u.clone()
    weight = negatives / skipgram_training.SHARED if shared else 1.0
    reports = reference.train_tiles(expected, scale, parts, tiles, negatives_of, weight)

    alias = AliasTable(noise)
    found = v.to(device, copy=True), u.to(device, copy=True)
    pairs, measured, losses = skipgram_training.train_tiles(
        found,
        tuple(part.to(device) for part in scale),
        tuple(
            part.to(device)
            for part in (
                tokens.word.int(),
                tokens.position,
                tokens.reach.int(),
                tokens.first.int(),
                tokens.last.int(),
            )
        ),
        tuple(part.to(device) for part in tiles),
        (torch.from_numpy(alias.thresholds).to(device), torch.from_numpy(alias.aliases).to(device)),
        window=window,
        negatives=negatives,
        shared=shared,
        seed=SEED,
        epoch=3,
        programs=1,
    )
    assert int(pairs.sum()) == sum(pairs for pairs, _ in reports)
    assert int(measured.sum()) == reports[0][0]
    assert float(losses.sum()) == pytest.approx(reports[0][1], rel=1e-3)
    tolerance = 1e-5 if device.type == "cpu" else 2e-3  # tensor cores round to ten bits
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("contexts", [None, "word2vec", "mean", "sum"])
def test_a_unit_of_the_engine_equals_the_torch_engine_with_blocks_of_a_tile(device, contexts):
    """Negatives for each center: the same draws and, with one program, the same order."""
    text = corpus()
    settings = dict(dim=12, window=4, subsample=0.05, negatives_shared_by="center", lr=0.1)
    if contexts is not None:
        settings |= dict(architecture="cbow", cbow_contexts=contexts)
    model = Word2Vec(**settings)
    reports, results = [], []
    for make in (
        lambda tables: TorchEngine(model.config, text, tables, block=16),
        lambda tables: TritonEngine(model.config, text, tables, str(device), programs=1),
    ):
        tables = model._new_tables(text.vocab)
        engine = make(tables)
        reports.append(engine.train(1, 0, 0.0))
        engine.synchronize()
        results.append((tables.input, tables.output))
    assert (reports[0].kept, reports[0].pairs) == (reports[1].kept, reports[1].pairs)
    assert 0 < reports[1].kept < text.n_tokens
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 if device.type == "cpu" else 2e-3)


def test_units_are_trained_alike_in_one_launch_and_in_several(device):
    text = Corpus.from_text([["a", "b", "c", "d"] * 900] * 3, min_count=1)
    model = Word2Vec(dim=4, window=3, subsample=1e-4, negatives_shared_by="center")
    results = []
    for at_once in (1, 10):
        tables = model._new_tables(text.vocab)
        engine = TritonEngine(model.config, text, tables, str(device), programs=1)
        engine._units_at_once = at_once
        assert engine.units > 1
        unit = kept = 0
        while unit < engine.units:
            done = engine.train(0, unit, 0.0)
            unit, kept = done.next_unit, kept + done.kept
        engine.synchronize()
        assert 100 < kept < 400
        results.append(tables.input.copy())
    np.testing.assert_allclose(*results, atol=1e-5)


def test_ids_that_do_not_fit_come_through_buffers(device):
    ids = np.arange(100, dtype=np.int32)
    ids.flags.writeable = False
    stream = DeviceIds(ids, device, resident=False, longest=40)
    stream.prefetch(0, 40)
    assert stream.between(0, 40).tolist() == [*range(40)]
    stream.prefetch(40, 70)
    stream.prefetch(70, 100)
    assert stream.between(70, 100).tolist() == [*range(70, 100)]
    assert stream.between(5, 9).tolist() == [5, 6, 7, 8]
    assert DeviceIds(ids, device, resident=True, longest=40).between(5, 9).tolist() == [5, 6, 7, 8]


def test_streamed_ids_train_the_same(device, monkeypatch):
    text = corpus(words=60)
    model = Word2Vec(dim=4, window=2, subsample=0)
    results = []
    for free in (float("inf"), 0.0):
        monkeypatch.setattr(triton_engine, "free_memory", lambda device, free=free: free)
        tables = model._new_tables(text.vocab)
        engine = TritonEngine(model.config, text, tables, str(device), programs=1)
        assert engine._ids.resident == (free > 0)
        engine.train(0, 0, 0.0)
        engine.synchronize()
        results.append(tables.output.copy())
    np.testing.assert_allclose(*results, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("shared_by", ["group", "center"])
def test_a_model_is_fitted(device, shared_by):
    text = Corpus.from_text(planted(groups=3, words=30, sentences=60, length=10), min_count=1)
    settings = dict(dim=8, window=3, epochs=3, subsample=0, lr=0.2, negatives_shared_by=shared_by)
    model = Word2Vec(**settings, engine="triton", device="auto").fit(text)
    native = Word2Vec(**settings, engine="native", threads=1).fit(text)
    assert model.history[-1].pairs == native.history[-1].pairs
    assert model.history[-1].loss == pytest.approx(native.history[-1].loss, rel=0.15)
    assert recall(model.vectors) > 0.6


def test_what_the_kernels_do_not_train_is_said():
    assert unfit(Word2Vec().config) is unfit(Word2Vec(architecture="cbow").config) is None
    for settings, reason in (
        (
            {"architecture": "cbow", "negatives_shared_by": "group"},
            "architecture='cbow' with negatives_shared_by='group'",
        ),
        ({"loss": "hs"}, "loss='hs'"),
        ({"deterministic": True}, "deterministic=True"),
        ({"window": 30}, "window=30"),
        ({"negatives": 20}, "negatives=20"),
    ):
        assert unfit(Word2Vec(**settings).config) == reason


def test_a_row_that_all_meet_is_damped():
    assert damping(np.array([0.01, 1.0], np.float32), 1000).tolist() == pytest.approx([1.0, 0.05])
