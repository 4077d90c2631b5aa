"""The matrix of GloVe by its definition, one obvious loop, in exact fractions."""

import itertools
from collections import Counter
from fractions import Fraction


def cooccurrences(ids, bounds, window, symmetric=True, by_distance=True, left_out=()):
    """{(i, j): X[i, j]}"""
    found = Counter()
    for begin, end in itertools.pairwise(bounds):
        for right in range(begin, end):
            for left in range(max(begin, right - window), right):
                i, j = ids[left], ids[right]
                if i in left_out or j in left_out:
                    continue
                weight = Fraction(1, right - left) if by_distance else 1
                found[i, j] += weight
                if symmetric:
                    found[j, i] += weight
    return found
