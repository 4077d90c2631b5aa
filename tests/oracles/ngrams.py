"""Character n-grams and fastText's hash, spelled out."""


def fnv(text):
    """FNV-1a of 32 bits over signed bytes."""
    value = 2166136261
    for byte in text.encode() if isinstance(text, str) else text:
        signed = byte - 256 if byte >= 128 else byte
        value = ((value ^ (signed % 2**32)) * 16777619) % 2**32
    return value


def of(word, low, high):
    """All n-grams of <word>, repeats included, by start and then by length; the marks alone are none."""
    marked = f"<{word}>"
    last = len(marked) - 1
    return [
        marked[start : start + n]
        for start in range(len(marked))
        for n in range(low, high + 1)
        if start + n <= len(marked) and not (n == 1 and start in (0, last))
    ]


def buckets_of(word, low, high, buckets):
    return [] if word == "</s>" else [fnv(ngram) % buckets for ngram in of(word, low, high)]


def vocabulary(words, low, high):
    """Each word's different n-grams with the whole of it last, and all of them by first appearance."""
    per_word = []
    for word in words:
        whole = f"<{word}>"
        parts = [ngram for ngram in of(word, low, high) if ngram != whole]
        per_word.append([*dict.fromkeys(parts), whole])
    return list(dict.fromkeys(ngram for parts in per_word for ngram in parts)), per_word
