"""Tests of goodness of fit with a stated error probability, without SciPy."""

import math


def chi_square_bound(degrees, error=1e-6):
    """A value that chi-square of so many degrees exceeds with probability at most `error`.

    Laurent and Massart 2000, lemma 1: P(X >= d + 2 sqrt(d x) + 2 x) <= exp(-x).
    """
    x = -math.log(error)
    return degrees + 2 * math.sqrt(degrees * x) + 2 * x


def chi_square(observed, probabilities):
    """Pearson's statistic of counts against probabilities, and its degrees of freedom.

    Cells that expect fewer than 10 are thrown together, so that the approximation holds.
    """
    total = sum(observed)
    cells, small_seen, small_expected = [], 0, 0.0
    for seen, probability in zip(observed, probabilities, strict=True):
        if probability == 0:
            assert seen == 0
        elif probability * total < 10:
            small_seen += seen
            small_expected += probability * total
        else:
            cells.append((seen, probability * total))
    if small_expected >= 10:
        cells.append((small_seen, small_expected))
    return sum((seen - expected) ** 2 / expected for seen, expected in cells), len(cells) - 1


def fits(observed, probabilities, error=1e-6):
    statistic, degrees = chi_square(observed, probabilities)
    return statistic <= chi_square_bound(max(degrees, 1), error)
