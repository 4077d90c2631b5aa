"""New text under an old vocabulary, which grows by the words it has not met."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.unnamed import unnamed_array
from fastnlp.text.corpus import Corpus
from fastnlp.text.vocab import Vocab

__all__ = ["grow"]

_PIECE = 1 << 20  # tokens renumbered at a time
_IN_MEMORY = 1 << 26  # tokens; the ids of a longer corpus go to an unnamed file


def grow(vocab: Vocab, corpus: Corpus) -> Corpus:
    """The same text numbered by a vocabulary that holds the old words first and then the new ones.

    Args:
        vocab: the old words; each keeps its id.
        corpus: the new text with its own vocabulary.

    Returns:
        A corpus over the sentences of `corpus`. Its vocabulary has the special tokens of `vocab`; the counts
        of words in both add up; words only in `corpus` follow in its order.

    Raises:
        ValueError: `corpus` has a special token that `vocab` lacks.
        OSError: the corpus is too long for memory, and the disk is full.

    Example:
        >>> old = Vocab(["a", "b"], [3, 2])
        >>> grown = grow(old, Corpus.from_text(["c a c"], min_count=1))
        >>> grown.vocab.tokens, grown.vocab.counts.tolist(), grown.ids.tolist()
        (['a', 'b', 'c'], [4, 2, 2], [2, 0, 2])
    """
    theirs = corpus.vocab
    known = {token for token in (vocab.unknown, *vocab.reserved) if token is not None}
    for token in (theirs.unknown, *theirs.reserved):
        if token is not None and token not in known:
            raise ValueError(
                f"corpus: expected the special tokens of the model ({sorted(known)}), got {token!r} too"
            )
    tokens = theirs.tokens
    old = [vocab.ids.get(token) for token in tokens]
    new = [token for token, place in zip(tokens, old, strict=True) if place is None]
    fresh = iter(range(len(vocab), len(vocab) + len(new)))
    numbers = np.array([next(fresh) if place is None else place for place in old], np.int32)
    counts = np.zeros(len(vocab) + len(new), np.int64)
    counts[: len(vocab)] = vocab.counts
    counts[numbers] += theirs.counts
    merged = Vocab(
        [*vocab.tokens, *new],
        counts,
        unknown=vocab.unknown,
        reserved=vocab.reserved,
        min_count=min(vocab.min_count, theirs.min_count),
    )
    ids = _room_for(corpus.n_tokens)
    for start in range(0, corpus.n_tokens, _PIECE):
        ids[start : start + _PIECE] = numbers[corpus.ids[start : start + _PIECE]]
    return Corpus(ids, corpus.sentence_offsets, corpus.document_offsets, merged)


def _room_for(tokens: int) -> NDArray[np.int32]:
    """An array for ids; a long one is mapped from a file that vanishes with it."""
    if tokens <= _IN_MEMORY:
        return np.empty(tokens, np.int32)
    return unnamed_array((tokens,), np.int32)
