"""The torch engine draws what the native one draws, learns about what it learns, and gives the same bits."""

import itertools
import signal

import numpy as np
import pytest
import torch
from oracles import philox as oracle
from oracles import word2vec
from oracles.planted import recall

from fastnlp import Corpus, FastText, GloVe, Vocab, Word2Vec, _core
from fastnlp.models import Word2VecConfig
from fastnlp.models.word2vec import Word2VecTables
from fastnlp.sampling import AliasTable, keep_probabilities, noise_weights, subsample, windows
from fastnlp.training import DivergenceError
from fastnlp.training.native_engine import NativeEngine
from fastnlp.training.pieces import pieces_between
from fastnlp.training.torch_draws import Draws, philox, thresholds
from fastnlp.training.torch_engine import TorchEngine

CPU = torch.device("cpu")
SMALL = dict(dim=16, window=3, epochs=2, subsample=0, lr=0.05, threads=1)


def text(seed=3, vocabulary=30, sentences=40, longest=15):
    random = np.random.default_rng(seed)
    lines = [random.integers(vocabulary, size=random.integers(longest)).tolist() for _ in range(sentences)]
    ids = np.array([word for line in lines for word in line], np.int32)
    offsets = np.cumsum([0, *map(len, lines)]).astype(np.int64)
    counts = np.bincount(ids, minlength=vocabulary).astype(np.int64) + 1
    return lines, ids, offsets, counts


def draws(keep, noise=None, **changes):
    settings = dict(seed=7, window=3, shrink=True, negatives=5, shared_by="center", device=CPU)
    settings.update(set_size=1, set_step=1)
    return Draws(keep, noise, **{**settings, **changes})


def test_philox_is_the_core_s():
    seed, positions = 0x123456789ABCDEF0, [0, 7, 2**31, 2**40 + 5, 2**62]
    found = philox(seed, 1, 3, torch.tensor(positions), torch.tensor([0, 9, 1, 2**24 - 1, 5]))
    for i, (position, index) in enumerate(zip(positions, [0, 9, 1, 2**24 - 1, 5], strict=True)):
        assert [int(word[i]) for word in found] == oracle.block(seed, 1, 3, position, index)


def test_thresholds_are_the_core_s():
    probabilities = [0.0, 1e-12, 0.3, 1 - 2.0**-33, 1.0]
    assert thresholds(np.array(probabilities)).tolist() == [oracle.threshold(p) for p in probabilities]


@pytest.mark.parametrize("shrink", [True, False])
def test_tokens_and_windows_are_those_of_sampling(shrink):
    _, ids, offsets, counts = text(longest=60)
    keep = keep_probabilities(counts, 0.02, "word2vec")
    tokens = draws(keep, shrink=shrink).tokens(ids, offsets, 10_000, 0, len(ids), epoch=4)
    kept = subsample(ids, offsets, keep, seed=7, epoch=4)
    assert np.array_equal(tokens.word, kept.ids)
    assert np.array_equal(tokens.position, kept.positions)
    at, real = tokens.contexts(0, len(tokens), 3)
    theirs = windows(
        kept.ids, kept.sentence_offsets, 3, shrink=shrink, seed=7, epoch=4, positions=kept.positions
    )
    assert np.array_equal(tokens.word[at[real]], theirs.contexts)
    assert np.array_equal(real.sum(1)[real.any(1)], np.diff(theirs.context_offsets))


