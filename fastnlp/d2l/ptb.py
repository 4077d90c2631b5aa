"""The Penn Treebank as the book prepares it for word2vec."""

from __future__ import annotations

import collections
import sys
from pathlib import Path

import numpy as np
import torch

from fastnlp import sampling
from fastnlp.d2l.dataset import Example, PTBDataset
from fastnlp.d2l.download import download_extract
from fastnlp.d2l.examples import batchify, draw_seed
from fastnlp.d2l.vocabulary import Vocab
from fastnlp.text import Corpus


def _training_file() -> Path:
    return Path(download_extract("ptb")) / "ptb.train.txt"


def read_ptb() -> list[list[str]]:
    """The training text of the Penn Treebank, a list of words for each line.

    Returns:
        42,069 lists, the last of them empty, for the text ends with a line break.

    Raises:
        ConnectionError: the file is neither here nor to be fetched; see `download`.
    """
    return [line.split() for line in _training_file().read_text(encoding="utf-8").split("\n")]


def load_data_ptb(
    batch_size: int, max_window_size: int, num_noise_words: int
) -> tuple[torch.utils.data.DataLoader[Example], Vocab]:
    """Shuffled minibatches of the Penn Treebank for skip-gram with negative sampling, and the vocabulary.

    Words that occur fewer than 10 times are unknown and left out, frequent words are subsampled with
    t = 1e-4, each center has its own window, and each context its own noise words. All this is drawn once;
    each epoch visits the rows in another order. After `random.seed` and `torch.manual_seed` everything
    repeats.

    Batches are filled in this process, by `batchify`: that takes less time than handing them over from
    another, so the book's worker processes are not started. The vocabulary is also left in `d2l.vocab`.

    Args:
        batch_size: centers a batch; the last batch of an epoch may have fewer.
        max_window_size: at least 1.
        num_noise_words: for each context word.

    Returns:
        A DataLoader whose batches are those of `batchify` and whose `dataset[i]` is (center, contexts,
        negatives); the vocabulary.

    Raises:
        ValueError: an argument is below 1.
        ConnectionError: the file is neither here nor to be fetched; see `download`.
    """
    for name, value in (
        ("batch_size", batch_size),
        ("max_window_size", max_window_size),
        ("num_noise_words", num_noise_words),
    ):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    corpus = Corpus.from_text(_training_file(), min_count=1)
    counter = collections.Counter(dict(zip(corpus.vocab.tokens, corpus.vocab.counts.tolist(), strict=True)))
    vocab = Vocab.from_counter(counter, min_freq=10)
    ids = np.array(vocab[corpus.vocab.tokens], np.int32)[corpus.ids]
    counts = np.bincount(ids, minlength=len(vocab))
    counts[vocab.unk] = 0

    keep = sampling.keep_probabilities(counts, 1e-4)
    keep[vocab.unk] = 0.0
    seed = draw_seed()
    kept = sampling.subsample(ids, corpus.sentence_offsets, keep, seed=seed)
    windows = sampling.windows(
        kept.ids, kept.sentence_offsets, max_window_size, seed=seed, positions=kept.positions
    )
    noise = sampling.negatives(
        windows.contexts,
        windows.context_offsets,
        sampling.AliasTable(sampling.noise_weights(counts)),
        num_noise_words,
        seed=seed,
        positions=windows.positions,
    )
    sys.modules["fastnlp.d2l"].__dict__["vocab"] = vocab
    data_iter = torch.utils.data.DataLoader(
        PTBDataset(windows, noise), batch_size, shuffle=True, collate_fn=batchify, num_workers=0
    )
    return data_iter, vocab
