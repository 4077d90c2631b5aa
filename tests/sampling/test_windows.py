import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import samplers, statistics
from oracles.strategies import corpora, epochs, seeds

from fastnlp.sampling import windows


def as_examples(found):
    offsets = found.context_offsets.tolist()
    contexts = [found.contexts[a:b].tolist() for a, b in itertools.pairwise(offsets)]
    return list(zip(found.centers.tolist(), contexts, found.positions.tolist(), strict=True))


@given(corpora(), st.integers(1, 20), st.booleans(), st.booleans(), seeds, epochs)
def test_windows_are_the_oracle(corpus, window, shrink, keep_lone, seed, epoch):
    ids, offsets = corpus
    options = {"shrink": shrink, "keep_lone": keep_lone, "seed": seed, "epoch": epoch}
    got = windows(ids, offsets, window, **options)
    assert as_examples(got) == samplers.windows(ids, offsets, window, **options)
    assert [array.dtype for array in got] == [np.int32, np.int32, np.int64, np.int64]


@given(corpora(), seeds, st.integers(0, 2**62))
def test_widths_follow_the_positions_given(corpus, seed, shift):
    ids, offsets = corpus
    positions = [shift + 3 * i for i in range(len(ids))]
    got = windows(ids, offsets, 5, seed=seed, positions=positions)
    assert as_examples(got) == samplers.windows(ids, offsets, 5, seed, positions=positions)


def test_any_number_of_threads_gives_the_same():
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 50, 200_000).astype(np.int32)
    short = np.sort(rng.integers(0, 100_000, 9000))
    offsets = np.concatenate([[0], short, [len(ids)]])  # ends in a sentence longer than any block
    one = windows(ids, offsets, 5, seed=3, threads=1)
    for threads in (2, 5):
        for a, b in zip(one, windows(ids, offsets, 5, seed=3, threads=threads), strict=True):
            np.testing.assert_array_equal(a, b)
    sample = slice(99_990, 100_050)
    fixed = windows(ids, [0, len(ids)], 3, shrink=False, seed=0)
    for i in range(sample.start, sample.stop):
        begin, end = fixed.context_offsets[i : i + 2]
        np.testing.assert_array_equal(
            fixed.contexts[begin:end], np.concatenate([ids[i - 3 : i], ids[i + 1 : i + 4]])
        )


def test_widths_are_uniform():
    found = windows(np.zeros(60_000, np.int32), [0, 60_000], 6, seed=7)
    widths = np.diff(found.context_offsets)[6:-6] // 2
    assert statistics.fits(np.bincount(widths, minlength=7)[1:], [1 / 6] * 6)


def test_a_window_wider_than_the_sentence_takes_the_whole_of_it():
    found = windows([1, 2, 3], [0, 3], 2**31 - 1, shrink=False, seed=1)
    assert as_examples(found) == [(1, [2, 3], 0), (2, [1, 3], 1), (3, [1, 2], 2)]


def test_a_lone_word_is_a_center_only_on_request():
    assert len(windows([4], [0, 1], 5, seed=1).centers) == 0
    assert as_examples(windows([4], [0, 1], 5, seed=1, keep_lone=True)) == [(4, [], 0)]


def test_an_empty_corpus_has_no_windows():
    for offsets in ([0], [0, 0, 0]):
        found = windows([], offsets, 5, seed=1)
        assert found.context_offsets.tolist() == [0]
        assert len(found.centers) == len(found.contexts) == 0


def test_bad_arguments_are_refused():
    for window in (0, -3):
        with pytest.raises(ValueError, match=f"window: expected at least 1, got {window}"):
            windows([0], [0, 1], window, seed=1)
    with pytest.raises(IndexError, match=r"ids\[1\]: expected an id"):
        windows([0, -1], [0, 2], 1, seed=1)
    with pytest.raises(ValueError, match=r"sentence_offsets\[0\]: expected 0, got 1"):
        windows([0, 1], [1, 2], 1, seed=1)
    with pytest.raises(ValueError, match=r"positions: expected 2 \(one per id\), got 0"):
        windows([0, 1], [0, 2], 1, seed=1, positions=[])
    with pytest.raises(ValueError, match=r"positions\[1\]: expected a position >= 0, got -5"):
        windows([0, 1], [0, 2], 1, seed=1, positions=[0, -5])
