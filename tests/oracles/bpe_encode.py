"""Byte-pair encoding the obvious way: look at all pairs, merge the best, look again."""

import itertools


def learn(words, count):
    """Merges of byte strings, the most frequent pair first; ties go to the smaller pair."""
    words = [[word[i : i + 1] for i in range(len(word))] for word in words]
    merges = []
    while len(merges) < count:
        pairs = {}
        for word in words:
            for pair in itertools.pairwise(word):
                pairs[pair] = pairs.get(pair, 0) + 1
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = [apply(word, best) for word in words]
    return merges


def apply(symbols, pair):
    """Merges a pair wherever it stands, from the left."""
    merged, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged


def merge(symbols, ranks):
    """The tokens of a word: the pair of the lowest rank first, of equal ones the leftmost."""
    symbols = list(symbols)
    while True:
        known = [(ranks[pair], i) for i, pair in enumerate(itertools.pairwise(symbols)) if pair in ranks]
        if not known:
            return symbols
        _, i = min(known)
        symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]


def segment(word, symbols, unknown="[UNK]"):
    """The longest symbol each time from the left; the book's `segment_BPE` for one word."""
    found, start = [], 0
    while start < len(word):
        end = next((e for e in range(len(word), start, -1) if word[start:e] in symbols), None)
        found.append(unknown if end is None else word[start:end])
        start = start + 1 if end is None else end
    return found
