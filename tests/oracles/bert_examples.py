"""The rows of fastnlp.sampling.BertExamples in plain Python, draws included.

A corpus is a list of documents, these are lists of sentences, and these lists of ids; none is empty.
"""

import math

from oracles import philox


def settings(**changed):
    """What `BertExamples` does by default; cls, sep, mask, pad, never (ids) and drawable (ids) are needed."""
    return {
        "max_len": 128, "pairs": "packed", "rule": "document", "drop": False, "short": 0.1, "fraction": 0.15,
        "replacement": (0.8, 0.1), "most": 1 << 30, "begins": None, "ends": (), "seed": 1,
    } | changed  # fmt: skip


def places(documents):
    """The place in the corpus of the first token of each sentence."""
    found, at = [], 0
    for document in documents:
        found.append([])
        for sentence in document:
            found[-1].append(at)
            at += len(sentence)
    return found


def take(sentences, aim):
    """So many of the sentences as have `aim` tokens together, one at least."""
    taken = sentences[:1]
    while len(taken) < len(sentences) and sum(map(len, taken)) < aim:
        taken = sentences[: len(taken) + 1]
    return taken


def random_sentences(documents, d, place, s, epoch, aim):
    words = philox.block(s["seed"], philox.PAIRS, epoch, place, 1)
    others = list(range(len(documents)))
    if s["rule"] == "document":
        others.remove(d)
    other = documents[others[philox.below_wide(words[0], words[1], len(others))]]
    begin = philox.below_wide(words[2], words[3], len(other))
    return take(other[begin:], aim)


def make_pairs(documents, s, epoch):
    """[(place of A, sentences of A, sentences of B, does B follow)] in the order of the corpus."""
    room, half = s["max_len"] - 3, philox.threshold(0.5)
    pairs = []
    for d, (document, starts) in enumerate(zip(documents, places(documents), strict=True)):
        first = 0
        while first + 1 < len(document):
            words = philox.block(s["seed"], philox.PAIRS, epoch, starts[first], 0)
            random = philox.accepts(half, words[3])
            if s["pairs"] == "adjacent":
                a, following, aim = document[first : first + 1], document[first + 1 : first + 2], 0
                step = 1
            else:
                aim = room
                if philox.accepts(philox.threshold(s["short"]), words[0]):
                    aim = 2 + philox.below(words[1], room - 1)
                chunk = take(document[first:], aim)
                if len(chunk) == 1:
                    chunk = document[first : first + 2]
                cut = 1 + philox.below(words[2], len(chunk) - 1)
                a, following = chunk[:cut], chunk[cut:]
                step = cut if random else len(chunk)
            b = following
            if random:
                left = aim - sum(map(len, a))
                b = random_sentences(documents, d, starts[first], s, epoch, left)
            if not (s["drop"] and sum(map(len, a + b)) > room):
                pairs.append((starts[first], a, b, not random))
            first += step
    return pairs


