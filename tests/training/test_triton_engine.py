"""The Triton engine against plain torch: in the interpreter, or on a GPU where there is one."""

import os
import types

import numpy as np
import pytest
import torch
from oracles import glove
from oracles.planted import planted, recall

from fastnlp import Corpus, FastText, GloVe, Vocab, Word2Vec
from fastnlp.models.fasttext import FastTextTables
from fastnlp.sampling import Cooccurrences, keep_probabilities
from fastnlp.training import devices, torch_engine
from fastnlp.training.damping import damping
from fastnlp.training.damping import together as most_together
from fastnlp.training.device_ids import DeviceIds
from fastnlp.training.torch_draws import philox, thresholds
from fastnlp.training.torch_engine import TorchEngine
from fastnlp.training.word2vec_engines import unfit

pytest.importorskip("triton")
from fastnlp.kernels.triton import glove_training, tiles, token_draws
from fastnlp.kernels.triton.glove_training import Runs
from fastnlp.kernels.triton.outputs import ROOM, Outputs
from fastnlp.training import triton_engine
from fastnlp.training.triton_engine import TritonEngine
from fastnlp.training.triton_glove_engine import TritonGloVeEngine

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


OUTPUTS = [
    {"negatives_shared_by": "center"},
    {"negatives_shared_by": "group", "negatives": 3},
    {"negatives_shared_by": "center", "negatives": 8, "window": 1, "dim": 100},
    {"negatives_shared_by": "group", "negatives": 1, "window": 12},
    {"negatives_shared_by": "center", "negatives": 20, "window": 2},
    {"negatives_shared_by": "group", "negatives": 12, "window": 30},
    {"loss": "hs"},
    {"loss": "hs", "window": 9, "shrink_windows": False},
    {"loss": "hs", "window": 40},
]
INPUTS = [
    {},
    {"architecture": "cbow"},
    {"architecture": "cbow", "cbow_contexts": "mean"},
    {"architecture": "cbow", "cbow_contexts": "sum"},
]
SUBWORDS = [
    {"composition": "mean"},
    {"composition": "sum", "negatives_shared_by": "group"},
    {"architecture": "cbow", "dim": 132},
    {"negatives": 9, "window": 14},
]


def together(model, text, device, monkeypatch, seed=0):
    """What both engines did in the first unit, and the tables after it, with blocks of a tile."""
    for module, name in ((tiles, "LOSS_EVERY"), (torch_engine, "_LOSS_EVERY")):
        monkeypatch.setattr(module, name, 1)
    random = torch.Generator().manual_seed(seed)
    reports, results = [], []
    for make in (TritonEngine, TorchEngine):
        tables = model._new_tables(text.vocab)
        # Rows that are damped in different ways, and outputs that are not zero.
        fill = np.random.default_rng(seed)
        for table in (tables.input if hasattr(tables, "input") else tables.padded_input, tables.output):
            table[:] = fill.normal(0, 0.3, table.shape)
        if isinstance(tables, FastTextTables):
            tables.padded_input[:, tables.dim :] = 0
        if make is TritonEngine:
            engine = TritonEngine(model.config, text, tables, str(device), programs=1)
            scales = tuple(torch.rand(len(table), generator=random) for table in engine.parameters())
            engine._damping = 1, tuple(scale.to(device) for scale in scales)
            block = engine._tile
        else:
            engine = TorchEngine(model.config, text, tables, block=block)
            engine._input_damping, engine._output_damping = scales
        reports.append(engine.train(1, 0, 0.0))
        engine.synchronize()
        results.append((tables.padded_input, tables.padded_output))
    return reports, results


def check_alike(model, text, device, monkeypatch):
    (ours, theirs), results = together(model, text, device, monkeypatch)
    assert (ours.kept, ours.pairs, ours.loss_pairs) == (theirs.kept, theirs.pairs, theirs.loss_pairs)
    assert 0 < ours.kept < text.n_tokens
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-5 if device.type == "cpu" else 1e-3)
    tolerance = 1e-5 if device.type == "cpu" else 2e-3  # tensor cores round to ten bits
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, atol=tolerance)


