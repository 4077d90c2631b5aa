"""Small and large corpora that examples for BERT are made of."""

import itertools

import numpy as np
from hypothesis import strategies as st

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


def big_corpus(documents=400, seed=4, words=500):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 40, documents * 12))])
    bounds = np.concatenate([[0], np.sort(rng.choice(np.arange(1, len(offsets) - 1), documents - 1, False))])
    ids = rng.integers(FIRST, FIRST + words, offsets[-1])
    vocab = Vocab([f"w{i}" for i in range(words)], unknown="[UNK]", reserved=SPECIAL)
    return Corpus.from_ids(ids, offsets, vocab, np.append(bounds, len(offsets) - 1))


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)
