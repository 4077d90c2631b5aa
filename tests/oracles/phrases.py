"""The obvious, slow phrases: count every pair of every sentence, score it, join from the left."""

import math
from collections import Counter

import numpy as np


def pairs(sentence, connectors=(), longest=0, apart=()):
    """The pairs of a sentence, each as (first, connector words..., second)."""
    held = None
    for word in sentence:
        if word in apart:
            held = None
        elif word in connectors:
            if held is not None:
                held = None if len(held) > longest else (*held, word)
        else:
            if held is not None:
                yield (*held, word)
            held = (word,)


def score(scoring, min_count, first, second, both, tokens, entries):
    if both < min_count:
        return -math.inf
    if scoring == "word2phrase":
        single = np.float32
        return float(single(both - min_count) / single(first) / single(second) * single(tokens))
    if scoring == "gensim":
        return (both - min_count) / float(first * second) * entries
    ab, a, b = both / tokens, first / tokens, second / tokens
    return math.log(ab / (a * b)) / -math.log(ab)


def find(sentences, scoring, min_count, threshold, connectors=(), longest=0, apart=()):
    """Phrase -> (count, score)."""
    words = Counter(word for sentence in sentences for word in sentence)
    counts = Counter(pair for sentence in sentences for pair in pairs(sentence, connectors, longest, apart))
    entries = len(counts) + len(set(words) - set(connectors) - set(apart))
    if scoring == "word2phrase":
        threshold = float(np.float32(threshold))
    found = {}
    for pair, count in counts.items():
        if count < min_count:
            continue
        value = score(scoring, min_count, words[pair[0]], words[pair[-1]], count, words.total(), entries)
        if value > threshold:
            found[pair] = (count, value)
    return found


def join(sentence, found, connectors=(), longest=0, delimiter="_"):
    """From the left: the first phrase that begins at a word takes the words it has."""
    joined = []
    i = 0
    while i < len(sentence):
        end = i + 1
        while end < len(sentence) and sentence[end] in connectors and end - i <= longest:
            end += 1
        phrase = tuple(sentence[i : end + 1])
        if sentence[i] not in connectors and phrase in found:
            joined.append(delimiter.join(phrase))
            i = end + 1
        else:
            joined.append(sentence[i])
            i += 1
    return joined