@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("inputs", INPUTS)
def test_a_unit_equals_the_torch_engine_with_blocks_of_a_tile(device, inputs, outputs, monkeypatch):
    """The same draws and, with one program, the same order."""
    if inputs.get("cbow_contexts") and outputs not in (OUTPUTS[1], OUTPUTS[6]):
        pytest.skip("how contexts are combined does not depend on the outputs")
    settings = {"dim": 12, "window": 4, "subsample": 0.05, "lr": 0.1, **outputs, **inputs}
    check_alike(Word2Vec(**settings), corpus(words=90), device, monkeypatch)


@pytest.mark.parametrize("settings", SUBWORDS)
def test_a_unit_with_subwords_equals_the_torch_engine_with_blocks_of_a_tile(device, settings, monkeypatch):
    settings = {"dim": 12, "window": 3, "subsample": 0.05, "lr": 0.1, "buckets": 200, **settings}
    check_alike(FastText(**settings, max_n=4), corpus(words=60), device, monkeypatch)


def test_a_path_may_be_as_long_as_a_tile_takes(device, monkeypatch):
    """Counts of the Fibonacci numbers make the longest path there is: a node for each word."""
    counts = [1, 1]
    while len(counts) < 34:
        counts.append(counts[-1] + counts[-2])
    vocab = Vocab([f"w{i}" for i in range(34)], counts[::-1])
    ids = np.random.default_rng(0).permutation(np.repeat(np.arange(34, dtype=np.int32), 2))
    text = Corpus.from_ids(ids, [0, len(ids)], vocab)
    model = Word2Vec(dim=8, window=2, subsample=0.05, lr=0.1, loss="hs")
    tables = model._new_tables(vocab)
    assert tables.tree.longest == 33
    assert unfit(model.config, tables) is None
    check_alike(model, text, device, monkeypatch)


@pytest.mark.parametrize(("side_by_side", "symmetric"), [(1, True), (1, False), (4, True)])
def test_glove_equals_the_oracle(device, side_by_side, symmetric, monkeypatch):
    """Run after run, each from another of its entries on; or some side by side, an entry of each in turn."""
    monkeypatch.setattr(glove_training, "RUNS", side_by_side)
    random = np.random.default_rng(0)
    lines = [[f"w{i}" for i in random.integers(30, size=15)] for _ in range(4)]
    text = Corpus.from_text(lines, min_count=1)
    matrix = Cooccurrences.from_corpus(text, window=3, symmetric=symmetric)
    assert bool((matrix.columns == np.repeat(np.arange(len(text.vocab)), np.diff(matrix.row_offsets))).any())
    model = GloVe(dim=6, symmetric=symmetric, x_max=2.0)
    tables = model._new_tables(text.vocab)
    engine = TritonGloVeEngine(model.config, matrix, tables, str(device), programs=1)
    p = {name: array.astype(np.float64) for name, array in tables.arrays().items()}
    found = engine.train(1, 0, 1e9)
    engine.synchronize()
    pairs, loss = 0, 0.0
    for unit in range(engine.units):
        rows, firsts, sizes, columns, counts = engine._native.read(1, unit)
        for group in range(0, len(rows), side_by_side):
            for place in range(sizes[group : group + side_by_side].max()):
                runs = [r for r in range(group, min(group + side_by_side, len(rows))) if place < sizes[r]]
                at = [firsts[run] + (run + place) % sizes[run] for run in runs]
                entries = [(rows[run], columns[k], counts[k]) for run, k in zip(runs, at, strict=True)]
                turns = [[(i, j, x) for i, j, x in entries]]
                if symmetric:
                    turns.append([(j, i, x) for i, j, x in entries if i != j])
                for turn in turns:
                    before = {name: array.copy() for name, array in p.items()}
                    for i, j, x in turn:
                        alone = {name: array.copy() for name, array in before.items()}
                        loss += glove.step(alone, i, j, x, 0.05, 2.0, 0.75, 100.0)
                        pairs += 1
                        for name, array in p.items():
                            array += alone[name] - before[name]
    assert (found.pairs, found.next_unit) == (pairs, engine.units)
    assert found.loss == pytest.approx(loss, rel=1e-4)
    for name, array in tables.arrays().items():
        np.testing.assert_allclose(array, p[name], rtol=1e-4, atol=1e-5)


