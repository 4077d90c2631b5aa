import random

import pytest
import torch
from oracles import d2l_word2vec as book

from fastnlp import d2l


@pytest.fixture
def loaded(ptb_zip):
    return d2l.load_data_ptb(512, 5, 5)


def test_read_ptb_is_the_books(ptb_zip):
    sentences = d2l.read_ptb()
    assert sentences == book.read_ptb(ptb_zip)
    assert len(sentences) == 42_069
    assert sum(map(len, sentences)) == 887_521


def test_the_steps_have_the_books_figures(ptb_zip):
    sentences = d2l.read_ptb()
    vocab = d2l.Vocab(sentences, min_freq=10)
    assert f"vocab size: {len(vocab)}" == "vocab size: 6719"
    subsampled, counter = d2l.subsample(sentences, vocab)
    assert len(subsampled) == 42_069
    assert sum(counter.values()) == 820_056
    assert counter["the"] == 50_770
    # 'the' is kept with probability 0.0402: 2,043 in the mean, 44 standard deviation.
    assert abs(sum(line.count("the") for line in subsampled) - 2_043) < 5 * 44
    assert sum(line.count("join") for line in subsampled) == 45
    # Each of 820,056 tokens is kept or not: the standard deviation is below sqrt(820,056 / 4) = 453.
    assert abs(sum(map(len, subsampled)) - 343_664) < 8 * 453


def test_load_data_ptb_has_the_books_vocabulary_types_and_sizes(loaded, ptb_zip):
    data_iter, vocab = loaded
    assert vocab.idx_to_token == book.Vocab(book.read_ptb(ptb_zip), min_freq=10).idx_to_token
    assert vocab.token_freqs == book.Vocab(book.read_ptb(ptb_zip), min_freq=10).token_freqs
    assert d2l.vocab is vocab
    assert isinstance(data_iter, torch.utils.data.DataLoader)
    assert data_iter.batch_size == 512
    assert data_iter.collate_fn is d2l.batchify
    assert abs(len(data_iter.dataset) - 342_530) < 3_000
    assert len(data_iter) == -(-len(data_iter.dataset) // 512)
    center, contexts, negatives = data_iter.dataset[0]
    assert type(center) is int
    assert all(type(i) is int for i in contexts + negatives)
    assert len(negatives) == 5 * len(contexts)
    assert data_iter.dataset[-1] == data_iter.dataset[len(data_iter.dataset) - 1]
    with pytest.raises(IndexError, match="index: expected one in"):
        data_iter.dataset[len(data_iter.dataset)]


def test_examples_are_windows_of_the_text_with_noise_that_is_none_of_them(loaded):
    dataset = loaded[0].dataset
    pairs = sum(map(len, dataset.contexts))
    assert abs(pairs - 1_502_130) < 15_000
    for center, contexts, negatives in zip(dataset.centers, dataset.contexts, dataset.negatives, strict=True):
        assert center != 0
        assert 1 <= len(contexts) <= 10
        assert not {0, *contexts} & set(negatives)


def test_batches_are_those_of_the_book_for_the_same_rows(loaded):
    data_iter, _ = loaded
    rows = [5, 0, 342_000, 77]
    selection = data_iter.dataset.__getitems__(rows)
    assert list(selection) == [data_iter.dataset[i] for i in rows]
    assert list(selection[1:3]) == [data_iter.dataset[0], data_iter.dataset[342_000]]
    for ours, theirs in zip(d2l.batchify(selection), book.batchify(list(selection)), strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


def test_an_epoch_has_every_center_once_in_another_order_each_time(loaded):
    data_iter, _ = loaded
    first = torch.cat([batch[0] for batch in data_iter]).flatten()
    second = torch.cat([batch[0] for batch in data_iter]).flatten()
    assert not torch.equal(first, second)
    expected = sorted(data_iter.dataset.centers)
    assert sorted(first.tolist()) == sorted(second.tolist()) == expected


def test_seeds_repeat_the_data_and_the_order(ptb_zip):
    def run(seed):
        random.seed(seed)
        torch.manual_seed(seed)
        data_iter, _ = d2l.load_data_ptb(64, 5, 5)
        return data_iter.dataset[3], next(iter(data_iter))[1]

    example, batch = run(3)
    again, batch_again = run(3)
    assert example == again
    assert torch.equal(batch, batch_again)
    assert not torch.equal(run(4)[1][:, :6], batch[:, :6])


@pytest.mark.parametrize("arguments", [(0, 5, 5), (512, 0, 5), (512, 5, 0)])
def test_sizes_below_one_are_refused(arguments):
    with pytest.raises(
        ValueError, match=r"(batch_size|max_window_size|num_noise_words): expected at least 1, got 0"
    ):
        d2l.load_data_ptb(*arguments)


@pytest.mark.slow
def test_training_on_ptb_reaches_the_books_losses(loaded, capsys):
    data_iter, vocab = loaded
    net = torch.nn.Sequential(torch.nn.Embedding(len(vocab), 100), torch.nn.Embedding(len(vocab), 100))
    d2l.train(net, data_iter, 0.002, 2, "cpu")
    loss = float(capsys.readouterr().out.split()[1].rstrip(","))
    assert abs(loss - 0.427) < 0.005
