import numpy as np
import pytest
from oracles.bert_corpora import SPECIAL, big_corpus, corpus_of

from fastnlp.sampling import BertExamples
from fastnlp.text import Corpus, Vocab


@pytest.fixture(scope="module")
def corpus():
    return big_corpus()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_len": 4}, "max_len: expected at least 5, got 4"),
        ({"max_len": 2, "mode": "full"}, "max_len: expected at least 3, got 2"),
        ({"max_len": 2**21}, "max_len: expected at most 2\\^20"),
        ({"mode": "mlm"}, "mode: expected 'nsp' or 'full', got 'mlm'"),
        ({"pairs": "all"}, "pairs: expected 'packed' or 'adjacent'"),
        ({"next_sentence_rule": "any"}, "next_sentence_rule: expected 'document' or 'book'"),
        ({"long_pairs": "keep"}, "long_pairs: expected 'truncate' or 'drop'"),
        ({"long_pairs": "drop"}, "long_pairs: expected 'truncate' with pairs='packed'"),
        ({"short_fraction": 1.5}, r"short_fraction: expected a part in \[0, 1\], got 1.5"),
        ({"mask_fraction": 0}, r"mask_fraction: expected a part in \(0, 1\], got 0"),
        ({"mask_fraction": float("nan")}, "mask_fraction: expected a part"),
        ({"replacement": (0.8, 0.1, 0.2)}, "replacement: expected three parts that add up to 1"),
        ({"max_predictions": 0}, "max_predictions: expected at least 1, got 0"),
        ({"mask": "<m>"}, "mask: expected the token <m> in the vocabulary, got 17 words without"),
        ({"mask": "[CLS]"}, "mask: expected a token other than that of cls, got the same id 3"),
        ({"seed": -1}, "seed: expected an integer in"),
        ({"pad_to": "longer"}, "pad_to: expected 'longest' or 'max_len'"),
        ({"pad_multiple": 0}, "pad_multiple: expected at least 1"),
        ({"pool": 0}, "pool: expected at least 1"),
        ({"world_size": 0}, "world_size: expected at least 1"),
        ({"rank": 1}, r"rank: expected one in \[0, 1\), got 1"),
        ({"threads": 0}, "threads: expected 1 to 1024 or None"),
        ({"whole_words": True}, "whole_words: expected tokens that mark words"),
        ({"whole_words": [True]}, r"whole_words: expected the shape \(17,\), got \(1,\)"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    corpus, _ = corpus_of([[[1, 2], [3]], [[4], [5]]])
    with pytest.raises(ValueError, match=message):
        BertExamples(corpus, **options)


def test_bad_corpora_are_refused():
    corpus, _ = corpus_of([[[1, 2], [3]], [[4], [5]]])
    with pytest.raises(TypeError, match="corpus: expected a Corpus, got list"):
        BertExamples([[1]])
    with pytest.raises(TypeError, match="whole_words: expected a bool or an array of them, got int64"):
        BertExamples(corpus, whole_words=[1] * 17)
    one = Corpus.from_ids(corpus.ids, corpus.sentence_offsets, corpus.vocab)
    with pytest.raises(ValueError, match="corpus: expected several documents"):
        BertExamples(one)
    assert len(BertExamples(one, next_sentence_rule="book", max_len=8)) > 0
    assert len(BertExamples(one, mode="full")) == 1
    with pytest.raises(ValueError, match="corpus: expected tokens, got an empty corpus"):
        BertExamples(Corpus.from_ids([], [0], corpus.vocab))
    with pytest.raises(ValueError, match=r"cls: expected the token \[CLS\] or <cls> or <s>"):
        BertExamples(Corpus.from_text(["a b", "", "c d"], min_count=1))
    bare = Vocab([], reserved=SPECIAL)
    with pytest.raises(ValueError, match="vocab: expected tokens that are not special, got 4 special ones"):
        BertExamples(Corpus.from_ids([0, 1], [0, 1, 2], bare, [0, 1, 2]))


def test_batches_that_are_none_are_refused(corpus):
    examples = BertExamples(corpus)
    count = examples.n_batches(0, 50)
    for index in (-1, count):
        with pytest.raises(IndexError, match=rf"index: expected a batch in \[0, {count}\), got {index}"):
            examples.batch(0, index, 50)
    with pytest.raises(ValueError, match="batch_size: expected at least 1, got 0"):
        examples.batch(0, 0, 0)
    with pytest.raises(ValueError, match="epoch: expected an integer in"):
        examples.batch(-1, 0, 50)
    for start in (-1, count + 1):
        with pytest.raises(ValueError, match="start: expected a batch in"):
            examples.batches(0, 50, start)
    with pytest.raises(ValueError, match="prefetch: expected at least 0"):
        examples.batches(0, 50, prefetch=-1)
    for mode in ("nsp", "full"):
        examples = BertExamples(corpus, mode=mode)
        with pytest.raises(IndexError, match=r"numbers\[1\]: expected an example in"):
            examples.rows(0, [0, len(examples)])
        with pytest.raises(TypeError, match="numbers: expected integers"):
            examples.rows(0, [0.5])
    assert BertExamples(corpus, drop_last=True).n_batches(0, 10**6) == 0


def test_the_core_refuses_pairs_that_are_not_its_own(corpus):
    core = BertExamples(corpus)._core
    zero = np.zeros(1, np.int64)
    for pairs in ([[0, 0, 0]], [[-1, 0, 1 << 32 | 1]], [[0, len(corpus.ids), 1 << 32 | 1]]):
        with pytest.raises(ValueError, match=r"pairs\[0\]: expected two stretches of the corpus"):
            core.fill(np.array(pairs, np.int64), zero, 0, 1, 1)
    with pytest.raises(ValueError, match=r"pairs: expected \(N, 3\) numbers"):
        core.fill(zero, zero, 0, 1, 1)
    with pytest.raises(ValueError, match=r"pairs: expected \d+ rows, got 1"):
        core.write(0, np.zeros((1, 3), np.int64), 1)