def truncate(a, b, room, s, epoch, place):
    a, b = list(a), list(b)
    i = 0
    while len(a) + len(b) > room:
        longer = a if len(a) > len(b) else b
        front = philox.word(s["seed"], philox.TRUNCATION, epoch, place, i // 32) >> i % 32 & 1
        longer.pop(0 if front else -1)
        i += 1
    return a, b


def words_of(tokens, s):
    """Places of the tokens that may be predicted, word by word; tokens are (id, begins a sentence)."""
    words, inside = [], False
    for q, (token, begins) in enumerate(tokens):
        if token in s["never"]:
            inside = False
            continue
        if s["begins"] is None or not inside or begins or token in s["begins"]:
            words.append([])
        words[-1].append(q)
        inside = token not in s["ends"]
    return words


def hide(tokens, s, epoch, place):
    """(ids with some hidden, places of these, what they were); tokens are (id, begins a sentence)."""
    wanted = min(max(1, round(s["fraction"] * len(tokens))), s["most"])
    words, chosen, i = words_of(tokens, s), [], 0
    while words and len(chosen) < wanted:
        j = philox.below(philox.word(s["seed"], philox.MASKING, epoch, place, i), len(words))
        words[0], words[j] = words[j], words[0]
        word = words.pop(0)
        if len(chosen) + len(word) <= wanted:
            chosen += word
        i += 1
    chosen.sort()
    ids = [token for token, _ in tokens]
    hidden = list(ids)
    mask, other = s["replacement"]
    for i, q in enumerate(chosen):
        what = philox.word(s["seed"], philox.REPLACEMENT, epoch, place, 2 * i)
        which = philox.word(s["seed"], philox.REPLACEMENT, epoch, place, 2 * i + 1)
        if philox.accepts(philox.threshold(mask), what):
            hidden[q] = s["mask"]
        elif philox.accepts(philox.threshold(mask + other), what):
            hidden[q] = s["drawable"][philox.below(which, len(s["drawable"]))]
    return hidden, chosen, [ids[q] for q in chosen]


def marked(sentences):
    return [(token, q == 0) for sentence in sentences for q, token in enumerate(sentence)]


def pair_row(pair, s, epoch):
    """(ids, segments, places, labels, does B follow)"""
    place, a, b, follows = pair
    a, b = truncate(marked(a), marked(b), s["max_len"] - 3, s, epoch, place)
    tokens = [(s["cls"], False), *a, (s["sep"], False), *b, (s["sep"], False)]
    return *_row(tokens, [0] * (len(a) + 2) + [1] * (len(b) + 1), s, epoch, place), int(follows)


def full_rows(documents, s, epoch):
    """[(ids, segments, places, labels, None)] of running text."""
    ring = []
    for document in documents:
        ring += [*marked(document), (s["sep"], False)]
    words = philox.block(s["seed"], philox.PAIRS, epoch, 0, 0)
    start = philox.below_wide(words[0], words[1], len(ring))
    size = min(s["max_len"] - 2, len(ring))
    rows = []
    for r in range(max(1, len(ring) // (s["max_len"] - 2))):
        place = (start + r * size) % len(ring)
        text = [ring[(place + i) % len(ring)] for i in range(size)]
        tokens = [(s["cls"], False), *text, (s["sep"], False)]
        rows.append((*_row(tokens, [0] * len(tokens), s, epoch, place), None))
    return rows


def _row(tokens, segments, s, epoch, place):
    hidden, positions, labels = hide(tokens, s, epoch, place)
    return hidden, segments, positions, labels


def shuffled(n, seed, epoch, number, places=None):
    """A random order of 0..n-1: a Feistel network, walked until it is back below n."""
    bits = max(8, (n - 1).bit_length())
    order = []
    for x in range(n) if places is None else places:
        while True:
            low, high = bits - bits // 2, bits // 2
            for round_number in range(6):
                left, right = x >> low, x % (1 << low)
                drawn = philox.block(seed, philox.ORDER, epoch, number << 32 | right, round_number)[0]
                x = right << high | (left ^ drawn) % (1 << high)
                low, high = high, low
            if x < n:
                break
        order.append(x)
    return order


def epoch_batches(rows, batch_size, seed, epoch, pool=256):
    """The rows of an epoch, shuffled, sorted by length within pools of batches, and these shuffled.

    The last pool has the rows that fill no batch as well, and the batch of fewer rows comes last.
    """
    order = shuffled(len(rows), seed, epoch, 0)
    full = len(rows) // batch_size
    pools = max(1, math.ceil(full / pool))
    batches = []
    for number in range(pools):
        first, end = number * pool * batch_size, (number + 1) * pool * batch_size
        part = order[first : len(rows) if number == pools - 1 else end]
        count = math.ceil(len(part) / batch_size)
        places = list(range(count))
        if pool > 1:
            part = sorted(part, key=lambda example: len(rows[example][0]))
            places = shuffled(count, seed, epoch, 1 + number)
        cut, taken = {}, 0
        for place in range(count):
            size = len(part) - (count - 1) * batch_size if place == places[-1] else batch_size
            cut[place] = part[taken : taken + size]
            taken += size
        batches += [cut[place] for place in places]
    return [[rows[example] for example in batch] for batch in batches]


def padded(rows, s, multiple):
    """The arrays of a batch, as lists by name."""
    longest = max((len(row[0]) for row in rows), default=0)
    width = min(-(-longest // multiple) * multiple, s["max_len"])
    most = min(max(1, round(s["fraction"] * width)), s["most"])

    def pad(values, size, filler=0):
        return list(values) + [filler] * (size - len(values))

    return {
        "tokens": [pad(row[0], width, s["pad"]) for row in rows],
        "segments": [pad(row[1], width) for row in rows],
        "lengths": [len(row[0]) for row in rows],
        "positions": [pad(row[2], most) for row in rows],
        "weights": [pad([1.0] * len(row[2]), most, 0.0) for row in rows],
        "labels": [pad(row[3], most) for row in rows],
        "is_next": None if rows and rows[0][4] is None else [row[4] for row in rows],
    }
