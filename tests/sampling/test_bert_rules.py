import gzip
import math
import os
from pathlib import Path

import numpy as np
import pytest
from oracles import statistics
from oracles.bert_corpora import FIRST, SPECIAL, WORDS, big_corpus, corpus_of, same

from fastnlp.sampling import BertExamples
from fastnlp.text import Corpus, Vocab, sentence_lines


@pytest.fixture(scope="module")
def corpus():
    return big_corpus()


def test_the_next_epoch_hides_other_tokens_of_the_same_text(corpus):
    examples = BertExamples(corpus, pairs="adjacent")
    a, b = examples.rows(0, range(500)), examples.rows(1, range(500))
    assert np.mean([np.array_equal(x, y) for x, y in zip(a.positions, b.positions, strict=True)]) < 0.1


def test_empty_sentences_and_documents_are_passed_over():
    vocab = corpus_of([[[1]]])[0].vocab
    ids = np.arange(12) % WORDS + FIRST
    gaps = Corpus.from_ids(ids, [0, 0, 3, 3, 5, 9, 9, 12, 12], vocab, [0, 0, 1, 4, 5, 5, 8])
    plain = Corpus.from_ids(ids, [0, 3, 5, 9, 12], vocab, [0, 2, 3, 4])
    for options in ({}, {"pairs": "adjacent"}, {"mode": "full"}):
        a, b = (BertExamples(text, max_len=12, **options) for text in (gaps, plain))
        assert len(a) == len(b)
        assert same(a.rows(4, range(len(a))), b.rows(4, range(len(b))))


def test_predictions_are_80_10_10_at_places_that_are_as_likely(corpus):
    """Each statistic fails with probability 1e-6."""
    examples = BertExamples(corpus, mode="full", max_len=66)
    kinds, places, stand_ins = np.zeros(3), np.zeros(64), np.zeros(len(corpus.vocab))
    for epoch in range(6):
        batch = examples.rows(epoch, range(len(examples)))
        assert (batch.weights == 1).all()
        assert (np.diff(batch.positions, axis=1) > 0).all()
        hidden = np.take_along_axis(batch.tokens, batch.positions, 1)
        mask, kept = hidden == 2, hidden == batch.labels
        kinds += [mask.sum(), kept.sum(), (~mask & ~kept).sum()]
        stand_ins += np.bincount(hidden[~mask & ~kept], minlength=len(stand_ins))
        clean = ~(batch.tokens[:, 1:-1] == 4).any(axis=1)  # without a separator every place is a candidate
        places += np.bincount(batch.positions[clean].ravel() - 1, minlength=64)
    drawn_itself = 0.1 / 500
    assert statistics.fits(kinds, [0.8, 0.1 + drawn_itself, 0.1 - drawn_itself])
    assert statistics.fits(stand_ins[FIRST:], np.full(500, 1 / 500))
    assert stand_ins[:FIRST].sum() == 0
    # Places without replacement vary less than independent ones, so the bound holds all the more.
    assert statistics.fits(places, np.full(64, 1 / 64))


@pytest.mark.parametrize("pairs", ["packed", "adjacent"])
@pytest.mark.parametrize("rule", ["document", "book"])
def test_half_of_the_pairs_are_random_and_from_another_document(pairs, rule):
    """Two statistics; each fails with probability 1e-6. Packed, half of the sentences alone fill a row."""
    documents = 12
    lists = [[[d + 1] * (1 + i) for i in range(3 + d % 3)] for d in range(documents)]
    corpus, _ = corpus_of(lists)
    examples = BertExamples(
        corpus, max_len=6 if pairs == "packed" else 64, pairs=pairs, next_sentence_rule=rule,
        replacement=(0, 0, 1),
    )  # fmt: skip
    follows = others = 0
    seen = np.zeros((documents, documents))
    for epoch in range(400):
        batch = examples.rows(epoch, range(examples.n_examples(epoch)))
        follows += int(batch.is_next.sum())
        for row, is_next, length in zip(batch.tokens, batch.is_next, batch.lengths, strict=True):
            if not is_next:
                others += 1
                seen[row[1] - FIRST, row[length - 2] - FIRST] += 1
    assert statistics.fits([follows, others], [0.5, 0.5])
    share = seen.sum(axis=1, keepdims=True) / seen.sum()
    chance = np.full((documents, documents), 1 / documents)
    if rule == "document":
        chance = (1 - np.eye(documents)) / (documents - 1)
    assert statistics.fits(seen.ravel(), (share * chance).ravel())


def test_long_pairs_lose_tokens_at_both_ends_of_the_longer_segment():
    """The number at the front is binomial; fails with probability 1e-6."""
    words = 200
    ids = np.concatenate([np.arange(60), 100 + np.arange(100)]) + FIRST
    vocab = Vocab([f"w{i}" for i in range(words)], unknown="[UNK]", reserved=SPECIAL)
    corpus = Corpus.from_ids(ids, [0, 60, 160], vocab)
    examples = BertExamples(
        corpus, max_len=103, pairs="adjacent", next_sentence_rule="book", replacement=(0, 0, 1)
    )
    front = np.zeros(51)
    for epoch in range(2_000):
        batch = examples.rows(epoch, [0])
        assert batch.lengths.tolist() == [103] or not batch.is_next[0]
        if batch.is_next[0]:
            row = batch.tokens[0] - FIRST
            a, b = row[1:51], row[52:102]
            assert (np.diff(a) == 1).all()
            assert (np.diff(b) == 1).all()
            assert 0 <= a[0] <= 10
            front[b[0] - 100] += 1
    assert statistics.fits(front, [math.comb(50, k) / 2**50 for k in range(51)])


