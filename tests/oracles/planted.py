"""Texts whose structure is known, and how much of it a model has found."""

import numpy as np


def planted(groups=6, words=8, sentences=3000, length=12, seed=0):
    """Sentences of words from one group each: a model that works puts the words of a group together."""
    random = np.random.default_rng(seed)
    for _ in range(sentences):
        group = random.integers(groups)
        yield [f"g{group}w{word}" for word in random.integers(words, size=length)]


def recall(vectors):
    """The share of words whose nearest neighbour is of their own group."""
    good = [
        vectors.most_similar(w, topn=1)[0][0].split("w")[0] == w.split("w")[0] for w in vectors.index_to_key
    ]
    return sum(good) / len(good)