@pytest.mark.parametrize("vocabulary", [2, 5, 30, 80])
@pytest.mark.parametrize(("set_size", "set_step"), [(1, 1), (2, 1), (4, 1), (8, 16)])
def test_negatives_are_those_of_the_oracle(vocabulary, set_size, set_step):
    lines, ids, offsets, counts = text(vocabulary=vocabulary)
    if set_size > 1 and vocabulary < 64:
        pytest.skip("several centers take too much out of a small vocabulary")
    shared_by = "center" if set_size == 1 else "group" if set_step == 1 else "distant"
    noise = noise_weights(counts)
    table = AliasTable(noise)
    drawn = draws(np.ones(vocabulary), noise, shared_by=shared_by, set_size=set_size, set_step=set_step)
    tokens = drawn.tokens(ids, offsets, 10_000, 0, len(ids), epoch=1)
    met = word2vec.meetings(
        lines,
        np.ones(vocabulary),
        (table.thresholds, table.aliases),
        3,
        5,
        7,
        1,
        set_size=set_size,
        set_step=set_step,
    )
    assert np.array_equal(drawn.negatives(tokens, 1), [outputs[1:] for outputs in met.outputs])


def test_pairs_take_their_negatives_one_after_another():
    _, ids, offsets, counts = text()
    noise = noise_weights(counts)
    table = AliasTable(noise)
    drawn = draws(np.ones(30), noise, shared_by="pair")
    tokens = drawn.tokens(ids, offsets, 10_000, 0, len(ids), epoch=1)
    for position, (word, found) in enumerate(zip(tokens.word, drawn.negatives(tokens, 1), strict=True)):
        expected = word2vec.negatives_of(
            table.thresholds, table.aliases, 7, 1, position, [int(word)], len(found)
        )
        assert found.tolist() == expected


def test_a_center_that_holds_nearly_all_the_weight_still_gets_negatives():
    noise = np.array([0.0, 1.0, 1e-9, 1e-9])
    drawn = draws(np.ones(4), noise, negatives=3)
    tokens = drawn.tokens(np.array([1, 1], np.int32), np.array([0, 2], np.int64), 10, 0, 2, epoch=0)
    assert set(drawn.negatives(tokens, 0).flatten().tolist()) <= {2, 3}


@pytest.mark.parametrize("size", [1, 4, 50])
def test_every_piece_begins_in_one_unit(size):
    _, ids, offsets, _ = text(longest=40)
    bounds = [pieces_between(offsets, size, begin, begin + 7) for begin in range(0, len(ids), 7)]
    cut = [(a, b) for unit in bounds for a, b in itertools.pairwise(unit.tolist())]
    expected = [
        (begin, min(begin + size, end))
        for first, end in itertools.pairwise(offsets.tolist())
        for begin in range(first, end, size)
    ]
    assert cut == expected


MODELS = [
    {},
    {"negatives_shared_by": "center"},
    {"negatives_shared_by": "group"},
    {"negatives_shared_by": "pair"},
    {"architecture": "cbow"},
    {"architecture": "cbow", "negatives_shared_by": "center"},
    {"architecture": "cbow", "negatives_shared_by": "pair"},
    {"architecture": "cbow", "cbow_contexts": "mean"},
    {"architecture": "cbow", "cbow_contexts": "sum"},
    {"loss": "hs"},
    {"architecture": "cbow", "loss": "hs"},
]


@pytest.mark.parametrize("settings", MODELS)
def test_it_keeps_what_the_native_engine_keeps_and_learns_about_as_much(groups, settings):
    part = Corpus.from_ids(groups.ids[:9000], [*range(0, 9001, 12)], groups.vocab)
    native, ours = (
        Word2Vec(**{**SMALL, **settings}, engine=engine).fit(part) for engine in ("native", "torch")
    )
    for theirs, mine in zip(native.history, ours.history, strict=True):
        assert (mine.kept, mine.pairs) == (theirs.kept, theirs.pairs)
    assert ours.history[-1].loss == pytest.approx(native.history[-1].loss, rel=0.08)
    assert recall(ours.vectors) == recall(native.vectors) == 1.0


