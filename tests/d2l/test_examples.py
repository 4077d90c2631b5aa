import collections
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import d2l_word2vec as book
from oracles import statistics

from fastnlp import d2l

TINY = [list(range(7)), list(range(5, 10))]


def test_subsample_keeps_sentences_and_counts_and_drops_the_unknown():
    sentences = [["the"] * 50 + ["cat"], [], ["once"], ["the", "cat"]]
    vocab = d2l.Vocab(sentences, min_freq=2)
    kept, counter = d2l.subsample(sentences, vocab)
    assert counter == collections.Counter({"the": 51, "cat": 2})
    assert list(counter) == ["the", "cat"]
    assert len(kept) == 4
    for before, after in zip(sentences, kept, strict=True):
        assert isinstance(after, list)
        remaining = iter(before)
        assert all(token in remaining for token in after)
        assert "once" not in after


def test_subsample_drops_as_often_as_the_book_says():
    sentences = [["the"] * 100_000, ["rare"] * 5]
    vocab = d2l.Vocab(sentences)
    kept, counter = d2l.subsample(sentences, vocab)
    keep = (1e-4 / (counter["the"] / 100_005)) ** 0.5
    assert statistics.fits([len(kept[0]), 100_000 - len(kept[0])], [keep, 1 - keep])
    assert kept[1] == ["rare"] * 5 or len(kept[1]) <= 5


def test_subsample_of_nothing_is_nothing():
    assert d2l.subsample([[], []], d2l.Vocab([])) == ([[], []], collections.Counter())
    assert d2l.subsample([["a"]], d2l.Vocab([])) == ([[]], collections.Counter())


@given(st.lists(st.lists(st.integers(0, 9) | st.text(max_size=2), max_size=8), max_size=5), st.integers(1, 9))
def test_contexts_are_windows_of_some_width(corpus, window):
    centers, contexts = d2l.get_centers_and_contexts(corpus, window)
    lines = [line for line in corpus if len(line) >= 2]
    assert centers == [token for line in lines for token in line]
    rest = iter(contexts)
    for line in lines:
        for i in range(len(line)):
            possible = [line[max(0, i - b) : i] + line[i + 1 : i + 1 + b] for b in range(1, window + 1)]
            assert next(rest) in possible
    assert next(rest, None) is None


def test_widths_are_those_of_the_book():
    line = list(range(40_000))
    _, contexts = d2l.get_centers_and_contexts([line], 4)
    widths = collections.Counter(len(context) // 2 for context in contexts[4:-4])
    assert statistics.fits([widths[b] for b in range(1, 5)], [1 / 4] * 4)


def test_the_tiny_data_set_prints_as_many_lines_as_the_books():
    centers, contexts = d2l.get_centers_and_contexts(TINY, 2)
    assert centers == [0, 1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9]
    assert contexts[0] in ([1], [1, 2])
    assert contexts[4] in ([3, 5], [2, 3, 5, 6])
    assert len(contexts) == 12


def test_a_window_below_one_is_refused():
    with pytest.raises(ValueError, match="window: expected at least 1, got 0"):
        d2l.get_centers_and_contexts(TINY, 0)


def test_the_generator_draws_from_one_to_n_by_weight():
    generator = d2l.RandomGenerator([2, 3, 0, 5])
    drawn = collections.Counter(generator.draw() for _ in range(30_000))
    assert statistics.fits([drawn[i] for i in (1, 2, 3, 4)], [0.2, 0.3, 0, 0.5])
    assert generator.population == [1, 2, 3, 4]
    assert len(generator.candidates) == 10_000


def test_the_generator_refuses_weights_that_are_none():
    with pytest.raises(ValueError, match="expected a finite weight"):
        d2l.RandomGenerator([1.0, float("nan")])


def some_vocab():
    tokens = [token for i, token in enumerate("abcdefgh") for _ in range(2**i)]
    vocab = d2l.Vocab(tokens)
    return vocab, d2l.count_corpus(tokens)


@given(st.lists(st.lists(st.integers(0, 8), max_size=5), max_size=6), st.integers(0, 6))
def test_negatives_are_k_a_context_and_none_of_them(all_contexts, k):
    vocab, counter = some_vocab()
    all_negatives = d2l.get_negatives(all_contexts, vocab, counter, k)
    assert len(all_negatives) == len(all_contexts)
    for contexts, negatives in zip(all_contexts, all_negatives, strict=True):
        assert isinstance(negatives, list)
        assert len(negatives) == k * len(contexts)
        assert not set(negatives) & {0, *contexts}
        assert all(type(i) is int for i in negatives)


def test_negatives_have_the_books_distribution():
    vocab, counter = some_vocab()
    contexts = [[vocab["h"], vocab["g"]]] * 5000
    drawn = np.bincount(np.concatenate(d2l.get_negatives(contexts, vocab, counter, 3)), minlength=len(vocab))
    weights = np.array([0.0] + [counter[vocab.to_tokens(i)] ** 0.75 for i in range(1, len(vocab))])
    weights[contexts[0]] = 0
    assert statistics.fits(drawn, weights / weights.sum())


def test_contexts_that_cover_the_vocabulary_are_an_error_instead_of_an_endless_loop():
    vocab = d2l.Vocab(["a", "b"])
    counter = d2l.count_corpus(["a", "b"])
    with pytest.raises(ValueError, match="contexts of center 1"):
        d2l.get_negatives([[1], [1, 2]], vocab, counter, 5)
    with pytest.raises(IndexError, match=r"contexts\[0\]: expected an id in \[0, 3\), got 3"):
        d2l.get_negatives([[3]], vocab, counter, 5)


words = st.lists(st.integers(0, 99), max_size=6)


@given(st.lists(st.tuples(st.integers(0, 99), words, words), min_size=1, max_size=8))
def test_batchify_is_the_books(data):
    if all(not contexts and not negatives for _, contexts, negatives in data):
        data = [*data, (1, [2], [3])]
    for ours, theirs in zip(d2l.batchify(data), book.batchify(data), strict=True):
        assert ours.dtype == torch.int64
        assert torch.equal(ours, theirs)


def test_batchify_of_nothing_is_refused():
    with pytest.raises(ValueError, match="data: expected at least one example"):
        d2l.batchify([])


def test_the_seed_of_python_repeats_every_step():
    vocab, counter = some_vocab()

    def run():
        random.seed(5)
        return (
            d2l.subsample([["h"] * 999], vocab)[0],
            d2l.get_centers_and_contexts([list(range(99))], 5),
            d2l.get_negatives([[1, 2]] * 9, vocab, counter, 5),
            [d2l.RandomGenerator([1, 1]).draw() for _ in range(20)],
        )

    first = run()
    assert run() == first
    assert d2l.get_centers_and_contexts([list(range(99))], 5) != first[1]
