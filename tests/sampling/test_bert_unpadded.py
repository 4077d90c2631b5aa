import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.bert_corpora import big_corpus, corpus_of, documents, same
from oracles.strategies import epochs, seeds

from fastnlp import _core
from fastnlp.sampling import BertExamples
from fastnlp.text import Corpus

OPTIONS = [
    {},
    {"max_len": 24},
    {"pairs": "adjacent", "pool": 1},
    {"pairs": "adjacent", "long_pairs": "drop", "max_len": 30},
    {"mode": "full", "max_len": 32},
    {"whole_words": np.arange(505) % 2 == 0, "mask_fraction": 0.4},
    {"replacement": (0, 0, 1), "pad_to": "max_len"},
]


@pytest.fixture(scope="module")
def corpus():
    return big_corpus(60)


def check(got, padded):
    """The sequences of a padded batch one after another, the shortest first."""
    order = np.argsort(padded.lengths, kind="stable")
    assert len(got) == len(padded)
    assert got.lengths.tolist() == padded.lengths[order].tolist()
    starts = got.offsets[:-1].tolist()
    tokens, segments, positions, labels = [], [], [], []
    for start, row in zip(starts, order, strict=True):
        tokens += padded.tokens[row, : padded.lengths[row]].tolist()
        segments += padded.segments[row, : padded.lengths[row]].tolist()
        kept = padded.weights[row] > 0
        positions += (start + padded.positions[row, kept]).tolist()
        labels += padded.labels[row, kept].tolist()
    assert got.tokens.tolist() == tokens
    assert got.segments.tolist() == segments
    assert got.positions.tolist() == positions
    assert got.labels.tolist() == labels
    assert (None if got.is_next is None else got.is_next.tolist()) == (
        None if padded.is_next is None else padded.is_next[order].tolist()
    )
    kinds = {name: array.dtype.name for name, array in got.arrays().items()}
    assert kinds == {name: "int64" if name in ("offsets", "positions") else "int32" for name in kinds}


@pytest.mark.parametrize("options", OPTIONS)
def test_an_epoch_has_the_sequences_of_the_padded_one(corpus, options):
    examples = BertExamples(corpus, seed=3, **options)
    count = examples.n_batches(1, 17)
    assert count > 3
    for unpadded, padded in zip(examples.unpadded_batches(1, 17), examples.batches(1, 17), strict=True):
        check(unpadded, padded)


@settings(max_examples=50)
@given(documents, st.data(), seeds, epochs)
def test_small_texts_too(lists, data, seed, epoch):
    corpus, _ = corpus_of(lists)
    mode = data.draw(st.sampled_from(["nsp", "full"]))
    max_len = data.draw(st.integers(5, 40))
    try:
        examples = BertExamples(corpus, max_len=max_len, mode=mode, seed=seed, threads=1)
    except ValueError as error:
        assert "expected pairs of sentences, got none" in str(error)
        return
    for index in range(examples.n_batches(epoch, 3)):
        check(examples.unpadded_batch(epoch, index, 3), examples.batch(epoch, index, 3))


@pytest.mark.parametrize("options", OPTIONS)
def test_threads_places_and_processes_make_no_difference(corpus, options):
    one = BertExamples(corpus, threads=1, **options)
    whole = list(one.unpadded_batches(2, 300))
    for other in (BertExamples(corpus, threads=3, **options), pickle.loads(pickle.dumps(one))):
        for start in (0, 1, len(whole)):
            for prefetch in (0, 2):
                tail = list(other.unpadded_batches(2, 300, start, prefetch=prefetch))
                assert len(tail) == len(whole) - start
                assert all(map(same, tail, whole[start:]))


def test_ranks_share_the_batches_of_one_process(corpus):
    one = BertExamples(corpus)
    parts = [BertExamples(corpus, rank=rank, world_size=3) for rank in range(3)]
    for index in range(one.n_batches(0, 60)):
        whole = one.unpadded_batch(0, index, 60)
        pieces = [part.unpadded_batch(0, index, 20) for part in parts]
        assert np.concatenate([piece.tokens for piece in pieces]).tolist() == whole.tokens.tolist()
        assert np.concatenate([piece.labels for piece in pieces]).tolist() == whole.labels.tolist()


def test_no_sequences_are_an_empty_batch(corpus):
    for mode in ("nsp", "full"):
        batch = BertExamples(corpus, mode=mode).unpadded_rows(0, [])
        assert (len(batch), batch.n_tokens, batch.offsets.tolist()) == (0, 0, [0])
        assert batch.positions.shape == batch.labels.shape == (0,)


def test_sequences_without_predictions_have_none():
    corpus, _ = corpus_of([[[0], [0]], [[0], [1]]])  # the unknown token is never predicted
    batch = BertExamples(corpus, max_len=8, pairs="adjacent").unpadded_rows(0, [0])
    assert (len(batch), batch.n_tokens, len(batch.positions)) == (1, 5, 0)


def test_what_there_is_not_is_refused(corpus):
    examples = BertExamples(corpus)
    with pytest.raises(IndexError, match=r"index: expected a batch in \[0, "):
        examples.unpadded_batch(0, examples.n_batches(0, 8), 8)
    with pytest.raises(ValueError, match=r"start: expected a batch in \[0, "):
        examples.unpadded_batches(0, 8, -1)
    with pytest.raises(IndexError, match=r"numbers\[1\]: expected an example in \[0, "):
        examples.unpadded_rows(0, [0, len(examples)])
    with pytest.raises(IndexError, match=r"numbers\[0\]: expected an example in \[0, "):
        BertExamples(corpus, mode="full").unpadded_rows(0, [-1])
    with pytest.raises(ValueError, match="epoch: "):
        BertExamples(corpus, mode="full").unpadded_rows(1 << 32, [0])
    ids = corpus.ids.copy()
    ids[500] = len(corpus.vocab)
    bad = BertExamples(Corpus(ids, corpus.sentence_offsets, corpus.document_offsets, corpus.vocab))
    with pytest.raises(IndexError, match=r"ids\[500\]: expected an id"):
        list(bad.unpadded_batches(0, 100))


def test_the_core_refuses_pairs_that_do_not_lie_in_the_corpus(corpus):
    core = BertExamples(corpus)._core
    assert isinstance(core, _core.MaskedLm)
    for pair in ([-5, 3, 3 << 32 | 3], [0, corpus.n_tokens, 3 << 32 | 3]):
        with pytest.raises(ValueError, match=r"pairs\[0\]: expected two stretches of the corpus"):
            core.fill_unpadded(np.array([pair]), np.array([0]), 0, 1)
    with pytest.raises(ValueError, match="pairs: expected an array"):
        core.fill_unpadded(None, np.array([0]), 0, 1)
