import gc
import pickle
import threading
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import bert_examples as oracle
from oracles import statistics
from oracles.bert_corpora import big_corpus, corpus_of, same
from oracles.strategies import epochs, seeds

from fastnlp import _core
from fastnlp.sampling import BertExamples, bert_epochs
from fastnlp.text import Corpus


@pytest.fixture(scope="module")
def corpus():
    return big_corpus()


@given(st.integers(1, 700), seeds, epochs, st.integers(0, 2**32 - 1))
def test_orders_hold_every_number_once_and_are_the_oracle(n, seed, epoch, number):
    order = _core.shuffled(n, 0, n, seed, epoch, number).tolist()
    assert sorted(order) == list(range(n))
    assert order[:3] == oracle.shuffled(n, seed, epoch, number, places=range(min(n, 3)))
    assert _core.shuffled(n, n // 2, n, seed, epoch, number).tolist() == order[n // 2 :]


def test_every_number_comes_at_every_place_as_often():
    seen = np.zeros((10, 10), int)
    for epoch in range(20_000):
        seen[np.arange(10), _core.shuffled(10, 0, 10, 7, epoch, 0)] += 1
    assert statistics.fits(seen.ravel() / 10, np.full(100, 1 / 100))


def test_neighbours_in_a_long_order_are_no_neighbours_in_the_corpus():
    order = _core.shuffled(10**12, 0, 100_000, 3, 0, 0)
    assert len(np.unique(order)) == 100_000
    assert statistics.fits(np.bincount(order // 10**11, minlength=10), [0.1] * 10)
    assert (np.abs(np.diff(order)) < 10**6).sum() < 20  # 0.2 in the mean


@pytest.mark.parametrize("options", [{}, {"pairs": "adjacent"}, {"mode": "full"}, {"whole_words": "half"}])
def test_any_number_of_threads_gives_the_same(corpus, options):
    if options.get("whole_words"):
        options = {"whole_words": np.arange(len(corpus.vocab)) % 2 == 0}
    one = BertExamples(corpus, threads=1, **options)
    for threads in (3, None):
        other = BertExamples(corpus, threads=threads, **options)
        for index in range(one.n_batches(2, 700)):
            assert same(one.batch(2, index, 700), other.batch(2, index, 700))


@pytest.mark.parametrize("mode", ["nsp", "full"])
def test_an_epoch_goes_on_at_any_batch(corpus, mode):
    whole = list(BertExamples(corpus, mode=mode, pool=4).batches(3, 64))
    assert len(whole) > 9
    for start in (0, 1, 5, len(whole) - 1, len(whole)):
        for prefetch in (0, 3):
            tail = list(BertExamples(corpus, mode=mode, pool=4).batches(3, 64, start, prefetch=prefetch))
            assert len(tail) == len(whole) - start
            assert all(map(same, tail, whole[start:]))


def test_an_epoch_has_every_row_once_and_the_next_one_others(corpus):
    examples = BertExamples(corpus, pool=3)
    first = [row.tobytes() for row in examples.rows(0, range(len(examples))).tokens]
    width = max(batch.width for batch in examples.batches(0, 50))
    seen = []
    for batch in examples.batches(0, 50):
        seen += [
            row.tobytes()
            for row in np.pad(batch.tokens, ((0, 0), (0, width - batch.width)), constant_values=1)
        ]
    assert sorted(seen) == sorted(first)
    assert seen != first
    second = [row.tobytes() for row in examples.rows(1, range(examples.n_examples(1))).tokens]
    assert len(set(first) & set(second)) < 5


@pytest.mark.parametrize("drop_last", [False, True])
def test_ranks_share_the_batches_of_one_process(corpus, drop_last):
    one = BertExamples(corpus, pool=3, drop_last=drop_last)
    parts = [BertExamples(corpus, pool=3, drop_last=drop_last, rank=r, world_size=3) for r in range(3)]
    count = one.n_batches(0, 60)
    assert {part.n_batches(0, 20) for part in parts} == {count}
    assert (len(one) % 60 == 0) or (count == len(one) // 60 + (not drop_last))
    for index in range(count):
        whole = one.batch(0, index, 60)
        pieces = [part.batch(0, index, 20) for part in parts]
        assert sum(map(len, pieces)) == len(whole)
        assert np.concatenate([piece.lengths for piece in pieces]).tolist() == whole.lengths.tolist()
        row = 0
        for piece in pieces:
            for tokens, length in zip(piece.tokens, piece.lengths, strict=True):
                assert tokens[:length].tolist() == whole.tokens[row, :length].tolist()
                row += 1


def test_a_rank_without_rows_gets_an_empty_batch():
    corpus, _ = corpus_of([[[1, 2], [3]], [[4], [5]]])
    parts = [BertExamples(corpus, max_len=8, pairs="adjacent", rank=rank, world_size=3) for rank in range(3)]
    batches = [part.batch(0, 0, 1) for part in parts]
    assert sorted(map(len, batches)) == [0, 1, 1]
    assert all(batch.positions.shape == (len(batch), 1) for batch in batches)


def test_a_batch_size_that_is_no_integer_is_named(corpus):
    with pytest.raises(TypeError, match=r"batch_size: expected an integer, got 2\.5"):
        BertExamples(corpus).batch(0, 0, 2.5)


def test_a_pool_takes_time_by_its_batches_and_not_by_their_square(corpus):
    examples = BertExamples(corpus, pairs="adjacent", pool=2048, threads=1)
    assert len(examples) > 2048
    start = time.process_time()
    examples.batch(0, 0, 1)
    assert time.process_time() - start < 1  # 10 ms; the square took 7 s


def test_an_iteration_that_is_left_leaves_no_thread(corpus):
    before = threading.active_count()
    for _ in BertExamples(corpus).batches(0, 10, prefetch=4):
        break
    gc.collect()
    assert threading.active_count() == before


def test_errors_of_the_thread_reach_the_caller(corpus):
    ids = corpus.ids.copy()
    ids[5_000] = len(corpus.vocab)
    bad = Corpus(ids, corpus.sentence_offsets, corpus.document_offsets, corpus.vocab)
    with pytest.raises(IndexError, match=r"ids\[5000\]: expected an id in \[0, 505\), got 505"):
        for _ in BertExamples(bad, pairs="adjacent").batches(0, 100):
            pass
    ids[5_000] = -3
    with pytest.raises(IndexError, match=r"ids\[5000\]: .* got -3"):
        list(BertExamples(bad, mode="full").batches(0, 100))


def test_pairs_that_outgrow_memory_lie_in_a_file(corpus, monkeypatch):
    right = list(BertExamples(corpus).batches(0, 200))
    monkeypatch.setattr(bert_epochs, "_IN_MEMORY", 100)
    examples = BertExamples(corpus)
    assert all(map(same, examples.batches(0, 200), right))
    assert isinstance(examples._epochs.pairs(0), np.memmap)


def test_a_saved_corpus_and_a_pickled_object_give_the_same(corpus, tmp_path):
    corpus.save(tmp_path / "corpus")
    right = BertExamples(corpus, max_len=64, seed=9)
    opened = BertExamples(Corpus.open(tmp_path / "corpus"), max_len=64, seed=9)
    assert same(right.batch(1, 2, 100), opened.batch(1, 2, 100))
    assert same(right.batch(1, 2, 100), pickle.loads(pickle.dumps(right)).batch(1, 2, 100))


def test_memory_grows_by_the_pairs_alone(tmp_path):
    """24 bytes a pair of some 80 tokens, which in the mapped file are 320 bytes."""
    big_corpus(20_000).save(tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    corpus.vocab.tokens  # noqa: B018 (made on first use)
    tracemalloc.start()
    try:
        examples = BertExamples(corpus, max_len=64, threads=1)
        for index in range(5):
            examples.batch(0, index, 32)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert corpus.ids.nbytes > 16_000_000
    assert peak < 24 * len(examples) + 1_000_000
