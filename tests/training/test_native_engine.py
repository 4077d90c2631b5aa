import itertools

import numpy as np
import pytest
from oracles import philox, word2vec

from fastnlp import _core
from fastnlp.models import negative_sampling_loss
from fastnlp.sampling import AliasTable, keep_probabilities, noise_weights

LANES = {"avx512": 16, "avx2": 8, "baseline": 4}
SIMD = [name for name in ("avx512", "avx2", "baseline") if name in _core.simd_supported()]


def aligned(values, pitch):
    buffer = np.zeros(len(values) * pitch + 16, np.float32)
    start = -buffer.ctypes.data // 4 % 16
    table = buffer[start : start + len(values) * pitch].reshape(len(values), pitch)
    table[:, : values.shape[1]] = values
    return table


def problem(seed=3, vocabulary=30, sentences=40, dim=20, longest=15, frequent=0):
    """Random text, every second word of which is one of the `frequent` first ones, if there are any."""
    random = np.random.default_rng(seed)
    text = [random.integers(vocabulary, size=random.integers(longest)).tolist() for _ in range(sentences)]
    if frequent:
        text = [[word % frequent if i % 2 else word for i, word in enumerate(s)] for s in text]
    counts = np.bincount([w for s in text for w in s], minlength=vocabulary).astype(np.int64) + 1
    ids = np.array([w for s in text for w in s], np.int32)
    offsets = np.cumsum([0, *map(len, text)]).astype(np.int64)
    tables = [random.normal(scale=0.3, size=(vocabulary, dim)) for _ in range(2)]
    return text, counts, ids, offsets, tables


def engine(ids, offsets, keep, noise, simd="", **options):
    settings = dict(
        dim=20, window=3, shrink=True, negatives=5, shared_by="center", seed=7, lr=0.05, min_lr=0.0, epochs=2
    )
    return _core.Word2Vec(ids, offsets, keep, noise, simd=simd, **{**settings, **options})


