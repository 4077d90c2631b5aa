"""A small step of the native engine is minus the learning rate times the gradient of the loss.

The gradient is a finite difference of the loss as a formula, over a text whose windows have two to four
contexts and in which a word meets itself.
"""

import itertools

import numpy as np
import pytest
from oracles import softmax as book
from oracles import word2vec

from fastnlp import _core
from fastnlp.models import hidden_vector, negative_sampling_loss, tree_log_probabilities
from fastnlp.sampling import AliasTable, HuffmanTree

SIMD = [name for name in ("avx512", "avx2", "baseline") if name in _core.simd_supported()]
TEXT = [1, 3, 0, 3, 2, 4]
WORDS, DIM, WINDOW, NEGATIVES, SEED, LR = 6, 5, 2, 4, 7, 1e-4
COUNTS = np.array([5, 4, 3, 3, 2, 1], np.int64)


def aligned(values):
    buffer = np.zeros(len(values) * 16 + 16, np.float32)
    start = -buffer.ctypes.data // 4 % 16
    table = buffer[start : start + len(values) * 16].reshape(len(values), 16)
    table[:, : values.shape[1]] = values
    return table


def trained(point, simd, noise, **settings):
    """What an epoch over the text adds to the input and the output table."""
    ids, offsets = np.array(TEXT, np.int32), np.array([0, len(TEXT)], np.int64)
    model = _core.Word2Vec(
        ids,
        offsets,
        np.ones(WORDS),
        noise,
        simd=simd,
        dim=DIM,
        window=WINDOW,
        shrink=False,
        negatives=NEGATIVES,
        shared_by="center",
        seed=SEED,
        lr=LR,
        min_lr=LR,
        epochs=1,
        **settings,
    )
    tables = [aligned(table) for table in point]
    model.train(*tables, 0, 0, 1, 1e9)
    return np.array([table[:, :DIM] for table in tables]) - point.astype(np.float32)


def predictions(v, contexts):
    """Each center, with its position and each vector that predicts it; `contexts` is None for skip-gram."""
    for position, (center, around) in enumerate(book.windows(TEXT, WINDOW)):
        hidden = [v[word] for word in around] if contexts is None else [hidden_vector(v[around], contexts)]
        for h in hidden:
            yield position, center, h


def by_negatives(contexts):
    """The loss of negative sampling, with the noise that the engine draws."""
    alias = AliasTable(COUNTS.astype(float))
    noise = [
        word2vec.negatives_of(alias.thresholds, alias.aliases, SEED, 0, position, [center], NEGATIVES)
        for position, center in enumerate(TEXT)
    ]
    return lambda point: sum(
        negative_sampling_loss(h, point[1][center], point[1][noise[position]])
        for position, center, h in predictions(point[0], contexts)
    )


def by_tree(contexts, tree):
    """The loss of hierarchical softmax."""
    return lambda point: (
        -sum(
            tree_log_probabilities(h, point[1], tree)[center]
            for _, center, h in predictions(point[0], contexts)
        )
    )


@pytest.mark.parametrize("simd", SIMD)
@pytest.mark.parametrize(("loss", "contexts"), list(itertools.product(("ns", "hs"), (None, "mean", "sum"))))
def test_a_small_step_is_the_gradient_of_the_loss(simd, loss, contexts):
    point = np.random.default_rng(0).normal(size=(2, WORDS, DIM))
    settings = {} if contexts is None else dict(architecture="cbow", cbow_contexts=contexts)
    if loss == "hs":
        tree = HuffmanTree.from_counts(COUNTS)
        step = trained(point, simd, None, path=tree.path, path_offsets=tree.path_offsets, **settings)
        slopes = book.slopes(by_tree(contexts, tree), point)
    else:
        step = trained(point, simd, COUNTS.astype(float), **settings)
        slopes = book.slopes(by_negatives(contexts), point)
    assert np.abs(slopes).max() > 1
    np.testing.assert_allclose(step / -LR, slopes, atol=0.01)
