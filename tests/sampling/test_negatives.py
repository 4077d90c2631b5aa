import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import samplers, statistics
from oracles.strategies import epochs, seeds

from fastnlp.sampling import AliasTable, negatives

ragged = st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=6)


def flatten(lists):
    return list(itertools.chain.from_iterable(lists)), [0, *itertools.accumulate(map(len, lists))]


def split(flat, offsets, k):
    return [flat[a * k : b * k].tolist() for a, b in itertools.pairwise(offsets)]


@given(ragged, st.integers(1, 6), seeds, epochs, st.booleans())
def test_negatives_are_the_oracle(contexts, k, seed, epoch, without_centers):
    table = AliasTable(np.arange(1.0, 21.0))
    flat, offsets = flatten(contexts)
    positions = [7 + 11 * i for i in range(len(contexts))]
    centers = [i % 20 for i in range(len(contexts))] if without_centers else None
    got = negatives(
        flat, offsets, table, k, seed=seed, epoch=epoch, positions=positions, exclude_centers=centers
    )
    assert got.dtype == np.int32
    thresholds, aliases = table.thresholds.tolist(), table.aliases.tolist()
    for i, noise in enumerate(split(got, offsets, k)):
        forbidden = contexts[i] + ([centers[i]] if without_centers else [])
        assert not set(noise) & set(forbidden)
        expected = samplers.negatives(
            forbidden, thresholds, aliases, len(contexts[i]) * k, seed, epoch, positions[i]
        )
        assert noise == expected


def test_positions_are_counted_where_none_are_given():
    table = AliasTable(np.ones(50))
    numbered = negatives([1, 2, 3], [0, 1, 3], table, 4, seed=9, positions=[0, 1])
    assert negatives([1, 2, 3], [0, 1, 3], table, 4, seed=9).tolist() == numbered.tolist()


def test_any_number_of_threads_gives_the_same():
    rng = np.random.default_rng(3)
    contexts = rng.integers(0, 500, 40_000)
    offsets = np.concatenate([[0], np.sort(rng.integers(0, len(contexts), 9_000)), [len(contexts)]])
    table = AliasTable(rng.random(500))
    one = negatives(contexts, offsets, table, 3, seed=3, threads=1)
    for threads in (2, 5):
        np.testing.assert_array_equal(one, negatives(contexts, offsets, table, 3, seed=3, threads=threads))


def test_noise_has_the_proportions_of_the_words_that_remain():
    weights = np.array([5.0, 1.0, 2.0, 0.0, 4.0, 8.0])
    offsets = np.arange(0, 100_001, 2)
    contexts = np.tile([0, 4], 50_000)
    drawn = np.bincount(negatives(contexts, offsets, AliasTable(weights), 2, seed=4), minlength=6)
    assert statistics.fits(drawn, np.array([0, 1, 2, 0, 0, 8]) / 11)


def test_a_context_that_has_nearly_all_the_weight_ends_in_the_right_proportions():
    """64 refusals in a row are the rule here (0.998 a draw), so the exact draws are what is measured."""
    weights = np.array([3000.0, 1.0, 2.0, 3.0])
    offsets = np.arange(0, 30_001)
    drawn = np.bincount(
        negatives(np.zeros(30_000, int), offsets, AliasTable(weights), 2, seed=4), minlength=4
    )
    assert statistics.fits(drawn, np.array([0, 1, 2, 3]) / 6)


def test_more_negatives_than_words_repeat_them():
    noise = negatives([0], [0, 1], AliasTable([1.0, 1.0, 1.0]), 1000, seed=1)
    assert set(noise.tolist()) == {1, 2}


def test_many_contexts_are_excluded_too():
    contexts = np.arange(999)
    noise = negatives(contexts, [0, 999], AliasTable(np.ones(1001)), 2, seed=1, exclude_centers=[1000])
    assert set(noise.tolist()) == {999}


def test_contexts_that_cover_the_vocabulary_are_refused_with_the_center():
    table = AliasTable([0.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="contexts of center 1: expected a word of positive weight"):
        negatives([1, 1, 2], [0, 1, 3], table, 5, seed=1)
    with pytest.raises(ValueError, match=r"contexts of center 0: .* that cover all 2"):
        negatives([1], [0, 1], table, 5, seed=1, exclude_centers=[2])
    assert negatives([1], [0, 1], table, 2, seed=1).tolist() == [2, 2]
    assert negatives([1], [0, 1], table, 2, seed=1, exclude_centers=[1]).tolist() == [2, 2]


def test_a_vocabulary_of_one_word_has_no_negatives():
    with pytest.raises(ValueError, match=r"contexts of center 0: .* that cover all 1"):
        negatives([0, 0], [0, 1, 2], AliasTable([3.0]), 1, seed=1)


def test_a_center_without_contexts_needs_no_negatives():
    assert negatives([], [0, 0], AliasTable([1.0]), 5, seed=1).tolist() == []
    assert negatives([], [0], AliasTable([1.0]), 5, seed=1).tolist() == []


def test_bad_arguments_are_refused():
    table = AliasTable([1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="k: expected at least 1, got 0"):
        negatives([1], [0, 1], table, 0, seed=1)
    with pytest.raises(ValueError, match="k: expected at most 262144 negatives per center"):
        negatives([1], [0, 1], table, 2**18 + 1, seed=1)
    with pytest.raises(ValueError, match="k: expected at most 262144 negatives per center"):
        negatives([1], [0, 1], table, 2**62, seed=1)
    with pytest.raises(IndexError, match=r"contexts\[1\]: expected an id in \[0, 3\), got 3"):
        negatives([1, 3], [0, 2], table, 1, seed=1)
    with pytest.raises(ValueError, match=r"context_offsets\[2\]: expected at least 1, got 0"):
        negatives([1], [0, 1, 0], table, 1, seed=1)
    with pytest.raises(ValueError, match=r"positions: expected 1 \(one per center\), got 2"):
        negatives([1], [0, 1], table, 1, seed=1, positions=[1, 2])
    with pytest.raises(ValueError, match=r"exclude_centers: expected 1 \(one per center\), got 0"):
        negatives([1], [0, 1], table, 1, seed=1, exclude_centers=[])
    with pytest.raises(IndexError, match=r"exclude_centers\[0\]: expected an id in \[0, 3\), got -1"):
        negatives([1], [0, 1], table, 1, seed=1, exclude_centers=[-1])
    with pytest.raises(ValueError, match="context_offsets: expected at least one offset"):
        negatives([], [], table, 1, seed=1)
