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


def analogy(rows, a, b, c, k, by_products):
    """The k rows of highest 3CosAdd or 3CosMul for "a is to b as c is to what", the three left out."""

    def score(row):
        to_a, to_b, to_c = (cosine(rows[i], row) for i in (a, b, c))
        if by_products:
            return (1 + to_b) / 2 * (1 + to_c) / 2 / ((1 + to_a) / 2 + 1e-6)
        return to_b - to_a + to_c

    scored = [(i, score(row)) for i, row in enumerate(rows) if i not in (a, b, c)]
    return sorted(scored, key=lambda item: (-item[1], item[0]))[:k]


def compactness_without(words, left_out):
    """The mean cosine of all pairs of a set of vectors without one of them."""
    others = [word for i, word in enumerate(words) if i != left_out]
    pairs = [(i, j) for i in range(len(others)) for j in range(len(others)) if i != j]
    return math.fsum(cosine(others[i], others[j]) for i, j in pairs) / len(pairs)


def outlier_place(words):
    """The place of the last of some vectors by the compactness of the others, as a share of the highest."""
    scores = [compactness_without(words, i) for i in range(len(words))]
    return sum(score < scores[-1] for score in scores[:-1]) / (len(words) - 1)
