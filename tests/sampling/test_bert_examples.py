import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import bert_examples as oracle
from oracles.strategies import epochs, seeds

from fastnlp.sampling import BertExamples
from fastnlp.text import Corpus, Vocab

SPECIAL = ["[PAD]", "[MASK]", "[CLS]", "[SEP]"]
WORDS = 12
FIRST = len(SPECIAL) + 1  # behind [UNK]

sentences = st.lists(st.integers(0, WORDS), min_size=1, max_size=9)
documents = st.lists(st.lists(sentences, min_size=1, max_size=6), min_size=2, max_size=5)


def corpus_of(lists, tokens=None):
    """Numbers of words (0 is unknown) as a corpus, and the documents as lists of its ids."""
    words = tokens or [f"w{i}" for i in range(1, WORDS + 1)]
    vocab = Vocab(words, unknown="[UNK]", reserved=SPECIAL)
    numbered = [[[FIRST + i - 1 if i else 0 for i in line] for line in document] for document in lists]
    flat = [line for document in numbered for line in document]
    corpus = Corpus.from_ids(
        [i for line in flat for i in line],
        [0, *itertools.accumulate(map(len, flat))],
        vocab,
        [0, *itertools.accumulate(map(len, numbered))],
    )
    return corpus, numbered


def rules(**changed):
    ids = dict(pad=1, mask=2, cls=3, sep=4, never={0, 1, 2, 3, 4}, drawable=range(FIRST, FIRST + WORDS))
    return oracle.settings(**ids | changed)


def check(batch, rows, s, multiple=1):
    for name, want in oracle.padded(rows, s, multiple).items():
        got = getattr(batch, name)
        assert (None if got is None else got.tolist()) == want, name


@given(documents, st.data(), seeds, epochs)
def test_batches_of_pairs_are_the_oracle(lists, data, seed, epoch):
    corpus, numbered = corpus_of(lists)
    pairs = data.draw(st.sampled_from(["packed", "adjacent"]))
    rule = data.draw(st.sampled_from(["document", "book"]))
    drop = pairs == "adjacent" and data.draw(st.booleans())
    max_len = data.draw(st.integers(5, 40))
    fraction = data.draw(st.sampled_from([0.15, 0.4, 1.0]))
    batch_size, pool = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 3))
    s = rules(max_len=max_len, pairs=pairs, rule=rule, drop=drop, seed=seed, short=0.3, fraction=fraction)
    rows = [oracle.pair_row(pair, s, epoch) for pair in oracle.make_pairs(numbered, s, epoch)]
    multiple = data.draw(st.sampled_from([1, 8, 64]))
    options = dict(
        max_len=max_len, pairs=pairs, next_sentence_rule=rule, long_pairs="drop" if drop else "truncate",
        short_fraction=0.3, mask_fraction=fraction, seed=seed, pool=pool, pad_multiple=multiple, threads=1,
    )  # fmt: skip
    if not oracle.make_pairs(numbered, s, 0):
        with pytest.raises(ValueError, match="corpus: expected pairs of sentences, got none"):
            BertExamples(corpus, **options)
        return
    examples = BertExamples(corpus, **options)
    assert examples.n_examples(epoch) == len(rows)
    expected = oracle.epoch_batches(rows, batch_size, seed, epoch, pool)
    assert examples.n_batches(epoch, batch_size) == len(expected)
    for index, want in enumerate(expected):
        check(examples.batch(epoch, index, batch_size), want, s, multiple)


@given(documents, st.integers(3, 40), seeds, epochs, st.integers(1, 5))
def test_batches_of_running_text_are_the_oracle(lists, max_len, seed, epoch, batch_size):
    corpus, numbered = corpus_of(lists)
    s = rules(max_len=max_len, seed=seed)
    rows = oracle.full_rows(numbered, s, epoch)
    examples = BertExamples(corpus, max_len=max_len, mode="full", seed=seed, threads=1)
    expected = oracle.epoch_batches(rows, batch_size, seed, epoch, pool=1)
    assert examples.n_batches(epoch, batch_size) == len(expected)
    for index, want in enumerate(expected):
        check(examples.batch(epoch, index, batch_size), want, s)
