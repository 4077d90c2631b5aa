"""Nearest rows, analogies and correlations by the definitions, in plain Python."""

import math


def cosine(a, b):
    lengths = math.sqrt(math.fsum(x * x for x in a)) * math.sqrt(math.fsum(x * x for x in b))
    value = math.fsum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0
    return value if math.isfinite(value) else 0.0


def nearest(rows, query, k, exclude=()):
    """[(row, cosine)], best first, equal ones by row."""
    scored = [(i, cosine(row, query)) for i, row in enumerate(rows) if i not in exclude]
    return sorted(scored, key=lambda item: (-item[1], item[0]))[:k]


def ranks(values):
    """Ranks from 1, equal values sharing the mean of their places."""
    order = sorted(values)
    return [order.index(v) + (order.count(v) + 1) / 2 for v in values]


def pearson(x, y):
    mx, my = math.fsum(x) / len(x), math.fsum(y) / len(y)
    top = math.fsum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return top / math.sqrt(math.fsum((a - mx) ** 2 for a in x) * math.fsum((b - my) ** 2 for b in y))
