import signal

import numpy as np
import pytest
from oracles import glove as oracle
from oracles.planted import recall

from fastnlp import Corpus, GloVe, Vocab, _core
from fastnlp.models import GloVeConfig, GloVeTables, glove_loss, glove_weight
from fastnlp.sampling import Cooccurrences, permutation
from fastnlp.training import DivergenceError
from fastnlp.training.glove_engine import GloVeEngine

SMALL = dict(dim=8, window=3, epochs=2, threads=1)


def random_matrix(vocabulary, entries, symmetric, seed=3, scale=50.0):
    random = np.random.default_rng(seed)
    ids = np.minimum(random.zipf(1.3, entries) - 1, vocabulary - 1).astype(np.int32)
    corpus = Corpus.from_ids(ids, [0, len(ids)], Vocab([f"w{i}" for i in range(vocabulary)]))
    matrix = Cooccurrences.from_corpus(corpus, window=4, symmetric=symmetric, threads=1)
    counts = matrix.counts * random.lognormal(0.0, 1.0, len(matrix.counts)) * scale
    return Cooccurrences(matrix.row_offsets, matrix.columns, counts, symmetric, matrix.folder), matrix


def native(matrix, dim, simd, memory=1 << 24, **options):
    settings = dict(x_max=100.0, alpha=0.75, lr=0.05, clip=100.0, seed=7)
    model = _core.Glove(
        matrix.paths(),
        matrix.HEADER_BYTES,
        len(matrix.row_offsets) - 1,
        dim=dim,
        symmetric=matrix.symmetric,
        memory=memory,
        temporary="/tmp",
        simd=simd,
        **{**settings, **options},
    )
    while model.prepare(0.0) < 1.0:
        pass
    return model


def trained(model, tables, epoch=0, threads=1, seconds=10.0):
    unit, reports = 0, []
    while unit < model.units:
        reports.append(model.train(tables.padded, epoch, unit, threads, seconds))
        unit = reports[-1].next_unit
    return reports


@pytest.mark.parametrize("simd", _core.simd_supported())
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(
    ("dim", "vocabulary", "tokens", "options"),
    [
        (5, 40, 500, {}),
        (14, 40, 500, {"x_max": 3.0, "alpha": 0.5, "lr": 0.2}),
        (32, 300, 900, {"clip": 1e-3}),
        (5000, 250, 1500, {}),
    ],
)
def test_an_epoch_is_that_of_the_oracle(simd, symmetric, dim, vocabulary, tokens, options):
    _, matrix = random_matrix(vocabulary, tokens, symmetric)
    model = native(matrix, dim, simd, **options)
    tables = GloVeTables(vocabulary, dim, seed=2)
    expected = {name: array.astype(np.float64) for name, array in tables.arrays().items()}
    for epoch in range(2):
        (report,) = trained(model, tables, epoch)
        order = permutation(model.units, seed=7, epoch=epoch).tolist()
        loss = oracle.train(
            expected, matrix, order, _core.glove_pitch(dim), 7, epoch, **{"lr": 0.05, **options}
        )
        assert report.loss == pytest.approx(loss, rel=1e-3)
        assert report.pairs == report.loss_pairs == model.records == len(matrix)
    if dim == 5000:
        assert model.units > 2
    for name, array in tables.arrays().items():
        # An inverse root is good to 4e-4, so a step is.
        scale = np.abs(expected[name]).max()
        assert np.abs(array - expected[name]).max() < 4e-3 * scale, name


def test_what_stays_stays():
    _, matrix = random_matrix(40, 500, True)
    tables = GloVeTables(40, 5, seed=2)
    trained(native(matrix, 5, ""), tables)
    parts = tables.padded.reshape(40, 4, -1)
    assert (parts[:, 0, 6] == 1).all() and (parts[:, 2, 5] == 1).all()
    assert not parts[:, [0, 2], 7:].any()
    assert (parts[:, [1, 3], 7:] == 1).all()


