import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import d2l_word2vec as book

from fastnlp import d2l

tokens = st.sampled_from(["a", "b", "<unk>", "<pad>", "日本", "x y", ""])
lines = st.lists(st.lists(tokens, max_size=6), max_size=5)


@given(lines | st.lists(tokens), st.integers(0, 3), st.sampled_from([None, [], ["<pad>", "<cls>"]]))
def test_vocab_is_the_books(text, min_freq, reserved):
    ours, theirs = d2l.Vocab(text, min_freq, reserved), book.Vocab(text, min_freq, reserved)
    assert ours.idx_to_token == theirs.idx_to_token
    assert ours.token_to_idx == theirs.token_to_idx
    assert ours.token_freqs == theirs.token_freqs
    assert ours[text] == theirs[text]
    assert len(ours) == len(theirs)
    everything = list(range(len(ours)))
    assert ours.to_tokens(everything) == theirs.to_tokens(everything)
    assert ours.unk == 0


def test_ties_keep_the_order_of_appearance():
    assert d2l.Vocab(["z", "y", "x", "z"]).idx_to_token == ["<unk>", "z", "y", "x"]


def test_an_empty_text_has_the_unknown_token_alone():
    for text in (None, [], [[]]):
        vocab = d2l.Vocab(text)
        assert vocab.idx_to_token == ["<unk>"]
        assert vocab["a"] == 0
        assert vocab[["a", ("b", ["c"])]] == [0, [0, [0]]]


def test_counts_are_the_same_for_lines_and_tokens():
    assert d2l.count_corpus(["a", "b", "a"]) == d2l.count_corpus([["a"], [], ["b", "a"]])
    assert d2l.count_corpus([]) == collections.Counter()


def test_another_kind_of_token_is_refused():
    with pytest.raises(ValueError, match="token: expected 'word' or 'char', got 'subword'"):
        d2l.tokenize(["a"], "subword")
