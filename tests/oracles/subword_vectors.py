"""Word vectors from rows of words and n-grams, spelled out."""

import numpy as np

from oracles import ngrams


def compose(word, own_row, ngram_rows, low, high, mean=True):
    """`ngram_rows` has a row a bucket."""
    rows = [ngram_rows[b] for b in ngrams.buckets_of(word, low, high, len(ngram_rows))]
    if own_row is not None:
        rows.insert(0, own_row)
    total = np.sum(rows, 0, dtype=np.float64) if rows else np.zeros(ngram_rows.shape[1])
    return total / max(1, len(rows)) if mean else total