def test_a_step_goes_down_the_gradient_of_the_loss():
    """By finite differences: AdaGrad's first step is the gradient of half the loss, times the rate."""
    random = np.random.default_rng(0)
    p = {
        name: random.normal(size=(2, 6) if name in ("words", "contexts") else 2)
        for name in ("words", "contexts", "word_biases", "context_biases")
    }
    for side in ("word", "context"):
        p[f"{side}_squares"], p[f"{side}_bias_squares"] = np.ones((2, 6)), np.ones(2)
    before = {name: array.copy() for name, array in p.items()}

    def loss(q, x):
        u, v = q["words"][0], q["contexts"][1]
        return 0.5 * float(glove_loss(u, v, q["word_biases"][0], q["context_biases"][1], x))

    for x in (3.0, 400.0):
        q = {name: array.copy() for name, array in before.items()}
        assert oracle.step(q, 0, 1, x, 0.05, 100.0, 0.75, 1e9) == pytest.approx(loss(before, x))
        for name, rate in (("words", 0.05), ("contexts", 0.05), ("word_biases", 1), ("context_biases", 1)):
            for place in np.ndindex(before[name].shape):
                ends = []
                for change in (1e-6, -1e-6):
                    moved = {key: array.copy() for key, array in before.items()}
                    moved[name][place] += change
                    ends.append(loss(moved, x))
                gradient = (ends[0] - ends[1]) / 2e-6
                assert before[name][place] - q[name][place] == pytest.approx(rate * gradient, abs=1e-7)


def test_slices_and_memory_do_not_show():
    _, matrix = random_matrix(250, 1500, True)
    tables = [GloVeTables(250, 5000, seed=2) for _ in range(3)]
    trained(native(matrix, 5000, ""), tables[0])
    reports = trained(native(matrix, 5000, ""), tables[1], seconds=0.0)
    assert len(reports) > 2
    trained(native(matrix, 5000, "", memory=1), tables[2])
    assert np.array_equal(tables[0].padded, tables[1].padded)
    assert np.array_equal(tables[0].padded, tables[2].padded)


def test_every_pair_is_trained_once_an_epoch_by_any_number_of_threads():
    _, matrix = random_matrix(250, 1500, False)
    model = native(matrix, 5000, "")
    for threads in (1, 3):
        reports = trained(model, GloVeTables(250, 5000, seed=2), threads=threads)
        assert sum(report.pairs for report in reports) == len(matrix)


def test_the_first_parameters_are_those_of_a_word(groups):
    one, other = GloVeTables(9, 20, seed=1), GloVeTables(5, 20, seed=1, threads=2)
    assert np.array_equal(one.padded[:5], other.padded)
    assert not np.array_equal(one.words, GloVeTables(9, 20, seed=2).words)
    everything = np.concatenate([one.words.ravel(), one.contexts.ravel(), one.word_biases])
    assert np.abs(everything).max() <= 0.5 / 20 and len(np.unique(everything)) > 0.9 * len(everything)
    assert (one.arrays()["word_squares"] == 1).all()


def mixed_groups(sentences=4000, seed=0):
    """Words of one group, now and then one of any: absent pairs teach GloVe nothing."""
    random = np.random.default_rng(seed)
    for _ in range(sentences):
        group = random.integers(6, size=12)
        group[random.random(12) < 0.7] = group[0]
        yield [f"g{g}w{w}" for g, w in zip(group, random.integers(8, size=12), strict=True)]


def test_planted_groups_are_found():
    corpus = Corpus.from_text(mixed_groups(), min_count=1)
    for threads in (1, 2):
        model = GloVe(dim=16, window=5, epochs=100, threads=threads).fit(corpus)
        assert recall(model.vectors) == 1.0
        losses = [report.loss for report in model.history]
        assert losses[-1] < 0.1 * losses[0]


def test_a_rate_far_too_large_is_refused(groups):
    with pytest.raises(DivergenceError, match=r"lr: training diverged with 0\.5.*the default is 0\.05"):
        GloVe(dim=16, lr=0.5, epochs=200, threads=1).fit(groups)


