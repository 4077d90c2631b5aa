"""Skip-gram with shared negatives in float64, rule after rule, in the order of the native engine.

The order is part of what is checked: a context vector is read when its word comes within reach of the window
and its change is added to the table when it has left; the scores of a center are taken before the center in
front of it is applied; contexts are applied in blocks of four (of two with the narrower instruction sets) and
outputs in blocks of six.
"""

import numpy as np

from oracles import philox


def drawn_noise(thresholds, aliases, seed, epoch, position, d):
    i = philox.below(philox.word(seed, philox.NEGATIVES, epoch, position, 2 * d), len(thresholds))
    accepted = philox.accepts(
        int(thresholds[i]), philox.word(seed, philox.NEGATIVES, epoch, position, 2 * d + 1)
    )
    return i if accepted else int(aliases[i])


def negatives_of(thresholds, aliases, seed, epoch, position, center, k):
    found, d = [], 0
    while len(found) < k:
        drawn = drawn_noise(thresholds, aliases, seed, epoch, position, d)
        d += 1
        if drawn != center:
            found.append(drawn)
    return found


def meetings(sentences, keep, table, window, k, seed, epoch, shrink=True):
    """The kept words, and for each the slots of its contexts and the ids of its output rows."""
    thresholds, aliases = table
    words, slots, outputs = [], [], []
    position = 0
    for sentence in sentences:
        first = len(words)
        reaches = []
        for word in sentence:
            limit = philox.threshold(keep[word])
            if philox.accepts(limit, philox.word(seed, philox.TOKEN, epoch, position, 0)):
                reach = window
                if shrink:
                    reach = 1 + philox.below(philox.word(seed, philox.TOKEN, epoch, position, 1), window)
                reaches.append(reach)
                words.append(word)
                outputs.append([word, *negatives_of(thresholds, aliases, seed, epoch, position, word, k)])
            position += 1
        for c in range(first, len(words)):
            reach = reaches[c - first]
            low, high = max(first, c - reach), min(len(words) - 1, c + reach)
            slots.append([i for i in range(low, high + 1) if i != c])
    return words, slots, outputs


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def train_unit(
    words, slots, outputs, input_table, output_table, lr, window, block_rows=4, parts=None, mean=True
):
    """Trains one unit in place; returns the summed loss over all pairs.

    `parts` are the input rows that each word is composed of, and `mean` whether by their mean or their sum;
    without, word w has row w.
    """
    ring, entered, left, loss = {}, 0, 0, 0.0
    gradients = {}

    def compose(word):
        if parts is None:
            return input_table[word]
        total = sum((input_table[part] for part in parts[word]), np.zeros(input_table.shape[1]))
        return total / max(1, len(parts[word])) if mean else total

    def leave(word, change):
        for part in [word] if parts is None else parts[word]:
            input_table[part] += change

    def apply(c):
        xs = slots[c]
        for row in range(0, len(xs), block_rows):
            block = xs[row : row + block_rows]
            for column in range(0, len(outputs[c]), 6):
                before = {i: ring[i][0].copy() for i in block}
                for j, out in enumerate(outputs[c][column : column + 6], column):
                    u = output_table[out].copy()
                    for i in block:
                        g = gradients[c][xs.index(i), j]
                        ring[i][0] += g * u
                        output_table[out] += g * before[i]

    for c in range(len(words)):
        while left < c - window - 1:
            now, entry = ring.pop(left)
            leave(words[left], now - entry)
            left += 1
        while entered < len(words) and entered <= c + window:
            row = compose(words[entered])
            ring[entered] = [row.copy(), row.copy()]
            entered += 1
        x = np.array([ring[i][0] for i in slots[c]]).reshape(len(slots[c]), input_table.shape[1])
        y = output_table[outputs[c]]
        label = np.zeros((len(x), len(y)))
        label[:, 0] = 1
        scores = x @ y.T
        gradients[c] = (label - sigmoid(scores)) * lr
        loss += np.logaddexp(0, np.where(label == 1, -scores, scores)).sum()
        if c:
            apply(c - 1)
    if words:
        apply(len(words) - 1)
    for i in range(left, entered):
        now, entry = ring[i]
        leave(words[i], now - entry)
    return loss
