"""Preparing the Penn Treebank for word2vec, step by step, against the same in plain Python.

    FASTNLP_DATA=... pytest benchmarks/bench_sampling.py --benchmark-enable -s

Both sides run in turns on the same input, in CPU time; see harness.py. The answers are compared before they
are timed: the same vocabulary, the same types, sizes that agree to chance.
"""

import gc
import os
import random
from pathlib import Path

import harness
import numpy as np
import pytest
import torch
from oracles import d2l_word2vec as book

from fastnlp import d2l, sampling
from fastnlp.text import Corpus

TURNS = 3


@pytest.fixture(scope="module")
def ptb_zip():
    path = Path(os.environ.get("FASTNLP_DATA", "")) / "ptb" / "ptb.zip"
    if not path.is_file():
        pytest.skip("ptb/ptb.zip is not in the folder that FASTNLP_DATA names")
    return path


@pytest.fixture(scope="module")
def prepared(ptb_zip):
    """The input of each step: the book's lists, and the same as arrays."""
    random.seed(1)
    sentences = book.read_ptb(ptb_zip)
    vocab = book.Vocab(sentences, min_freq=10)
    subsampled, counter = book.subsample(sentences, vocab)
    lists = [vocab[line] for line in subsampled]
    _, contexts = book.get_centers_and_contexts(lists, 5)
    corpus = Corpus.from_text(sentences, min_count=1)
    ids = np.array(vocab[corpus.vocab.tokens], np.int32)[corpus.ids]
    counts = np.bincount(ids, minlength=len(vocab))
    counts[0] = 0
    return {
        "sentences": sentences,
        "vocab": vocab,
        "counter": counter,
        "lists": lists,
        "contexts": contexts,
        "ids": ids,
        "offsets": corpus.sentence_offsets,
        "counts": counts,
    }


def compare(benchmark, ours, twin, turns=TURNS):
    return harness.compare(benchmark, ours, {"plain Python": twin}, turns).ratios["plain Python"]


def close(ours, theirs):
    return abs(ours - theirs) < 0.01 * theirs


def subsampled_arrays(prepared):
    keep = sampling.keep_probabilities(prepared["counts"], 1e-4)
    keep[0] = 0.0
    return sampling.subsample(prepared["ids"], prepared["offsets"], keep, seed=1)


def window_arrays(prepared):
    kept = subsampled_arrays(prepared)
    return sampling.windows(kept.ids, kept.sentence_offsets, 5, seed=1, positions=kept.positions)


def negative_arrays(prepared, windows):
    table = sampling.AliasTable(sampling.noise_weights(prepared["counts"]))
    return sampling.negatives(
        windows.contexts, windows.context_offsets, table, 5, seed=1, positions=windows.positions
    )


def test_subsample_arrays(prepared, benchmark):
    kept = subsampled_arrays(prepared)
    theirs, _ = book.subsample(prepared["sentences"], prepared["vocab"])
    assert close(len(kept.ids), sum(map(len, theirs)))
    compare(
        benchmark,
        lambda: subsampled_arrays(prepared),
        lambda: book.subsample(prepared["sentences"], prepared["vocab"]),
    )


def test_windows_arrays(prepared, benchmark):
    kept = subsampled_arrays(prepared)

    def ours():
        return sampling.windows(kept.ids, kept.sentence_offsets, 5, seed=1, positions=kept.positions)

    def twin():
        return book.get_centers_and_contexts(prepared["lists"], 5)

    assert close(len(ours().contexts), sum(map(len, twin()[1])))
    compare(benchmark, ours, twin)


def test_negatives_arrays(prepared, benchmark):
    windows = window_arrays(prepared)
    noise = negative_arrays(prepared, windows)
    assert len(noise) == 5 * len(windows.contexts)
    compare(
        benchmark,
        lambda: negative_arrays(prepared, windows),
        lambda: book.get_negatives(prepared["contexts"], prepared["vocab"], prepared["counter"], 5),
    )


def test_subsample_lists(prepared, benchmark):
    compare(
        benchmark,
        lambda: d2l.subsample(prepared["sentences"], prepared["vocab"]),
        lambda: book.subsample(prepared["sentences"], prepared["vocab"]),
    )


def test_centers_and_contexts_lists(prepared, benchmark):
    compare(
        benchmark,
        lambda: d2l.get_centers_and_contexts(prepared["lists"], 5),
        lambda: book.get_centers_and_contexts(prepared["lists"], 5),
    )


def test_negatives_lists(prepared, benchmark):
    arguments = prepared["contexts"], prepared["vocab"], prepared["counter"], 5
    compare(benchmark, lambda: d2l.get_negatives(*arguments), lambda: book.get_negatives(*arguments))


@pytest.mark.parametrize("form", ["dataset", "lists"])
def test_batchify_an_epoch(ptb_zip, benchmark, form, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNLP_CACHE", str(tmp_path))
    random.seed(1)
    theirs, _ = book.load_data_ptb(ptb_zip, 512, 5, 5)
    ours = torch.utils.data.DataLoader(theirs.dataset, 512, shuffle=True, collate_fn=d2l.batchify)
    if form == "dataset":
        ours, _ = d2l.load_data_ptb(512, 5, 5)
    batch, expected = next(iter(ours)), next(iter(theirs))
    assert [tensor.dtype for tensor in batch] == [tensor.dtype for tensor in expected]
    gc.freeze()  # the book's two million lists are no concern of a collection during the run
    compare(benchmark, lambda: sum(1 for _ in ours), lambda: sum(1 for _ in theirs), turns=2)
    gc.unfreeze()


def test_load_data_ptb(ptb_zip, benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNLP_CACHE", str(tmp_path))
    ours, vocab = d2l.load_data_ptb(512, 5, 5)
    theirs, their_vocab = book.load_data_ptb(ptb_zip, 512, 5, 5)
    assert vocab.idx_to_token == their_vocab.idx_to_token
    assert close(len(ours.dataset), len(theirs.dataset))
    del ours, theirs
    ratio = compare(
        benchmark, lambda: d2l.load_data_ptb(512, 5, 5), lambda: book.load_data_ptb(ptb_zip, 512, 5, 5)
    )
    assert ratio >= 20


@pytest.mark.usefixtures("one_torch_thread")
def test_train_one_epoch_on_one_thread(ptb_zip, benchmark, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASTNLP_CACHE", str(tmp_path))
    ours, vocab = d2l.load_data_ptb(512, 5, 5)
    theirs, _ = book.load_data_ptb(ptb_zip, 512, 5, 5)

    def net():
        return torch.nn.Sequential(torch.nn.Embedding(len(vocab), 100), torch.nn.Embedding(len(vocab), 100))

    def run():
        d2l.train(net(), ours, 0.002, 1, "cpu")

    def twin():
        return book.train(net(), theirs, 0.002, 1, "cpu")

    gc.freeze()
    run()
    loss = float(capsys.readouterr().out.split()[1].rstrip(","))
    assert abs(loss - twin()[0][0]) < 0.005
    compare(benchmark, run, twin, turns=1)
    gc.unfreeze()
