"""word2vec in float64, rule after rule, in the order of the native engine.

The order is part of what is checked: a context vector is trained in the table, but a word that is one of the
four kept words before it again, or is composed of parts, gets a vector of its own when it comes within reach
of the window, whose change is added to the table when it has left; the scores of a center are taken before
the center in front of it is applied; contexts are applied in blocks of four (of two where vectors have fewer
than 16 lanes) and outputs, where they are many, in as few blocks as fill a vector with dot products, of sizes
as equal as can be. Where skip-gram's negatives are shared by groups of four centers, the contexts of a group
are taken in such blocks, and a block is scored before the one in front of it is applied. CBOW's groups are
two centers, whose hidden vectors make one block; the words for the next group enter before it is applied.
"""

from dataclasses import dataclass

import numpy as np

from oracles import philox


@dataclass
class Meetings:
    """The kept words; of each the slots of its contexts, its output rows and their labels."""

    words: list
    slots: list
    outputs: list
    labels: list


def drawn_noise(thresholds, aliases, seed, epoch, position, d):
    i = philox.below(philox.word(seed, philox.NEGATIVES, epoch, position, 2 * d), len(thresholds))
    accepted = philox.accepts(
        int(thresholds[i]), philox.word(seed, philox.NEGATIVES, epoch, position, 2 * d + 1)
    )
    return i if accepted else int(aliases[i])


def negatives_of(thresholds, aliases, seed, epoch, position, centers, k):
    """K draws that are none of the centers, of the stream of the first one's position."""
    found, d = [], 0
    while len(found) < k:
        drawn = drawn_noise(thresholds, aliases, seed, epoch, position, d)
        d += 1
        if drawn not in centers:
            found.append(drawn)
    return found


def set_of(c, set_size, set_step=1):
    """The first of the `set_size` centers, so many apart, that share negatives with center c."""
    return c - c // set_step % set_size * set_step


