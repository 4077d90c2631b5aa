"""Subsampling: frequent words are dropped at random, so that rare ones are seen in wider company."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.sampling.arrays import as_doubles, as_integers, as_threads, as_unsigned


def keep_probabilities(
    counts: ArrayLike, t: float | None, rule: Literal["book", "word2vec"] = "book"
) -> NDArray[np.float64]:
    """The probability of keeping each word, from its frequency f = count / total.

    "book" keeps with min(sqrt(t / f), 1), which is dropping with max(1 - sqrt(t / f), 0) (Mikolov et al.
    2013, arXiv:1310.4546, eq. 5); "word2vec" keeps with min((sqrt(f / t) + 1) * t / f, 1), as word2vec.c and
    gensim do.

    Args:
        counts: (V,) int64, times each word occurs; a word with count 0 is kept.
        t: frequency above which words are dropped, 1e-5 to 1e-3 as a rule; 0 or None keeps everything.
        rule: "book" or "word2vec".

    Returns:
        (V,) float64 in [0, 1].

    Raises:
        ValueError: `t` is negative or not finite, a count is negative, or the rule is unknown.
        TypeError: the counts are not integers.

    Example:
        >>> keep_probabilities([9900, 100], t=0.01)
        array([0.10050378, 1.        ])
        >>> keep_probabilities([9900, 100], t=0.01, rule="word2vec")
        array([0.11060479, 1.        ])
    """
    return _core.keep_probabilities(as_integers("counts", counts, np.int64), 0.0 if t is None else t, rule)


class Subsample(NamedTuple):
    """What subsampling left of a corpus."""

    ids: NDArray[np.int32]
    """(T,) the kept tokens."""
    sentence_offsets: NDArray[np.int64]
    """(sentences + 1,) as many sentences as before, some of them perhaps empty."""
    positions: NDArray[np.int64]
    """(T,) where each kept token stood before; later draws are keyed by it."""


def subsample(
    ids: ArrayLike,
    sentence_offsets: ArrayLike,
    keep: ArrayLike,
    *,
    seed: int,
    epoch: int = 0,
    threads: int | None = None,
) -> Subsample:
    """The tokens of a corpus that survive subsampling, sentence by sentence.

    Args:
        ids: (T,) int32 in [0, V).
        sentence_offsets: (sentences + 1,) int64, from 0 to T; sentence s is [s, s + 1).
        keep: (V,) float64 in [0, 1], from `keep_probabilities`; 0 removes a word for good.
        seed: 64 bits.
        epoch: 32 bits; each epoch drops other tokens.
        threads: None for one a core; the result is the same for any number.

    Returns:
        The kept ids, the new offsets and the positions of the kept tokens.

    Raises:
        IndexError: an id lies outside the vocabulary.
        ValueError: the offsets do not fit the ids, or a probability is not one.
        TypeError: ids or offsets are not integers.

    Example:
        >>> subsample([0, 1, 0, 2], [0, 2, 4], [0.0, 1.0, 1.0], seed=1)
        Subsample(ids=array([1, 2], dtype=int32), sentence_offsets=array([0, 1, 2]), positions=array([1, 3]))
    """
    return Subsample(
        *_core.subsample(
            as_integers("ids", ids, np.int32),
            as_integers("sentence_offsets", sentence_offsets, np.int64),
            as_doubles("keep", keep),
            as_unsigned("seed", seed, 64),
            as_unsigned("epoch", epoch, 32),
            as_threads(threads),
        )
    )
