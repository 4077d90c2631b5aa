import numpy as np
import pytest

from fastnlp import WordVectors


@pytest.fixture(scope="session")
def vectors():
    """400 words in ten clusters of 40, so that maps have crowded places; w0 to w9 are of ten clusters."""
    draw = np.random.default_rng(1)
    centres = draw.normal(size=(10, 24))
    table = centres[np.arange(400) % 10] + 0.35 * draw.normal(size=(400, 24))
    return WordVectors(
        [f"w{i}" if i % 3 else f"longer-word-{i}" for i in range(400)], table.astype(np.float32)
    )


@pytest.fixture(scope="session")
def family():
    """Pairs of vectors of one length that differ by the same vector."""
    table = np.array([[1, -1, 1], [1, 1, 1], [1, -1, -1], [1, 1, -1], [-1, 0, 0.1]], np.float32)
    return WordVectors(["man", "woman", "king", "queen", "tree"], table)


@pytest.fixture(scope="session")
def odd():
    """Two equal rows, one of zeros, one with NaN."""
    table = np.array([[1, 2], [1, 2], [0, 0], [np.nan, 1], [3, -1]], np.float32)
    return WordVectors(["one", "same", "zero", "nan", "other"], table)
