import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import bpe as oracle

from fastnlp import d2l
from fastnlp.tokenizers import train_bpe

RAW = {"fast_": 4, "faster_": 3, "tall_": 5, "taller_": 4}
MERGES = [
    ("t", "a"),
    ("ta", "l"),
    ("tal", "l"),
    ("f", "a"),
    ("fa", "s"),
    ("fas", "t"),
    ("e", "r"),
    ("er", "_"),
]
MERGES += [("tall", "_"), ("fast", "_")]


def start():
    return {" ".join(token): freq for token, freq in RAW.items()}, [
        *"abcdefghijklmnopqrstuvwxyz",
        "_",
        "[UNK]",
    ]


@pytest.mark.parametrize("options", [{}, {"semantics": "replace"}])
def test_the_books_cells_print_what_the_book_prints(capsys, options):
    token_freqs, symbols = start()
    assert token_freqs == {"f a s t _": 4, "f a s t e r _": 3, "t a l l _": 5, "t a l l e r _": 4}
    for i in range(10):
        max_freq_pair = d2l.get_max_freq_pair(token_freqs)
        token_freqs = d2l.merge_symbols(max_freq_pair, token_freqs, symbols, **options)
        print(f"合并# {i + 1}:", max_freq_pair)
    print(symbols[26:])
    print(list(token_freqs.keys()))
    print(d2l.segment_BPE(["tallest_", "fatter_", "faAtAter_"], symbols))
    printed = capsys.readouterr().out.splitlines()
    assert printed[:10] == [f"合并# {i + 1}: {pair}" for i, pair in enumerate(MERGES)]
    assert printed[10:] == [
        "['_', '[UNK]', 'ta', 'tal', 'tall', 'fa', 'fas', 'fast', 'er', 'er_', 'tall_', 'fast_']",
        "['fast_', 'fast er_', 'tall_', 'tall er_']",
        "['tall e s t _', 'fa t t er_', 'fa [UNK] t [UNK] t er_']",
    ]


@pytest.mark.parametrize("semantics", ["boundaries", "replace"])
@given(
    table=st.dictionaries(st.text("ab_", min_size=1, max_size=7), st.integers(1, 3), min_size=1, max_size=6),
    merges=st.integers(1, 12),
)
def test_the_loop_over_steps_is_the_training(semantics, table, merges):
    token_freqs, symbols = {" ".join(token): freq for token, freq in table.items()}, []
    trained = train_bpe(table, num_merges=merges, kind="char", semantics=semantics)
    how = {"boundaries": oracle.merge_at_boundaries, "replace": oracle.replace}[semantics]
    for new in trained.merged.tolist():
        pair, _ = oracle.max_pair(token_freqs)
        assert d2l.get_max_freq_pair(token_freqs) == pair
        expected = how(pair, token_freqs)
        token_freqs = d2l.merge_symbols(pair, token_freqs, symbols, semantics=semantics)
        assert list(token_freqs.items()) == list(expected.items())
        assert symbols[-1] == trained.tokens[new].decode()


def book_segment(tokens, symbols):
    outputs = []
    for token in tokens:
        start, end = 0, len(token)
        cur_output = []
        while start < len(token):
            if start == end:
                cur_output.append("[UNK]")
                start += 1
                end = len(token)
                continue
            if token[start:end] in symbols:
                cur_output.append(token[start:end])
                start = end
                end = len(token)
            else:
                end -= 1
        outputs.append(" ".join(cur_output))
    return outputs


@given(
    tokens=st.lists(st.text("abcx", max_size=12), max_size=5),
    symbols=st.lists(st.text("abc", min_size=1, max_size=4), max_size=8),
)
def test_segments_are_the_books(tokens, symbols):
    assert d2l.segment_BPE(tokens, symbols) == book_segment(tokens, symbols)


def test_no_pair_is_an_error():
    with pytest.raises(ValueError, match="token_freqs: expected a word of two symbols"):
        d2l.get_max_freq_pair({"a": 3})
    with pytest.raises(ValueError, match="semantics: expected 'boundaries' or 'replace', got 'x'"):
        d2l.merge_symbols(("a", "b"), {"a b": 1}, [], semantics="x")
