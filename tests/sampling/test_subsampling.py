import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import samplers, statistics
from oracles.strategies import corpora, epochs, seeds

from fastnlp.sampling import keep_probabilities, subsample


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=20),
    st.floats(1e-9, 1.0),
    st.sampled_from(["book", "word2vec"]),
)
def test_keep_probabilities_are_the_formulas(counts, t, rule):
    expected = [samplers.keep_probability(count, sum(counts), t, rule) for count in counts]
    np.testing.assert_allclose(keep_probabilities(counts, t, rule), expected, rtol=1e-12)


def test_the_word2vec_rule_is_gensims():
    Word2Vec = pytest.importorskip("gensim.models").Word2Vec

    sentences = [["the"] * 900 + ["cat"] * 90 + ["chip"] * 10]
    model = Word2Vec(min_count=1, sample=1e-2)
    model.build_vocab(sentences)
    gensim = [
        min(1.0, model.wv.get_vecattr(word, "sample_int") / (2**32 - 1)) for word in ("the", "cat", "chip")
    ]
    np.testing.assert_allclose(keep_probabilities([900, 90, 10], 1e-2, "word2vec"), gensim, rtol=1e-6)


@pytest.mark.parametrize("t", [0, 0.0, None])
def test_no_threshold_keeps_everything(t):
    assert keep_probabilities([5, 0, 10**15], t).tolist() == [1, 1, 1]


@pytest.mark.parametrize("t", [-1e-9, float("nan"), float("inf")])
def test_a_threshold_that_is_none_is_refused(t):
    with pytest.raises(ValueError, match="t: expected a finite threshold >= 0"):
        keep_probabilities([1], t)


def test_bad_counts_and_rules_are_refused():
    with pytest.raises(ValueError, match=r"counts\[1\]: expected a count >= 0, got -2"):
        keep_probabilities([1, -2], 1e-3)
    with pytest.raises(TypeError, match="counts: expected integers"):
        keep_probabilities([1.5], 1e-3)
    with pytest.raises(ValueError, match='rule: expected "book" or "word2vec"'):
        keep_probabilities([1], 1e-3, "none")


@given(corpora(), st.lists(st.floats(0, 1), min_size=7, max_size=7), seeds, epochs)
def test_subsample_is_the_oracle(corpus, keep, seed, epoch):
    ids, offsets = corpus
    got = subsample(ids, offsets, keep, seed=seed, epoch=epoch)
    assert tuple(array.tolist() for array in got) == samplers.subsample(ids, offsets, keep, seed, epoch)
    assert [array.dtype for array in got] == [np.int32, np.int64, np.int64]


@given(corpora(), seeds)
def test_probability_one_keeps_all_and_zero_none(corpus, seed):
    ids, offsets = corpus
    kept = subsample(ids, offsets, np.ones(7), seed=seed)
    assert kept.ids.tolist() == ids
    assert kept.sentence_offsets.tolist() == offsets
    assert subsample(ids, offsets, np.zeros(7), seed=seed).sentence_offsets.tolist() == [0] * len(offsets)


def test_any_number_of_threads_gives_the_same():
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 50, 300_000).astype(np.int32)
    offsets = np.sort(np.concatenate([[0, 0], rng.integers(0, len(ids), 2000), [len(ids)] * 2]))
    keep = rng.random(50)
    one = subsample(ids, offsets, keep, seed=3, threads=1)
    for threads in (2, 5):
        for a, b in zip(one, subsample(ids, offsets, keep, seed=3, threads=threads), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(ids[one.positions], one.ids)
    np.testing.assert_array_equal(one.sentence_offsets, np.searchsorted(one.positions, offsets))


def test_words_are_kept_as_often_as_asked():
    ids = np.repeat(np.arange(4, dtype=np.int32), 50_000)
    keep = np.array([0.01, 0.3, 0.5, 0.99])
    kept = np.bincount(subsample(ids, [0, len(ids)], keep, seed=5).ids, minlength=4)
    for count, probability in zip(kept, keep, strict=True):
        assert statistics.fits([count, 50_000 - count], [probability, 1 - probability])


def test_seeds_and_epochs_drop_other_tokens():
    ids, offsets = np.zeros(1000, np.int32), [0, 1000]
    kept = {
        tuple(subsample(ids, offsets, [0.5], seed=seed, epoch=epoch).positions)
        for seed, epoch in [(1, 0), (2, 0), (1, 1), (1 << 63, 0)]
    }
    assert len(kept) == 4


def test_bad_corpora_are_refused():
    with pytest.raises(IndexError, match=r"ids\[1\]: expected an id in \[0, 2\), got 2"):
        subsample([0, 2], [0, 2], [1, 1], seed=1)
    with pytest.raises(IndexError, match=r"ids\[0\]: expected an id in \[0, 2\), got -1"):
        subsample([-1], [0, 1], [1, 1], seed=1)
    with pytest.raises(IndexError, match=r"ids\[1\]: expected an int32, got 2147483648"):
        subsample(np.array([0, 2**31]), [0, 2], [1], seed=1)
    with pytest.raises(IndexError, match=r"ids\[0\]: expected an int32, got 9223372036854775808"):
        subsample([2**63], [0, 1], [1], seed=1)
    with pytest.raises(ValueError, match=r"sentence_offsets\[2\]: expected at least 2, got 1"):
        subsample([0, 0], [0, 2, 1], [1], seed=1)
    with pytest.raises(ValueError, match=r"sentence_offsets\[-1\]: expected 2"):
        subsample([0, 0], [0, 1], [1], seed=1)
    with pytest.raises(ValueError, match="sentence_offsets: expected at least one offset"):
        subsample([], [], [1], seed=1)
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"keep\[1\]: expected a probability in \[0, 1\]"):
            subsample([0], [0, 1], [1, bad], seed=1)
    with pytest.raises(TypeError, match="ids: expected integers, got float64"):
        subsample([0.5], [0, 1], [1], seed=1)
    with pytest.raises(ValueError, match="ids: expected one dimension"):
        subsample([[0]], [0, 1], [1], seed=1)


def test_bad_seeds_epochs_and_threads_are_refused():
    with pytest.raises(ValueError, match=r"seed: expected an integer in \[0, 2\^64\), got -1"):
        subsample([0], [0, 1], [1], seed=-1)
    with pytest.raises(TypeError, match=r"seed: expected an integer, got 0\.5"):
        subsample([0], [0, 1], [1], seed=0.5)
    with pytest.raises(ValueError, match=r"epoch: expected an integer in \[0, 2\^32\)"):
        subsample([0], [0, 1], [1], seed=0, epoch=2**32)
    with pytest.raises(ValueError, match="threads: expected 1 to 1024 or None, got 0"):
        subsample([0], [0, 1], [1], seed=0, threads=0)


def test_arrays_at_any_byte_of_a_buffer_are_taken():
    ids = np.arange(1000, dtype=np.int32)
    shifted = np.frombuffer(b"\0" + ids.tobytes(), np.int32, offset=1)
    assert not shifted.flags.aligned
    kept = subsample(shifted, [0, 1000], [0.5] * 1000, seed=1)
    np.testing.assert_array_equal(kept.ids, subsample(ids, [0, 1000], [0.5] * 1000, seed=1).ids)