def test_glove_begins_with_few_programs_and_damps_words_that_many_meet(device):
    text = Corpus.from_text(["a b c", "a d e", "a f g"] * 5, min_count=1)
    matrix = Cooccurrences.from_corpus(text, window=2)
    model = GloVe(dim=4)
    engine = TritonGloVeEngine(model.config, matrix, model._new_tables(text.vocab), str(device), programs=264)
    runs = Runs(*(part.to(device) for part in next(engine._launches(0, 0, engine.units))))
    columns, rows = (
        runs.columns.cpu().numpy(),
        np.repeat(*(part.cpu().numpy() for part in (runs.rows, runs.sizes))),
    )
    met = np.bincount(columns, minlength=7) + np.bincount(rows, minlength=7)
    expected = np.minimum(1, 64 / (264 * 8 * met / len(columns)))
    np.testing.assert_allclose(engine._shares(runs, 264).cpu(), expected, rtol=1e-6)
    assert expected.min() < 0.2
    engine.size, engine.position = 2_000_000, lambda unit: unit
    assert [engine._programs_at(*at) for at in ((0, 0), (0, 1_000_000), (2, 0))] == [1, 104, 264]


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
@pytest.mark.parametrize(
    "outputs", [{"negatives_shared_by": "group"}, {"negatives_shared_by": "center"}, {"loss": "hs"}]
)
def test_a_model_is_fitted(device, outputs):
    text = Corpus.from_text(planted(groups=3, words=30, sentences=60, length=10), min_count=1)
    # At twice the rate what is learned depends on how many contexts an instruction set takes at a time.
    settings = dict(dim=8, window=3, epochs=3, subsample=0, lr=0.1, **outputs)
    model = Word2Vec(**settings, engine="triton", device="auto").fit(text)
    native = Word2Vec(**settings, engine="native", threads=1).fit(text)
    assert model.history[-1].pairs == native.history[-1].pairs
    assert model.history[-1].loss == pytest.approx(native.history[-1].loss, rel=0.15)
    assert recall(model.vectors) > 0.6


@pytest.mark.parametrize("kind", [Word2Vec, FastText, GloVe])
def test_what_triton_trained_is_read_where_there_is_no_gpu(device, kind, tmp_path, monkeypatch):
    text = Corpus.from_text(["the cat sat", "the dog ran"] * 5, min_count=1)
    drawn = {"subsample": 0, "negatives_shared_by": "group"} if kind is not GloVe else {}
    model = kind(dim=4, window=2, epochs=1, **drawn, engine="triton").fit(text)
    model.save(tmp_path / "saved")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(devices, "_missing_cuda", lambda device: "expected a CUDA device, found none")
    again = kind.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.vectors["cat"], model.vectors["cat"])
    assert len(again.partial_fit(text).history) == 2
    with pytest.raises(RuntimeError, match="device: expected a CUDA device, found none"):
        kind.load(tmp_path / "saved", engine="triton")


def test_what_the_kernels_do_not_train_is_said():
    vocab = Vocab(["a", "b", "c"])
    for model in (Word2Vec(), Word2Vec(architecture="cbow", loss="hs"), FastText(buckets=9)):
        assert unfit(model.config, model._new_tables(vocab)) is None
    for settings, reason in (
        ({"negatives_shared_by": "pair"}, "negatives_shared_by='pair'"),
        ({"negatives_shared_by": "distant"}, "negatives_shared_by='distant'"),
        ({"deterministic": True}, "deterministic=True"),
        ({"window": 57}, "window=57"),
        ({"negatives": 33}, "negatives=33"),
    ):
        model = Word2Vec(**settings)
        assert unfit(model.config, model._new_tables(vocab)) == reason
    model = FastText(buckets=9, window=15)
    assert unfit(model.config, model._new_tables(vocab)) == "window=15 with subwords"


