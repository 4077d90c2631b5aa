import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import samplers, statistics
from oracles.strategies import epochs, seeds

from fastnlp.sampling import AliasTable, PaddedBatches, negatives, padded_batch, permutation, windows

words = st.lists(st.integers(0, 99), max_size=6)
examples = st.lists(st.tuples(st.integers(0, 99), words, words), max_size=8)


def flatten(lists):
    return list(itertools.chain.from_iterable(lists)), [0, *itertools.accumulate(map(len, lists))]


def small_corpus(sentences=40):
    rng = np.random.default_rng(6)
    ids = rng.integers(0, 30, 5 * sentences).astype(np.int32)
    found = windows(ids, np.arange(0, 5 * sentences + 1, 5), 3, seed=1)
    noise = negatives(found.contexts, found.context_offsets, AliasTable(np.ones(60)), 2, seed=1)
    return found, noise


@given(
    examples,
    st.data(),
    st.sampled_from(["int32", "int64"]),
    st.sampled_from(["bool", "int32", "int64", "float32"]),
)
def test_padded_batches_are_the_oracle(data, draw, dtype, mask_dtype):
    index = st.integers(0, len(data) - 1)
    rows = draw.draw(st.lists(index, max_size=10)) if data else []
    contexts, context_offsets = flatten([c for _, c, _ in data])
    noise, negative_offsets = flatten([n for _, _, n in data])
    batch = padded_batch(
        [center for center, _, _ in data],
        contexts,
        context_offsets,
        noise,
        rows,
        negative_offsets=negative_offsets,
        dtype=dtype,
        mask_dtype=mask_dtype,
    )
    expected = samplers.padded([data[row] for row in rows])
    assert [array.dtype.name for array in batch] == [dtype, dtype, mask_dtype, mask_dtype]
    for got, want in zip(batch, expected, strict=True):
        assert got.tolist() == want
    assert batch.centers.shape == (len(rows), 1)


def test_rows_that_touch_no_bad_offset_are_given_and_others_refused():
    arguments = ([1, 2, 3], [7, 8], [0, 1, 9, 2], [5, 6])
    assert padded_batch(*arguments, [0]).contexts_negatives.tolist() == [[7, 5]]
    for row in (1, 2):
        with pytest.raises(ValueError, match=rf"context_offsets\[{row}\] and the next: expected 0 <= begin"):
            padded_batch(*arguments, [0, row])


def test_bad_batches_are_refused():
    good = ([1, 2], [7, 8], [0, 1, 2], [5, 6])
    for row in (-1, 2, 2**40):
        with pytest.raises(IndexError, match=rf"rows\[1\]: expected a row in \[0, 2\), got {row}"):
            padded_batch(*good, [0, row])
    with pytest.raises(ValueError, match=r"context_offsets: expected 3 \(one more than centers\), got 2"):
        padded_batch([1, 2], [7, 8], [0, 2], [5, 6], [0])
    with pytest.raises(
        ValueError, match="negatives: expected the same number for each of the 2 contexts, got 3"
    ):
        padded_batch([1, 2], [7, 8], [0, 1, 2], [5, 6, 7], [0])
    with pytest.raises(
        ValueError, match="negatives: expected the same number for each of the 0 contexts, got 1"
    ):
        padded_batch([1], [], [0, 0], [5], [0])
    with pytest.raises(ValueError, match=r"negative_offsets: expected 3 \(one more than centers\), got 1"):
        padded_batch(*good, [0], negative_offsets=[0])
    with pytest.raises(ValueError, match=r"negative_offsets\[0\] and the next"):
        padded_batch(*good, [0], negative_offsets=[0, 3, 2])
    with pytest.raises(ValueError, match="dtype: expected int32 or int64, got float64"):
        padded_batch(*good, [0], dtype="float64")
    with pytest.raises(ValueError, match="mask_dtype: expected bool, int32, int64 or float32, got int8"):
        padded_batch(*good, [0], mask_dtype="int8")


@given(st.integers(0, 60), seeds, epochs)
def test_permutations_are_the_oracle(n, seed, epoch):
    assert permutation(n, seed=seed, epoch=epoch).tolist() == samplers.permutation(n, seed, epoch)


def test_all_orders_of_four_are_equally_likely():
    orders = {order: i for i, order in enumerate(itertools.permutations(range(4)))}
    seen = np.zeros(24, int)
    for epoch in range(24_000):
        seen[orders[tuple(permutation(4, seed=1, epoch=epoch).tolist())]] += 1
    assert statistics.fits(seen, [1 / 24] * 24)


def test_a_negative_length_is_refused():
    with pytest.raises(ValueError, match="n: expected at least 0, got -1"):
        permutation(-1, seed=1)


@pytest.mark.parametrize("batch_size", [1, 7, 200, 10**6])
def test_an_epoch_visits_every_row_once(batch_size):
    found, noise = small_corpus()
    batches = PaddedBatches(found, noise, batch_size, seed=2)
    seen = list(batches)
    assert len(seen) == len(batches) == -(-200 // batch_size)
    rows = [
        (int(center), tuple(line[mask]))
        for batch in seen
        for center, line, mask in zip(batch.centers[:, 0], batch.contexts_negatives, batch.masks, strict=True)
    ]
    expected = [
        (int(found.centers[i]), tuple(found.contexts[a:b]) + tuple(noise[2 * a : 2 * b]))
        for i, (a, b) in enumerate(itertools.pairwise(found.context_offsets))
    ]
    assert sorted(rows) == sorted(expected)
    assert rows != expected


def test_epochs_differ_and_repeat_with_the_seed():
    found, noise = small_corpus()

    def centers(batches):
        return np.concatenate([batch.centers[:, 0] for batch in batches]).tolist()

    first = PaddedBatches(found, noise, 16, seed=2)
    epochs = [centers(first), centers(first)]
    assert epochs[0] != epochs[1]
    again = PaddedBatches(found, noise, 16, seed=2)
    assert [centers(again), centers(again)] == epochs
    assert centers(PaddedBatches(found, noise, 16, seed=3)) != epochs[0]
    plain = PaddedBatches(found, noise, 16, seed=2, shuffle=False)
    assert centers(plain) == centers(plain) == found.centers.tolist()


@pytest.mark.parametrize("stop", [1, 5, 13, 18, 26])
def test_a_saved_state_goes_on_with_the_next_batch(stop):
    found, noise = small_corpus()
    whole = PaddedBatches(found, noise, 16, seed=2)
    expected = [batch.contexts_negatives.tolist() for _ in range(3) for batch in whole]
    cut = PaddedBatches(found, noise, 16, seed=2)
    stream = itertools.chain.from_iterable(itertools.repeat(cut))
    before = [next(stream).contexts_negatives.tolist() for _ in range(stop)]
    resumed = PaddedBatches(found, noise, 16, seed=2)
    resumed.state = cut.state
    after = []
    while resumed.state[0] < 3:
        after += [batch.contexts_negatives.tolist() for batch in resumed]
    assert before + after == expected


def test_bad_states_and_sizes_are_refused():
    found, noise = small_corpus()
    with pytest.raises(ValueError, match="batch_size: expected at least 1, got 0"):
        PaddedBatches(found, noise, 0, seed=1)
    batches = PaddedBatches(found, noise, 16, seed=1)
    with pytest.raises(ValueError, match="batch: expected 0 to 13, got 14"):
        batches.state = (0, 14)
    with pytest.raises(ValueError, match="epoch: expected an integer"):
        batches.state = (-1, 0)