@pytest.mark.parametrize("simd", SIMD)
@pytest.mark.parametrize("dim", [1, 20, 48])
@pytest.mark.parametrize("negatives", [1, 5, 6, 13])
@pytest.mark.parametrize("window", [1, 3, 40])
def test_an_epoch_equals_the_scalar_oracle(simd, dim, negatives, window):
    text, counts, ids, offsets, (v, u) = problem(dim=dim)
    keep = keep_probabilities(counts, 0.02, "word2vec")
    noise = noise_weights(counts)
    alias = AliasTable(noise)
    model = engine(ids, offsets, keep, noise, simd, dim=dim, negatives=negatives, window=window)
    pitch = -(-dim // 16) * 16
    ours = aligned(v, pitch), aligned(u, pitch)
    report = model.train(*ours, 1, 0, 1, 1e9)

    table = alias.thresholds, alias.aliases
    met = word2vec.meetings(text, keep, table, window, negatives, seed=7, epoch=1)
    theirs_v, theirs_u = v.copy(), u.copy()
    word2vec.train_unit(met, theirs_v, theirs_u, model.lr_at(1, 0), window, LANES[simd])
    assert report.kept == len(met.words)
    assert report.pairs == sum(map(len, met.slots))
    np.testing.assert_allclose(ours[0][:, :dim], theirs_v, atol=2e-5, rtol=0)
    np.testing.assert_allclose(ours[1][:, :dim], theirs_u, atol=2e-5, rtol=0)
    assert not ours[0][:, dim:].any()
    assert not ours[1][:, dim:].any()


# Every architecture with every loss, each with a vocabulary in which several centers share negatives.
COMBINATIONS = [
    (contexts, loss)
    for contexts in (None, "mean", "word2vec", "sum")
    for loss in ("center", "group", "distant", "hs")
    if (contexts, loss) != (None, "center")
]


def set_shape(loss, contexts):
    """How many centers share negatives, and how far apart they stand, at a window of 4."""
    return {"group": (4 if contexts is None else 2, 1), "distant": (8, 16)}.get(loss, (1, 1))


@pytest.mark.parametrize("simd", SIMD)
@pytest.mark.parametrize("dim", [1, 20, 100])
@pytest.mark.parametrize(("contexts", "loss"), COMBINATIONS)
def test_an_epoch_of_any_model_equals_the_scalar_oracle(simd, dim, contexts, loss):
    text, counts, ids, offsets, (v, u) = problem(vocabulary=140, sentences=60, dim=dim)
    keep = keep_probabilities(counts, 0.02, "word2vec")
    noise = noise_weights(counts)
    alias = AliasTable(noise)
    settings = dict(dim=dim, window=4, lr=0.02)
    tree = None
    if contexts is not None:
        settings.update(architecture="cbow", cbow_contexts=contexts)
    if loss == "hs":
        links = _core.huffman_links(counts)
        path, path_offsets = _core.tree_paths(links, 140)
        noise, settings["path"], settings["path_offsets"] = None, path, path_offsets
        tree = [[divmod(step, 2) for step in path[a:b].tolist()] for a, b in itertools.pairwise(path_offsets)]
    else:
        settings["shared_by"] = loss
    model = engine(ids, offsets, keep, noise, simd, **settings)
    pitch = -(-dim // 16) * 16
    ours = aligned(v, pitch), aligned(u, pitch)
    report = model.train(*ours, 1, 0, 1, 1e9)

    table = alias.thresholds, alias.aliases
    size, step = set_shape(loss, contexts)
    assert loss == "hs" or (model.set_size, model.set_step) == (size, step)
    met = word2vec.meetings(text, keep, table, 4, 5, 7, 1, tree=tree, set_size=size, set_step=step)
    theirs_v, theirs_u = v.copy(), u.copy()
    word2vec.train_unit(
        met,
        theirs_v,
        theirs_u,
        model.lr_at(1, 0),
        4,
        LANES[simd],
        cbow=contexts,
        set_size=size if step == 1 else 1,
    )
    predictions = [len(slots) if contexts is None else min(1, len(slots)) for slots in met.slots]
    assert report.pairs == sum(predictions)
    np.testing.assert_allclose(ours[0][:, :dim], theirs_v, atol=2e-5, rtol=0)
    np.testing.assert_allclose(ours[1][:, :dim], theirs_u, atol=2e-5, rtol=0)


def test_several_centers_are_the_center_alone_where_the_vocabulary_is_small():
    _, counts, ids, offsets, (v, u) = problem()
    results = []
    for shared_by in ("center", "group", "distant"):
        tables = aligned(v, 32), aligned(u, 32)
        engine(ids, offsets, np.ones(30), noise_weights(counts), shared_by=shared_by).train(
            *tables, 0, 0, 1, 9.0
        )
        results.append(np.concatenate(tables))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize("window", [4, 9])
@pytest.mark.parametrize("shared_by", ["center", "group", "distant"])
def test_negatives_of_a_unit_longer_than_what_is_drawn_at_a_time_equal_the_oracles(shared_by, window):
    text, counts, ids, offsets, (v, u) = problem(vocabulary=200, sentences=300, dim=4)
    noise = noise_weights(counts)
    alias = AliasTable(noise)
    model = engine(ids, offsets, np.ones(200), noise, shared_by=shared_by, dim=4, window=window, lr=0.01)
    ours = aligned(v, 16), aligned(u, 16)
    report = model.train(*ours, 1, 0, 1, 1e9)
    assert report.kept > 1100
    table, step = (alias.thresholds, alias.aliases), model.set_step
    met = word2vec.meetings(
        text, np.ones(200), table, window, 5, 7, 1, set_size=model.set_size, set_step=step
    )
    size = model.set_size if step == 1 else 1
    word2vec.train_unit(met, v, u, model.lr_at(1, 0), window, LANES[SIMD[0]], set_size=size)
    for mine, true in zip(ours, (v, u), strict=True):
        np.testing.assert_allclose(mine[:, :4], true, atol=2e-5, rtol=0)


@pytest.mark.parametrize(("window", "step"), [(1, 16), (7, 16), (8, 32), (15, 32), (16, 32), (1000, 32)])
def test_the_windows_of_distant_centers_do_not_overlap(window, step):
    _, counts, ids, offsets, _ = problem(vocabulary=140)
    model = engine(ids, offsets, np.ones(140), noise_weights(counts), shared_by="distant", window=window)
    assert (model.set_size, model.set_step) == (8, step)


@pytest.mark.parametrize("shared_by", ["center", "pair"])
def test_a_small_step_is_the_gradient_of_the_loss(shared_by):
    """Two words: each is the other's only context, so the whole update is one gradient step on four terms."""
    random = np.random.default_rng(0)
    v, u = random.normal(size=(2, 5, 16))
    ids, offsets = np.array([1, 3], np.int32), np.array([0, 2], np.int64)
    noise = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    alias = AliasTable(noise)
    model = engine(
        ids, offsets, np.ones(5), noise, dim=16, window=1, negatives=4, shared_by=shared_by, lr=1e-3, epochs=1
    )
    ours = aligned(v, 16), aligned(u, 16)
    model.train(*ours, 0, 0, 1, 1e9)

    def loss(tables):
        total = 0.0
        for position, (center, context) in enumerate([(1, 3), (3, 1)]):
            noise_ids = word2vec.negatives_of(alias.thresholds, alias.aliases, 7, 0, position, [center], 4)
            total += negative_sampling_loss(tables[0][context], tables[1][center], tables[1][noise_ids])
        return float(total)

    point = np.array([v, u])
    for index in np.ndindex(point.shape):
        up, down = point.copy(), point.copy()
        up[index] += 1e-5
        down[index] -= 1e-5
        slope = (loss(up) - loss(down)) / 2e-5
        step = ours[index[0]][index[1:]] - np.float32(point[index])
        assert step == pytest.approx(-1e-3 * slope, abs=1e-5)


@pytest.mark.parametrize("simd", SIMD)
def test_slices_and_restarts_change_no_bit(simd):
    _, counts, ids, offsets, (v, u) = problem(sentences=5000)
    results = []
    for seconds in (1e9, 0.0):
        model = engine(ids, offsets, np.ones(30), noise_weights(counts), simd)
        assert model.units > 2
        tables = aligned(v, 32), aligned(u, 32)
        for epoch in range(2):
            unit = 0
            while unit < model.units:
                unit = model.train(*tables, epoch, unit, 1, seconds).next_unit
        results.append(np.concatenate(tables))
    assert results[0].tobytes() == results[1].tobytes()


def test_a_sentence_longer_than_a_piece_is_trained_to_its_end():
    ids = np.tile(np.arange(3, dtype=np.int32), 11_000)
    offsets = np.array([0, len(ids)], np.int64)
    model = engine(ids, offsets, np.ones(3), np.ones(3), shrink=False, window=2)
    tables = aligned(np.zeros((3, 20)), 32), aligned(np.zeros((3, 20)), 32)
    report = model.train(*tables, 0, 0, 2, 1e9)
    pieces = -(-len(ids) // model.piece_size)
    assert report.kept == len(ids)
    assert report.pairs == 4 * len(ids) - 6 * pieces


@pytest.mark.parametrize(("dim", "window"), [(20, 3), (300, 100)])
def test_every_sentence_is_trained_once_wherever_units_end(dim, window):
    """Sentences lie across the bounds of units; the last unit is short, and wide windows shorten all."""
    random = np.random.default_rng(4)
    lengths = random.integers(1, 30, size=1600)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = random.integers(30, size=offsets[-1], dtype=np.int32)
    model = engine(ids, offsets, np.ones(30), np.ones(30), dim=dim, window=window, shrink=False, negatives=5)
    bounds = np.arange(1, model.units) * model.unit_size
    assert len(np.setdiff1d(bounds, offsets)) > 1
    tables = [aligned(np.zeros((30, dim)), -(-dim // 16) * 16) for _ in range(2)]
    report = model.train(*tables, 0, 0, 1, 1e9)
    assert report.kept == len(ids)
    assert report.pairs == sum(2 * min(i, window) for n in lengths for i in range(n))


def test_initial_tables_are_the_stream_of_their_row():
    table = aligned(np.ones((4, 20)), 32)
    _core.fill_uniform(table, 20, 0.5, 99, 2)
    for row in range(4):
        for d in range(20):
            word = philox.word(99, philox.TABLES, 0, row, d)
            assert table[row, d] == np.float32(((word >> 8) * 2.0**-24 * 2 - 1) * 0.5)
    assert not table[:, 20:].any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"ids": np.array([0, 5], np.int32)}, IndexError, r"ids\[1\]: expected an id in \[0, 5\), got 5"),
        ({"ids": np.array([0, -1], np.int32)}, IndexError, r"ids\[1\]: .* got -1"),
        ({"offsets": np.array([0, 3], np.int64)}, ValueError, r"sentence_offsets\[-1\]: expected 2"),
        ({"offsets": np.array([0, 2, 1, 2], np.int64)}, ValueError, r"sentence_offsets\[2\]"),
        ({"keep": np.array([1, 1, np.nan, 1, 1])}, ValueError, r"keep\[2\]: expected a probability"),
        ({"noise": np.array([1, 1, -1.0, 1, 1])}, ValueError, r"weights\[2\]"),
        ({"noise": np.array([0, 0, 1.0, 0, 0])}, ValueError, "at least two words"),
        ({"simd": "mmx"}, ValueError, "simd: expected an instruction set"),
        ({"lr": np.inf}, ValueError, "lr: expected a positive, finite number"),
        ({"dim": 0}, ValueError, "dim: expected a number from 1"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, error, message):
    arguments = {
        "ids": np.array([0, 1], np.int32),
        "offsets": np.array([0, 2], np.int64),
        "keep": np.ones(5),
        "noise": np.ones(5),
    }
    with pytest.raises(error, match=message):
        engine(**{**arguments, **change})


def test_tables_of_another_shape_or_alignment_are_refused():
    model = engine(np.array([0, 1], np.int32), np.array([0, 2], np.int64), np.ones(5), np.ones(5))
    good, short = aligned(np.zeros((5, 20)), 32), aligned(np.zeros((4, 20)), 32)
    with pytest.raises(ValueError, match="input: expected 5 rows"):
        model.train(short, good, 0, 0, 1, 0.0)
    with pytest.raises(ValueError, match="output: expected 5 rows"):
        model.train(good, short, 0, 0, 1, 0.0)
    with pytest.raises(ValueError, match="multiple of 16"):
        model.train(aligned(np.zeros((5, 20)), 20), good, 0, 0, 1, 0.0)
    with pytest.raises(TypeError):
        model.train(good.astype(np.float64), good, 0, 0, 1, 0.0)
    with pytest.raises(ValueError, match="unit: expected 0 to 1, got 2"):
        model.train(good, good, 0, 2, 1, 0.0)
