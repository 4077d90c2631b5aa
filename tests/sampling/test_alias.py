import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import philox, statistics
from oracles.strategies import epochs, seeds

from fastnlp.sampling import AliasTable, noise_weights

weight_lists = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e6)), min_size=1, max_size=50).filter(any)


@given(weight_lists)
def test_the_table_holds_the_distribution(weights):
    table = AliasTable(weights)
    np.testing.assert_allclose(table.probabilities(), np.array(weights) / sum(weights), atol=1e-9)
    assert all((p == 0) == (w == 0) for p, w in zip(table.probabilities(), weights, strict=True) if w == 0)
    assert table.support == sum(w > 0 for w in weights)
    assert len(table) == len(weights)


@given(weight_lists, seeds, epochs, st.integers(0, 2**64 - 1))
def test_draws_can_be_repeated_from_thresholds_and_aliases(weights, seed, epoch, position):
    table = AliasTable(weights)
    thresholds, aliases = table.thresholds.tolist(), table.aliases.tolist()
    expected = []
    for d in range(9):
        column = philox.below(philox.word(seed, philox.NEGATIVES, epoch, position, 2 * d), len(weights))
        second = philox.word(seed, philox.NEGATIVES, epoch, position, 2 * d + 1)
        expected.append(column if philox.accepts(thresholds[column], second) else aliases[column])
    drawn = table.draw(9, seed=seed, position=position, epoch=epoch)
    assert drawn.dtype == np.int32
    assert drawn.tolist() == expected


def test_draws_have_the_weights_proportions():
    weights = noise_weights(1_000_000 // np.arange(1, 2001))
    drawn = np.bincount(AliasTable(weights).draw(1_000_000, seed=11), minlength=2000)
    assert statistics.fits(drawn, weights / weights.sum())


def test_draws_of_neighbouring_positions_are_independent():
    table = AliasTable([1.0, 1.0, 1.0, 1.0])
    pairs = np.zeros(16, int)
    previous = table.draw(1, seed=1, position=0)[0]
    for position in range(1, 20_000):
        drawn = table.draw(1, seed=1, position=position)[0]
        pairs[4 * previous + drawn] += 1
        previous = drawn
    assert statistics.fits(pairs, [1 / 16] * 16)


def test_one_word_is_always_drawn():
    assert AliasTable([0.1]).draw(5, seed=1).tolist() == [0] * 5


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_weights_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match=r"weights\[1\]: expected a finite weight >= 0"):
        AliasTable([1.0, bad])


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1e308] * 20])
def test_weights_without_a_finite_positive_sum_are_refused(weights):
    with pytest.raises(ValueError, match="weights: expected weights with a positive, finite sum"):
        AliasTable(weights)


def test_weights_of_another_kind_are_refused():
    with pytest.raises(TypeError, match="weights: expected numbers"):
        AliasTable(["a"])
    with pytest.raises(ValueError, match="weights: expected one dimension"):
        AliasTable([[1.0]])


@pytest.mark.parametrize("n", [-1, 2**25 + 1])
def test_more_draws_than_a_stream_has_are_refused(n):
    with pytest.raises(ValueError, match="n: expected 0 to 2"):
        AliasTable([1.0]).draw(n, seed=1)


def test_noise_weights_are_powers_of_counts():
    np.testing.assert_allclose(noise_weights([16, 81, 0, 1]), [8, 27, 0, 1])
    assert noise_weights([5, 0, 3], power=0).tolist() == [1, 0, 1]
    assert noise_weights([5, 0, 4], power=-1).tolist() == [0.2, 0, 0.25]
    assert noise_weights([5, 2, 4], power=1, exclude=[0, 2]).tolist() == [0, 2, 0]


def test_bad_noise_is_refused():
    with pytest.raises(ValueError, match=r"counts\[0\]: expected a count >= 0, got -1"):
        noise_weights([-1])
    with pytest.raises(ValueError, match="power: expected a finite number"):
        noise_weights([1], power=float("nan"))
    with pytest.raises(IndexError, match=r"exclude: expected ids in \[0, 1\), got 1"):
        noise_weights([1], exclude=[1])