@pytest.mark.parametrize("composition", ["mean", "sum"])
def test_subwords_learn_about_as_much(groups, composition):
    random = np.random.default_rng(0)
    names = ["".join(map(chr, random.integers(97, 123, 6))) for _ in groups.vocab.tokens]
    spelled = Vocab(names, groups.vocab.counts)
    part = Corpus.from_ids(groups.ids[:9000], [*range(0, 9001, 12)], spelled)
    model = FastText(**{**SMALL, "lr": 0.02, "epochs": 3}, buckets=5000, composition=composition)
    losses = []
    for make in (NativeEngine, TorchEngine):
        tables = model._new_tables(spelled)
        engine = make(
            model.config, part, tables, **({"threads": 1} if make is NativeEngine else {"block": 64})
        )
        first, _, last = (engine.train(epoch, 0, 1e9) for epoch in range(3))
        assert (last.kept, last.next_unit) == (9000, engine.units)
        losses.append(last.loss / last.loss_pairs)
    assert losses[1] == pytest.approx(losses[0], rel=0.08)
    assert losses[0] < 0.7 * first.loss / first.loss_pairs


@pytest.mark.parametrize("symmetric", [True, False])
def test_glove_learns_about_as_much(groups, symmetric):
    settings = dict(dim=16, window=5, epochs=12, threads=1, symmetric=symmetric)
    native, ours = (GloVe(**settings, engine=engine).fit(groups) for engine in ("native", "torch"))
    assert ours.history[-1].pairs == native.history[-1].pairs
    assert ours.history[-1].loss < 1.2 * native.history[-1].loss


@pytest.mark.parametrize("settings", [{}, {"architecture": "cbow"}, {"loss": "hs"}])
def test_a_block_of_one_center_is_the_gradient_step_of_the_oracle(settings):
    """One center at a time and no step behind: the plain stochastic gradient of Mikolov et al."""
    lines = text(vocabulary=12, sentences=6)[0]
    corpus = Corpus.from_text([[str(word) for word in line] for line in lines], min_count=1)
    config = Word2VecConfig(dim=4, window=2, subsample=0, lr=0.1, negatives_shared_by="center", **settings)
    model = Word2Vec(**config.to_dict())
    tables = model._new_tables(corpus.vocab)
    engine = TorchEngine(config, corpus, tables, block=1)
    v, u = tables.input.astype(float), tables.output.astype(float)
    engine.train(0, 0, 1e9)
    tokens = engine._draws.tokens(corpus.ids, corpus.sentence_offsets, 10_000, 0, corpus.n_tokens, 0)
    drawn = None if tables.tree else engine._draws.negatives(tokens, 0)
    for c in range(len(tokens)):
        at, real = tokens.contexts(c, c + 1, 2)
        contexts = tokens.word[at[real]].tolist()
        word = int(tokens.word[c])
        if drawn is None:
            outputs = [(int(step) >> 1, 1 - (int(step) & 1)) for step in tables.tree.steps(word)]
        else:
            outputs = [(word, 1), *((int(other), 0) for other in drawn[c])]
        xs = [v[w].copy() for w in contexts]
        if "architecture" in settings and xs:
            xs = [np.mean(xs, 0)]
        steps, moves = [np.zeros(4) for _ in xs], []
        for x, step in zip(xs, steps, strict=True):
            for row, label in outputs:
                g = 0.1 * (label - word2vec.sigmoid(x @ u[row]))
                step += g * u[row]
                moves.append((row, g * x))
        for row, move in moves:
            u[row] += move
        for w, step in zip(
            contexts, steps if len(steps) == len(contexts) else steps * len(contexts), strict=True
        ):
            v[w] += step
    np.testing.assert_allclose(tables.input, v, atol=1e-5)
    np.testing.assert_allclose(tables.output, u, atol=1e-5)


def bits(model):
    return model.vectors.vectors.tobytes() + model.context_vectors.vectors.tobytes()


def test_equal_runs_give_equal_bits_however_they_are_cut(groups, monkeypatch):
    part = Corpus.from_ids(groups.ids[:9000], [*range(0, 9001, 12)], groups.vocab)
    settings = {**SMALL, "deterministic": True, "engine": "torch"}
    whole = Word2Vec(**settings).fit(part)
    monkeypatch.setattr("fastnlp.training.loop._SLICE", 0.0)
    assert bits(Word2Vec(**settings).fit(part)) == bits(whole)
    assert bits(Word2Vec(**settings, seed=2).fit(part)) != bits(whole)