def test_special_tokens_are_never_predicted_and_rows_of_them_have_no_predictions():
    vocab = Vocab([f"w{i}" for i in range(WORDS)], unknown="[UNK]", reserved=SPECIAL)
    ids = [0, 0, 0, 0, 1, 2, 3, 4, FIRST, 0]
    corpus = Corpus.from_ids(ids, [0, 2, 4, 8, 10], vocab, [0, 2, 4])
    for mode in ("nsp", "full"):
        examples = BertExamples(corpus, max_len=40, mode=mode, pairs="adjacent", mask_fraction=1.0)
        batch = examples.rows(0, range(len(examples)))
        assert set(batch.labels[batch.weights == 1].tolist()) <= {FIRST}
        assert (batch.weights == (batch.labels == FIRST)).all()
    examples = BertExamples(corpus, max_len=40, pairs="adjacent", mask_fraction=1.0, predict_unknown=True)
    batch = examples.rows(0, range(len(examples)))
    assert set(batch.labels[batch.weights == 1].tolist()) <= {0, FIRST}
    assert batch.weights[0].sum() >= 2


def test_predictions_are_bounded(corpus):
    batch = BertExamples(corpus, max_predictions=3).batch(0, 0, 50)
    assert batch.positions.shape == (50, 3)
    assert batch.weights.sum(axis=1).max() == 3


def test_widths_are_as_asked_for(corpus):
    assert {batch.width for batch in BertExamples(corpus, pad_to="max_len").batches(0, 40)} == {128}
    wide = {batch.width for batch in BertExamples(corpus, max_len=100, pad_multiple=16).batches(0, 40)}
    assert wide <= {16, 32, 48, 64, 80, 96, 100}
    assert {batch.width for batch in BertExamples(corpus, mode="full").batches(0, 40)} == {128}


@pytest.mark.parametrize("pairs", ["packed", "adjacent"])
def test_a_document_of_one_sentence_gives_random_ones_alone(pairs):
    corpus, _ = corpus_of([[[1, 2, 3]], [[4, 5], [6, 7]], [[8]]])
    examples = BertExamples(corpus, max_len=16, pairs=pairs, replacement=(0, 0, 1))
    second = set()
    for epoch in range(60):
        batch = examples.rows(epoch, [0])
        assert len(examples) == 1
        assert batch.tokens[0, 1:3].tolist() == [FIRST + 3, FIRST + 4]
        second.add((int(batch.is_next[0]), int(batch.tokens[0, 4]) - FIRST))
    assert second == {(1, 5), (0, 0), (0, 7)}
    with pytest.raises(ValueError, match="got none: of 3 documents none has two sentences"):
        BertExamples(corpus_of([[[1, 2, 3]], [[4, 5]], [[6]]])[0], max_len=16, pairs=pairs)


def data_file(name):
    path = Path(os.environ.get("FASTNLP_DATA", "")) / name
    if not path.is_file():
        pytest.skip(f"{name} is not in the folder that FASTNLP_DATA names")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("pairs", ["packed", "adjacent"])
@pytest.mark.parametrize("name", ["wikitext-2/wiki.train.tokens", "enwiki/enwiki2015-docs-60MB.txt.gz"])
def test_less_than_a_twentieth_is_padding(name, pairs):
    path = data_file(name)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        text = file.read(10_000_000).decode(errors="ignore")
    lines = sentence_lines(text.split("\n"))
    corpus = Corpus.from_text(lines, lowercase=True, unknown="[UNK]", reserved=SPECIAL)
    for max_len, batch_size in ((64, 512), (128, 32), (512, 16)):
        examples = BertExamples(corpus, max_len=max_len, pairs=pairs)
        size = real = 0
        for batch in examples.batches(0, batch_size):
            size += batch.tokens.size
            real += batch.n_tokens
        assert real > 0.95 * size


def test_long_tails_and_what_fills_no_batch_are_padded_as_little():
    draw = np.random.default_rng(0)
    sizes = np.maximum(1, draw.lognormal(3, 0.8, 30_000)).astype(int)
    offsets = np.concatenate(([0], sizes.cumsum()))
    vocab = corpus_of([[[1]]])[0].vocab
    ids = draw.integers(FIRST, FIRST + WORDS, offsets[-1])
    corpus = Corpus.from_ids(ids, offsets, vocab, np.arange(0, 30_001, 10))
    examples = BertExamples(corpus, max_len=512, pairs="adjacent")
    batches = list(examples.batches(0, 64, prefetch=0))
    assert sum(batch.n_tokens for batch in batches) > 0.95 * sum(batch.tokens.size for batch in batches)
    assert len(batches[-1]) == len(examples) % 64 > 0
    assert batches[-1].n_tokens > 0.95 * batches[-1].tokens.size
