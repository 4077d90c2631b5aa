"""Steps of rows that many centers in flight move at once.

Centers that are trained together read a row as it stood before any of them moved it. Changes that were made
apart and point the same way overshoot when they are added: past some 50 of them at a learning rate of 0.025 a
row swings instead of settling. So the changes of a row that is met more often are scaled down.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastnlp.models.fasttext import FastTextTables
from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables

__all__ = ["TOGETHER", "damping", "together", "updates_per_center"]

TOGETHER = 50.0  # tau: updates of a row that may be in flight at once
_OF_MEAN = 3.0  # times as many of a row that is one of several, most of them seldom met, whose mean is a word
_OF_NODE = 2.0  # times as many of a node of a tree, of whose changes about as many go one way as the other


def updates_per_center(
    config: Word2VecConfig,
    counts: NDArray[np.int64],
    keep: NDArray[np.float64],
    noise: NDArray[np.float64] | None,
    tables: Word2VecTables | FastTextTables,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How often a center is expected to update each row, by a pair with one of its contexts.

    Args:
        config: of the model.
        counts: (V,) occurrences.
        keep: (V,) the probability that a token is kept.
        noise: (V,) weights of negatives; None with a tree.
        tables: of the model.

    Returns:
        (R,) for the input rows and (V,) for the output rows, float32.
    """
    kept = counts * keep
    kept = kept / max(kept.sum(), 1.0)
    contexts = config.window + 1 if config.shrink_windows else 2 * config.window
    predictions = contexts if config.architecture == "skipgram" else 1
    if noise is not None:
        met = kept + config.negatives * noise / noise.sum()
    else:
        assert tables.tree is not None
        offsets = tables.tree.path_offsets
        met = np.bincount(
            tables.tree.path >> 1, weights=np.repeat(kept, np.diff(offsets)), minlength=len(counts)
        )
    rows = kept
    if isinstance(tables, FastTextTables):
        sizes = np.diff(tables.part_offsets)
        # Each row of a word gets the whole change: where the word is their sum it moves as many times as far.
        parts = np.repeat(kept if tables.mean else kept * sizes, sizes)
        rows = np.bincount(tables.parts, weights=parts, minlength=len(tables.padded_input))
    # A sum of contexts is as many times as long, and what each of them learns adds up once more.
    sums = contexts if config.architecture == "cbow" and config.cbow_contexts == "sum" else 1
    return (rows * contexts * sums).astype(np.float32), (met * predictions * sums).astype(np.float32)


def together(tables: Word2VecTables | FastTextTables) -> tuple[float, float]:
    """How many updates of an input row, and of an output row, may be in flight at once.

    A row of a word that is the mean of several moves it by its share alone. Those that are met often are a
    few of a word's: n-grams like "ing". And what a node of a tree learns from the words on both its sides
    cancels in part.

    Args:
        tables: of the model.

    Returns:
        tau of both.

    Example:
        >>> together(Word2VecTables(vocabulary=3, dim=20, seed=1))
        (50.0, 50.0)
    """
    inputs = outputs = TOGETHER
    if tables.tree is not None:
        outputs *= _OF_NODE
    if isinstance(tables, FastTextTables) and tables.mean:
        rows = len(tables.parts) / max(len(tables.part_offsets) - 1, 1)
        inputs *= min(_OF_MEAN, max(rows, 1.0))
    return inputs, outputs


def damping(updates: NDArray[np.float32], in_flight: int, most: float = TOGETHER) -> NDArray[np.float32]:
    """min(1, tau / expected updates in flight), by which the changes of each row are multiplied.

    Args:
        updates: (R,) of each row by a center.
        in_flight: centers that are trained together.
        most: tau.

    Returns:
        (R,) float32 in (0, 1].

    Example:
        >>> damping(np.array([0.0, 0.1, 1.0], np.float32), 1000)
        array([1.  , 0.5 , 0.05], dtype=float32)
    """
    expected = np.maximum(updates * np.float32(in_flight), np.float32(most))
    return np.asarray(np.float32(most) / expected, np.float32)
