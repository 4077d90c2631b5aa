import numpy as np
import pytest
from oracles import word2vec
from training.test_native_engine import LANES, SIMD, aligned, engine, problem

from fastnlp.models import negative_sampling_loss
from fastnlp.sampling import AliasTable, keep_probabilities, noise_weights


def composition(vocabulary, rows, seed=5):
    """For each word some rows, repeats and words without any included."""
    random = np.random.default_rng(seed)
    parts = [random.integers(rows, size=random.integers(0, 9)).tolist() for _ in range(vocabulary)]
    flat = np.array([part for each in parts for part in each], np.int32)
    return parts, {
        "parts": flat,
        "part_offsets": np.cumsum([0, *map(len, parts)]).astype(np.int64),
        "input_rows": rows,
    }


@pytest.mark.parametrize("simd", SIMD)
@pytest.mark.parametrize("dim", [1, 20, 100, 128, 300])
@pytest.mark.parametrize("mean", [True, False])
def test_an_epoch_equals_the_scalar_oracle(simd, dim, mean):
    text, counts, ids, offsets, (_, u) = problem(dim=dim)
    v = np.random.default_rng(1).normal(scale=0.3, size=(70, dim))
    parts, arguments = composition(30, 70)
    keep = keep_probabilities(counts, 0.02, "word2vec")
    noise = noise_weights(counts)
    alias = AliasTable(noise)
    model = engine(ids, offsets, keep, noise, simd, dim=dim, mean=mean, lr=0.02, **arguments)
    pitch = -(-dim // 16) * 16
    ours = aligned(v, pitch), aligned(u, pitch)
    report = model.train(*ours, 1, 0, 1, 1e9)

    met = word2vec.meetings(text, keep, (alias.thresholds, alias.aliases), 3, 5, seed=7, epoch=1)
    theirs_v, theirs_u = v.copy(), u.copy()
    word2vec.train_unit(met, theirs_v, theirs_u, model.lr_at(1, 0), 3, LANES[simd], parts, mean)
    assert report.kept == len(met.words)
    np.testing.assert_allclose(ours[0][:, :dim], theirs_v, atol=1e-4, rtol=0)
    np.testing.assert_allclose(ours[1][:, :dim], theirs_u, atol=1e-4, rtol=0)
    assert not ours[0][:, dim:].any()


def test_a_small_step_of_the_sum_is_the_gradient_of_the_loss():
    """Two words that share a row; one of them has a row twice."""
    random = np.random.default_rng(0)
    v, u = random.normal(size=(6, 16)), random.normal(size=(5, 16))
    ids, offsets = np.array([1, 3], np.int32), np.array([0, 2], np.int64)
    noise = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    alias = AliasTable(noise)
    parts = [[], [1, 5, 5], [], [3, 5, 0], []]
    flat = np.array([1, 5, 5, 3, 5, 0], np.int32)
    part_offsets = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    model = engine(
        ids, offsets, np.ones(5), noise, dim=16, window=1, negatives=4, lr=1e-3, epochs=1,
        parts=flat, part_offsets=part_offsets, input_rows=6, mean=False,
    )  # fmt: skip
    ours = aligned(v, 16), aligned(u, 16)
    model.train(*ours, 0, 0, 1, 1e9)

    def loss(table):
        total = 0.0
        for position, (center, context) in enumerate([(1, 3), (3, 1)]):
            noise_ids = word2vec.negatives_of(alias.thresholds, alias.aliases, 7, 0, position, [center], 4)
            hidden = table[parts[context]].sum(0)
            total += negative_sampling_loss(hidden, u[center], u[noise_ids])
        return float(total)

    for index in np.ndindex(v.shape):
        up, down = v.copy(), v.copy()
        up[index] += 1e-5
        down[index] -= 1e-5
        slope = (loss(up) - loss(down)) / 2e-5
        assert ours[0][index] - np.float32(v[index]) == pytest.approx(-1e-3 * slope, abs=2e-5)


def test_words_of_one_row_train_as_words_without_subwords():
    """The same but for rounding, where no word comes again within a window."""
    _, counts, ids, offsets, (v, u) = problem(sentences=300)
    ids = np.resize(np.random.default_rng(0).permutation(30), len(ids)).astype(np.int32)
    results = []
    one_row = {
        "parts": np.arange(30, dtype=np.int32),
        "part_offsets": np.arange(31, dtype=np.int64),
        "input_rows": 30,
    }
    for arguments in ({}, one_row, {**one_row, "mean": False}):
        tables = aligned(v, 32), aligned(u, 32)
        model = engine(ids, offsets, np.ones(30), noise_weights(counts), **arguments)
        model.train(*tables, 0, 0, 1, 1e9)
        results.append(np.concatenate(tables))
    assert np.array_equal(results[1], results[2])
    np.testing.assert_allclose(results[0], results[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"part_offsets": np.zeros(3, np.int64)}, ValueError, r"part_offsets: expected one per word .*\(6\)"),
        ({"part_offsets": np.arange(6) * 2}, ValueError, r"part_offsets\[-1\]: expected 5"),
        ({"parts": np.array([0, 1, 2, 3, 9], np.int32)}, IndexError, r"parts\[4\]: expected .* 9"),
        ({"parts": np.array([0, 1, 2, 3, -1], np.int32)}, IndexError, r"parts\[4\]"),
        ({"parts": np.zeros(5, np.int64)}, TypeError, "incompatible"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, error, message):
    arguments = {
        "parts": np.zeros(5, np.int32),
        "part_offsets": np.arange(6, dtype=np.int64),
        "input_rows": 7,
    }
    with pytest.raises(error, match=message):
        engine(
            np.array([0, 1], np.int32),
            np.array([0, 2], np.int64),
            np.ones(5),
            np.ones(5),
            **{**arguments, **change},
        )


def test_an_input_table_of_another_height_is_refused():
    model = engine(
        np.array([0, 1], np.int32), np.array([0, 2], np.int64), np.ones(5), np.ones(5),
        parts=np.zeros(5, np.int32), part_offsets=np.arange(6, dtype=np.int64), input_rows=7,
    )  # fmt: skip
    table = aligned(np.zeros((5, 20)), 32)
    with pytest.raises(ValueError, match="input: expected 7 rows, got 5"):
        model.train(table, table.copy(), 0, 0, 1, 0.0)
