"""Hypothesis strategies shared by tests of samplers."""

import itertools

from hypothesis import strategies as st

seeds = st.integers(0, 2**64 - 1)
epochs = st.integers(0, 2**32 - 1)


def corpora(vocabulary=7, sentences=6, longest=12, least=0):
    """(ids, offsets) of a small corpus, empty sentences included."""
    sentence = st.lists(st.integers(0, vocabulary - 1), min_size=least, max_size=longest)
    return st.lists(sentence, max_size=sentences).map(
        lambda lines: (
            list(itertools.chain.from_iterable(lines)),
            [0, *itertools.accumulate(map(len, lines))],
        )
    )