def test_one_thread_gives_the_same_bits(groups):
    first, again = (GloVe(**SMALL).fit(groups) for _ in range(2))
    assert np.array_equal(first.vectors.vectors, again.vectors.vectors)
    other = GloVe(**SMALL, seed=2).fit(groups)
    assert not np.array_equal(first.vectors.vectors, other.vectors.vectors)


def test_a_run_that_was_stopped_resumes_to_the_same_bits(groups, tmp_path, monkeypatch):
    whole = GloVe(**SMALL).fit(groups)
    path = tmp_path / "run"
    monkeypatch.setattr("fastnlp.training.loop._SLICE", 0.0)

    def press(now):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        GloVe(**SMALL).fit(groups, checkpoint=path, callbacks=[press])
    resumed = GloVe(**SMALL).fit(groups, checkpoint=path, resume=True)
    assert np.array_equal(resumed.vectors.vectors, whole.vectors.vectors)
    loaded = GloVe.load(path, threads=1)
    assert np.array_equal(loaded.vectors.vectors, whole.vectors.vectors)
    for name, array in loaded._tables.arrays().items():
        assert np.array_equal(array, whole._tables.arrays()[name]), name


def test_new_words_join_the_old_ones(groups):
    model = GloVe(**SMALL).fit(groups)
    model.partial_fit(Corpus.from_text(["new words g0w0 new", "g0w1 words"] * 20, min_count=1), epochs=3)
    assert set(model.vectors.index_to_key) > {"new", "words", "g0w0"}
    assert len(model.history) == 5


def test_counts_of_another_program_give_the_same_model(groups):
    matrix = Cooccurrences.from_corpus(groups, window=3, threads=1)
    direct = GloVe(**SMALL).fit(groups)
    counted = GloVe(**SMALL).fit_cooccurrences(matrix, groups.vocab)
    assert np.array_equal(direct.vectors.vectors, counted.vectors.vectors)
    full = Cooccurrences.from_records(matrix.records(), len(groups.vocab))
    assert not full.symmetric and len(full) == len(matrix)
    assert GloVe(**SMALL).fit_cooccurrences(full, groups.vocab).history[0].pairs == len(matrix)


def test_vectors_are_the_sum_or_either(groups):
    models = {name: GloVe(**SMALL, combine=name).fit(groups) for name in ("sum", "words", "contexts")}
    words, contexts = (models[name].vectors.vectors for name in ("words", "contexts"))
    assert np.array_equal(models["sum"].vectors.vectors, words + contexts)
    assert np.array_equal(models["sum"].context_vectors.vectors, contexts)


def test_settings_of_the_counts_reach_them(groups):
    usual, *others = (
        GloVe(**{**SMALL, "epochs": 1, **more}).fit(groups).history[0]
        for more in ({}, {"window": 1}, {"symmetric": False}, {"bounds": "document"}, {"weighting": "flat"})
    )
    assert len({report.loss for report in (usual, *others)}) == 5
    assert others[2].pairs > usual.pairs  # windows that reach into sentences of another group


def test_weight_and_loss_are_those_of_the_paper():
    assert glove_weight([0.0, 1.0, 99.0, 100.0, 1e9]) == pytest.approx([0, 0.01**0.75, 0.99**0.75, 1, 1])
    loss = glove_loss(np.array([1.0, 2.0]), np.array([3.0, -1.0]), np.array(0.5), np.array(-0.25), 20.0)
    assert float(loss) == pytest.approx(0.2**0.75 * (3 - 2 + 0.25 - np.log(20.0)) ** 2)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dim": 0}, ValueError, "dim: expected a whole number from 1"),
        ({"dim": 2.5}, TypeError, "dim: expected a whole number"),
        ({"x_max": 0}, ValueError, "x_max: expected a number"),
        ({"alpha": -1}, ValueError, "alpha"),
        ({"lr": float("nan")}, ValueError, "lr"),
        ({"combine": "both"}, ValueError, "combine: expected 'sum' or 'words' or 'contexts', got 'both'"),
        ({"symmetric": 1}, TypeError, "symmetric: expected True or False"),
        ({"bounds": "page"}, ValueError, "bounds"),
        ({"weighting": 1}, ValueError, "weighting"),
        ({"device": "tpu"}, ValueError, "device"),
    ],
)
def test_wrong_settings_are_named(options, error, message):
    with pytest.raises(error, match=message):
        GloVe(**options)