def test_a_run_that_was_stopped_goes_on_to_the_same_bits_or_by_another_engine(groups, tmp_path, monkeypatch):
    monkeypatch.setattr("fastnlp.training.loop._SLICE", 0.0)
    part = Corpus.from_ids(groups.ids[:9000], [*range(0, 9001, 12)], groups.vocab)
    whole = Word2Vec(**SMALL, engine="torch").fit(part)
    file = tmp_path / "run.npz"

    def press(now):
        if now.fraction > 0.4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Word2Vec(**SMALL, engine="torch").fit(part, checkpoint=file, callbacks=[press])
    kept = file.read_bytes()
    assert bits(Word2Vec(**SMALL, engine="torch").fit(part, checkpoint=file, resume=True)) == bits(whole)
    file.write_bytes(kept)
    other = Word2Vec(**SMALL, engine="native").fit(part, checkpoint=file, resume=True)
    assert recall(other.vectors) == 1.0
    assert [report.pairs for report in other.history] == [report.pairs for report in whole.history]


def test_a_learning_rate_that_diverges_is_said(groups):
    with pytest.raises(DivergenceError, match="lr: training diverged with"):
        Word2Vec(**{**SMALL, "lr": 1e3}, engine="torch").fit(groups)


def test_deterministic_units_are_the_same_for_both_engines(groups):
    config = Word2VecConfig(dim=8, deterministic=True)
    tables = Word2VecTables(len(groups.vocab), 8, 1)
    native, ours = NativeEngine(config, groups, tables, 1), TorchEngine(config, groups, tables)
    assert (ours.units, ours.size, ours.position(3)) == (native.units, native.size, native.position(3))
    assert ours.lr_at(1, 5) == native.lr_at(1, 5)


def test_a_slice_may_be_told_where_to_stop(groups):
    config = Word2VecConfig(dim=8)
    tables = Word2VecTables(len(groups.vocab), 8, 1)
    for engine in (NativeEngine(config, groups, tables, 1), TorchEngine(config, groups, tables)):
        assert engine.train(0, 1, 1e9, stop=3).next_unit == 3
    with pytest.raises(ValueError, match="stop: expected 1 to"):
        NativeEngine(config, groups, tables, 1).train(0, 1, 1e9, stop=0)


def test_the_order_of_glove_is_the_native_one(groups, tmp_path):
    from oracles import glove

    from fastnlp.sampling import Cooccurrences
    from fastnlp.training.glove_units import GloVeUnits

    model = GloVe(dim=8, window=3)
    matrix = Cooccurrences.from_corpus(groups, window=3)
    units = GloVeUnits(model.config, matrix, model._new_tables(groups.vocab))
    pitch = _core.glove_pitch(8)
    plan = glove.units_of(matrix.row_offsets.tolist(), matrix.columns.tolist(), len(groups.vocab), pitch, 1)
    order = _core.permutation(units.units, 1, 2).tolist()
    for place, index in enumerate(order):
        rows, firsts, sizes, columns, counts = units._native.read(2, place)
        at = np.concatenate([np.arange(a, a + n) for a, n in zip(firsts, sizes, strict=True)])
        runs = glove.in_order(plan[index], index, 1, 2)
        assert rows.tolist() == [row for row, _, _ in runs]
        assert sizes.tolist() == [end - first for _, first, end in runs]
        assert columns[at].tolist() == [int(matrix.columns[k]) for _, a, b in runs for k in range(a, b)]
        assert counts[at].tolist() == [np.float32(matrix.counts[k]) for _, a, b in runs for k in range(a, b)]
    with pytest.raises(ValueError, match="unit: expected 0 to"):
        units._native.read(0, units.units)