@pytest.mark.parametrize(
    ("window", "nodes", "reason"),
    [
        (15, 128, None),
        (31, 64, None),
        (56, 32, None),
        (5, 129, "a path of 129 nodes with window=5"),
        (16, 65, "a path of 65 nodes with window=16"),
        (32, 33, "a path of 33 nodes with window=32"),
    ],
)
def test_paths_have_a_bound(window, nodes, reason):
    model = Word2Vec(loss="hs", window=window)
    tables = model._new_tables(Vocab(["a", "b"]))
    tables.tree = types.SimpleNamespace(longest=nodes)
    assert unfit(model.config, tables) == reason


@pytest.mark.parametrize(
    ("outputs", "centers", "warps", "side_by_side"),
    [
        (Outputs(negatives=5, set_size=4), 16, 8, 1),
        (Outputs(negatives=5), 16, 8, 1),
        (Outputs(negatives=5, room=ROOM // 2), 8, 4, 2),
        (Outputs(negatives=32, set_size=4, window=56), 4, 8, 1),
        (Outputs(path=torch.zeros(1), longest=24), 4, 4, 2),
        (Outputs(negatives=6, room=ROOM // 2), 8, 8, 1),
        (Outputs(path=torch.zeros(1), longest=64, window=31), 1, 4, 2),
        (Outputs(path=torch.zeros(1), longest=32, window=56), 1, 8, 1),
    ],
)
def test_a_tile_has_as_many_centers_as_registers_have_room_for(outputs, centers, warps, side_by_side):
    assert (outputs.centers, outputs.warps, outputs.side_by_side) == (centers, warps, side_by_side)


def test_programs_join_as_words_have_been_trained():
    text = corpus(words=260)
    model = Word2Vec(dim=4, subsample=0)
    engine = TritonEngine(model.config, text, model._new_tables(text.vocab), "cpu", programs=132)
    assert engine.in_flight == 2112
    engine.size, engine.position = 1_000_000, lambda unit: unit
    assert [engine._programs_at(*at) for at in ((0, 0), (0, 90_000), (0, 200_000), (1, 0))] == [
        16,
        21,
        48,
        132,
    ]
    for programs in (16, 132):
        scale = engine._damping_of(programs)[1]
        np.testing.assert_array_equal(scale, damping(engine.updates()[1], programs * 16))


def test_a_row_of_a_mean_may_be_met_three_times_as_often_where_words_have_so_many():
    vocab = Vocab(["longer", "words"], [20, 10])
    for settings, most in (
        ({"composition": "mean"}, 150.0),
        ({"composition": "sum"}, 50.0),
        ({"composition": "mean", "min_n": 20, "max_n": 20}, 50.0),
    ):
        model = FastText(dim=4, buckets=50, **settings)
        tables = model._new_tables(vocab)
        assert most_together(tables) == (most, 50.0)
        engine = TorchEngine(model.config, Corpus.from_ids([0, 1], [0, 2], vocab), tables, block=1000)
        expected = damping(engine.updates()[0], 1000, most)
        np.testing.assert_array_equal(engine._input_damping, expected)
        assert expected.min() < 1


def test_a_node_of_a_tree_may_be_met_twice_as_often():
    model = Word2Vec(dim=4, loss="hs")
    tables = model._new_tables(Vocab(["a", "b"], [2, 1]))
    assert most_together(tables) == (50.0, 100.0)


def test_a_row_that_all_meet_is_damped():
    assert damping(np.array([0.01, 1.0], np.float32), 1000).tolist() == pytest.approx([1.0, 0.05])
