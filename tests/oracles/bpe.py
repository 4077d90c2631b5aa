"""Byte-pair encoding in plain Python: the book's code, and the byte-level kind as it is defined."""

import collections
import itertools


def max_pair(token_freqs):
    """The book's `get_max_freq_pair`, and the count."""
    pairs = collections.defaultdict(int)
    for token, freq in token_freqs.items():
        symbols = token.split()
        for i in range(len(symbols) - 1):
            pairs[symbols[i], symbols[i + 1]] += freq
    if not pairs:
        return None, 0
    best = max(pairs, key=pairs.get)
    return best, pairs[best]


def replace(pair, token_freqs):
    """The book's `merge_symbols`: `str.replace` in the spelling with spaces."""
    return {token.replace(" ".join(pair), "".join(pair)): freq for token, freq in token_freqs.items()}


def join(symbols, pair):
    """Merges a pair at symbol boundaries, from the left."""
    joined, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            joined.append(pair[0] + pair[1])
            i += 2
        else:
            joined.append(symbols[i])
            i += 1
    return joined


def merge_at_boundaries(pair, token_freqs):
    return {" ".join(join(token.split(), pair)): freq for token, freq in token_freqs.items()}


def learn(words, merges, how=merge_at_boundaries, mark=""):
    """[(left, right, count)] as the book's loop finds them."""
    token_freqs = {" ".join([*word, *([mark] if mark else [])]): freq for word, freq in words.items()}
    found = []
    for _ in range(merges):
        pair, count = max_pair(token_freqs)
        if pair is None:
            break
        found.append((*pair, count))
        token_freqs = how(pair, token_freqs)
    return found


def learn_bytes(pieces, merges, special=(), longest=None, least=1):
    """(tokens, [(left id, right id, count)]): ties by the smallest pair of ids."""
    prints = [*range(33, 127), *range(161, 173), *range(174, 256)]
    order = prints + [b for b in range(256) if b not in prints]
    tokens = [*special, *(bytes([b]) for b in order)]
    ids = {token: i for i, token in enumerate(tokens)}
    words = [([ids[bytes([b])] for b in piece], count) for piece, count in pieces.items()]
    found, banned = [], set()
    while len(found) < merges:
        counts = collections.Counter()
        for word, count in words:
            for pair in itertools.pairwise(word):
                counts[pair] += count
        allowed = {
            pair: count
            for pair, count in counts.items()
            if count >= max(least, 1)
            and pair not in banned
            and (longest is None or len(tokens[pair[0]]) + len(tokens[pair[1]]) <= longest)
        }
        if not allowed:
            break
        pair = min(allowed, key=lambda p: (-allowed[p], p))
        if tokens[pair[0]] + tokens[pair[1]] in special:
            banned.add(pair)
            continue
        found.append((*pair, allowed[pair]))
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        new = len(tokens) - 1
        for w, (word, count) in enumerate(words):
            joined, i = [], 0
            while i < len(word):
                if tuple(word[i : i + 2]) == pair:
                    joined.append(new)
                    i += 2
                else:
                    joined.append(word[i])
                    i += 1
            words[w] = (joined, count)
    return tokens, found