def test_what_cannot_be_trained_is_refused(groups):
    with pytest.raises(TypeError, match="matrix: expected a Cooccurrences, got ndarray"):
        GloVe().fit_cooccurrences(np.eye(3), groups.vocab)
    matrix = Cooccurrences.from_corpus(groups)
    with pytest.raises(ValueError, match="cooccurrences: expected a row for each of the 2 words"):
        GloVe().fit_cooccurrences(matrix, Vocab(["a", "b"]))
    with pytest.raises(ValueError, match="corpus: expected words that stand near each other"):
        GloVe().fit(Corpus.from_text(["a", "b"], min_count=1))
    model = native(matrix, 8, "")
    table = GloVeTables(len(groups.vocab), 8, seed=1).padded
    for wrong, message in ((table[1:], "table: expected"), (table[:, :48].copy(), "table: expected 64 col")):
        with pytest.raises(ValueError, match=message):
            model.train(wrong, 0, 0, 1, 1.0)
    for arguments, message in (((0, -1, 1), "unit"), ((-1, 0, 1), "epoch"), ((0, 0, 0), "threads")):
        with pytest.raises(ValueError, match=message):
            model.train(table, *arguments, 1.0)
    with pytest.raises(ValueError, match="simd"):
        native(matrix, 8, "sse9")
    with pytest.raises(ValueError, match="lr: expected a positive"):
        native(matrix, 8, "", lr=0.0)


@pytest.mark.parametrize(
    ("name", "at", "value", "message"),
    [
        ("columns.npy", 3, np.int32(-1), r"columns of row \d+\[\d\]: expected rising ids"),
        ("columns.npy", 3, np.int32(99), "columns of row"),
        ("counts.npy", 3, np.float64("nan"), r"counts of row \d+\[\d\]: expected a finite number above 0"),
        ("counts.npy", 3, np.float64(0.0), "counts of row"),
        ("row_offsets.npy", 0, np.int64(1), "offsets"),
        ("row_offsets.npy", 2, np.int64(-5), "row_offsets"),
        ("row_offsets.npy", 2, np.int64(1 << 60), "row_offsets"),
    ],
)
def test_a_damaged_matrix_is_refused_with_the_place(groups, tmp_path, name, at, value, message):
    matrix = Cooccurrences.from_corpus(groups, tmp_path / "x")
    path = tmp_path / "x" / name
    content = bytearray(path.read_bytes())
    start = matrix.HEADER_BYTES + at * value.nbytes
    content[start : start + value.nbytes] = value.tobytes()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        GloVe().fit_cooccurrences(Cooccurrences.open(tmp_path / "x"), groups.vocab)


def test_a_matrix_that_was_cut_short_meanwhile_is_refused(groups, tmp_path):
    matrix = Cooccurrences.from_corpus(groups, tmp_path / "x")
    path = tmp_path / "x" / "columns.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"columns\.npy: ends at byte"):
        GloVe().fit_cooccurrences(matrix, groups.vocab)


def test_ctrl_c_while_shuffling(groups):
    matrix = Cooccurrences.from_corpus(groups)

    def press(done):
        signal.raise_signal(signal.SIGINT)

    tables = GloVeTables(len(groups.vocab), 8, seed=1)
    with pytest.raises(KeyboardInterrupt):
        GloVeEngine(GloVeConfig(dim=8), matrix, tables, 1, progress=press)