def meetings(
    sentences, keep, table, window, k, seed, epoch, shrink=True, tree=None, set_size=1, set_step=1, position=0
):
    """What meets in a unit whose first word stands at `position`.

    `tree` holds the path (node, code) of each word; `set_size` centers share negatives, from one to the next
    of which it is `set_step` kept words.
    """
    words, reaches, positions, slots = [], [], [], []
    for sentence in sentences:
        first = len(words)
        for word in sentence:
            limit = philox.threshold(keep[word])
            if philox.accepts(limit, philox.word(seed, philox.TOKEN, epoch, position, 0)):
                reach = window
                if shrink:
                    reach = 1 + philox.below(philox.word(seed, philox.TOKEN, epoch, position, 1), window)
                reaches.append(reach)
                words.append(word)
                positions.append(position)
            position += 1
        for c in range(first, len(words)):
            low, high = max(first, c - reaches[c]), min(len(words) - 1, c + reaches[c])
            slots.append([i for i in range(low, high + 1) if i != c])
    if tree is not None:
        outputs = [[node for node, _ in tree[word]] for word in words]
        labels = [[1 - code for _, code in tree[word]] for word in words]
        return Meetings(words, slots, outputs, labels)
    outputs = []
    for c, word in enumerate(words):
        first = set_of(c, set_size, set_step)
        centers = words[first : first + set_size * set_step : set_step]
        outputs.append([word, *negatives_of(*table, seed, epoch, positions[first], centers, k)])
    return Meetings(words, slots, outputs, [[1] + [0] * k] * len(words))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def blocks(columns, rows, lanes):
    """Where the blocks of columns that meet so many rows begin and end."""
    full = lanes // rows if lanes // rows > 2 else 6
    most = max(6, lanes // rows) if columns <= max(6, lanes // rows) else full
    first = 0
    for left in range(-(-columns // most), 0, -1):
        width = -(-(columns - first) // left)
        yield first, first + width
        first += width


def train_unit(
    meetings, input_table, output_table, lr, window, lanes=16, parts=None, mean=True, cbow=None, set_size=1
):
    """Trains one unit in place; returns the summed loss over all predictions.

    `lanes` is the number of floats in a vector, of which the sizes of blocks follow.
    `parts` are the input rows that each word is composed of, and `mean` whether by their mean or their sum;
    without, word w has row w. `cbow` is None for skip-gram, or how contexts are combined. `set_size`
    centers in a row share negatives, whose losses are those before any of them is trained.
    """
    words, slots, outputs = meetings.words, meetings.slots, meetings.outputs
    ring, entered, left, loss = {}, 0, 0, 0.0
    gradients, hidden = {}, {}

    def compose(word):
        if parts is None:
            return input_table[word]
        total = sum((input_table[part] for part in parts[word]), np.zeros(input_table.shape[1]))
        return total / max(1, len(parts[word])) if mean else total

    def leave(word, change):
        for part in [word] if parts is None else parts[word]:
            input_table[part] += change

    def apply_contexts(c):
        xs = slots[c]
        for row in range(0, len(xs), 4 if lanes == 16 else 2):
            block = xs[row : row + (4 if lanes == 16 else 2)]
            for first, last in blocks(len(outputs[c]), len(block), lanes):
                apply_block(block, outputs[c][first:last], gradients[c][row : row + len(block), first:last])

    def apply_hidden(c):
        if not slots[c]:
            return
        error = np.zeros(input_table.shape[1])
        for j, out in enumerate(outputs[c]):
            error += gradients[c][0, j] * output_table[out]
            output_table[out] += gradients[c][0, j] * hidden[c]
        for i in slots[c]:
            ring[i][0] += error / len(slots[c]) if cbow == "mean" else error

    def move_ring(low, high):
        nonlocal entered, left
        while left < low:
            now, entry = ring.pop(left)
            if entry is not None:
                leave(words[left], now - entry)
            left += 1
        while entered < min(high, len(words)):
            row = compose(words[entered])
            again = words[entered] in words[max(0, entered - 4) : entered]
            ring[entered] = [row, None] if parts is None and not again else [row.copy(), row.copy()]
            entered += 1

    def score(block, outs, sign, times):
        x = np.array([ring[i][0] for i in block])
        return times * (sign - sigmoid(x @ output_table[outs].T)) * lr

    def apply_block(block, outs, gradient):
        before = {i: ring[i][0].copy() for i in block}
        for j, out in enumerate(outs):
            u = output_table[out].copy()
            for k, i in enumerate(block):
                ring[i][0] += gradient[k, j] * u
                output_table[out] += gradient[k, j] * before[i]

    def train_group(begin, end):
        nonlocal loss
        centers, negatives = words[begin:end], outputs[begin][1:]
        for c in range(begin, end):
            x = np.array([ring[i][0] for i in slots[c]]).reshape(len(slots[c]), input_table.shape[1])
            loss += np.logaddexp(0, -x @ output_table[words[c]]).sum()
            loss += np.logaddexp(0, x @ output_table[negatives].T).sum()
        of_group = sorted({i for c in range(begin, end) for i in [c, *slots[c]]})
        height, late = 4 if lanes == 16 else 2, []
        for row in range(0, len(of_group), height):
            block = of_group[row : row + height]
            meets = np.array([[float(i in slots[c]) for c in range(begin, end)] for i in block])
            parts_of_block = [(centers, score(block, centers, 1, meets))]
            for first, last in blocks(len(negatives), len(block), lanes):
                outs = negatives[first:last]
                parts_of_block.append((outs, score(block, outs, 0, meets.sum(1, keepdims=True))))
            for task in late:
                apply_block(*task)
            late = [(block, *part) for part in parts_of_block]
        for task in late:
            apply_block(*task)

    def train_combined(begin, end):
        nonlocal loss
        centers = [c for c in range(begin, end) if slots[c]]
        if not centers:
            move_ring(0, end + set_size + window)
            return
        outs = [*(words[c] for c in centers), *outputs[begin][1:]]
        x = np.array([sum(ring[i][0] for i in slots[c]) for c in centers])
        x /= [[1 if cbow == "sum" else len(slots[c])] for c in centers]
        meets = np.ones((len(centers), len(outs)))
        meets[:, : len(centers)] = np.eye(len(centers))
        sign = np.where(np.arange(len(outs)) < len(centers), 1, -1)
        scores = x @ output_table[outs].T
        loss += (meets * np.logaddexp(0, -sign * scores)).sum()
        gradient = meets * ((sign == 1) - sigmoid(scores)) * lr
        move_ring(0, end + set_size + window)
        error = np.zeros_like(x)
        for j, out in enumerate(outs):
            error += gradient[:, j : j + 1] * output_table[out]
            output_table[out] += gradient[:, j] @ x
        for c, change in zip(centers, error, strict=True):
            for i in slots[c]:
                ring[i][0] += change / len(slots[c]) if cbow == "mean" else change

    if set_size > 1:
        for begin in range(0, len(words), set_size):
            end = min(begin + set_size, len(words))
            move_ring(begin - window, end + window)
            train_group(begin, end) if cbow is None else train_combined(begin, end)
        move_ring(entered, entered)
        return loss

    apply = apply_contexts if cbow is None else apply_hidden
    for c in range(len(words)):
        move_ring(c - window - 1, c + window + 1)
        x = np.array([ring[i][0] for i in slots[c]]).reshape(len(slots[c]), input_table.shape[1])
        if cbow is not None:
            hidden[c] = x.sum(0) / (1 if cbow == "sum" else max(1, len(x)))
            x = hidden[c][None] if len(x) else x
        label = np.array(meetings.labels[c], float)
        scores = x @ output_table[outputs[c]].T
        gradients[c] = (label - sigmoid(scores)) * lr
        loss += np.logaddexp(0, np.where(label == 1, -scores, scores)).sum()
        if c:
            apply(c - 1)
    if words:
        apply(len(words) - 1)
    move_ring(entered, entered)
    return loss
