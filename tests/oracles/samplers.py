"""What fastnlp.sampling computes, one obvious loop each."""

import itertools
import math

from oracles import philox


def keep_probability(count, total, t, rule):
    if not t or not count:
        return 1.0
    f = count / total
    return min(1.0, math.sqrt(t / f) if rule == "book" else (math.sqrt(f / t) + 1) * t / f)


def sentences_of(ids, offsets):
    return [list(ids[a:b]) for a, b in itertools.pairwise(offsets)]


def subsample(ids, offsets, keep, seed, epoch=0):
    kept, new_offsets, positions = [], [0], []
    for begin, end in itertools.pairwise(offsets):
        for p in range(begin, end):
            if philox.accepts(philox.threshold(keep[ids[p]]), philox.word(seed, philox.TOKEN, epoch, p, 0)):
                kept.append(ids[p])
                positions.append(p)
        new_offsets.append(len(kept))
    return kept, new_offsets, positions


def windows(ids, offsets, window, seed, epoch=0, positions=None, shrink=True, keep_lone=False):
    """[(center, contexts, position)]"""
    positions = range(len(ids)) if positions is None else positions
    found = []
    for begin, end in itertools.pairwise(offsets):
        if end - begin < 2 and not keep_lone:
            continue
        for i in range(begin, end):
            width = window
            if shrink:
                width = 1 + philox.below(philox.word(seed, philox.TOKEN, epoch, positions[i], 1), window)
            around = [j for j in range(i - width, i + width + 1) if begin <= j < end and j != i]
            found.append((ids[i], [ids[j] for j in around], positions[i]))
    return found


def negatives(contexts, thresholds, aliases, count, seed, epoch, position, tries=64):
    """`count` noise words of one center; None from where the draws would have to leave the alias table."""
    out, draw = [], 0
    while len(out) < count:
        for _ in range(tries):
            column = philox.below(
                philox.word(seed, philox.NEGATIVES, epoch, position, 2 * draw), len(thresholds)
            )
            second = philox.word(seed, philox.NEGATIVES, epoch, position, 2 * draw + 1)
            draw += 1
            candidate = column if philox.accepts(thresholds[column], second) else aliases[column]
            if candidate not in contexts:
                out.append(candidate)
                break
        else:
            return None
    return out


def permutation(n, seed, epoch=0):
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        high, low = philox.block(seed, philox.SHUFFLE, epoch, i, 0)[:2]
        j = (high << 32 | low) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order


def padded(examples):
    """[(center, contexts, negatives)] -> the four padded lists."""
    width = max((len(c) + len(n) for _, c, n in examples), default=0)
    centers, words, masks, labels = [], [], [], []
    for center, contexts, negative in examples:
        real = len(contexts) + len(negative)
        centers.append([center])
        words.append(contexts + negative + [0] * (width - real))
        masks.append([1] * real + [0] * (width - real))
        labels.append([1] * len(contexts) + [0] * (width - len(contexts)))
    return centers, words, masks, labels
