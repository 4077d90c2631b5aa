"""word2vec's deterministic rounds in float64: each lane of a round trains the tables that it found."""

from collections import Counter

from oracles.word2vec import set_of

LANES, POSITIONS = 8, 120
FREE_STEPS = 2.0  # learning rate times pairs that the changes of a row may come to in a round, as they are


def lanes_of(sentences):
    """For each lane of an epoch its sentences, cut where they are longer, and the position of the first."""
    total = sum(map(len, sentences))
    lanes = [([], None)] * (-(-total // (LANES * POSITIONS)) * LANES)
    begin = 0
    for sentence in sentences:
        for start in range(0, len(sentence), POSITIONS):
            piece = sentence[start : start + POSITIONS]
            lane = (begin + start) // POSITIONS
            pieces, first = lanes[lane]
            lanes[lane] = ([*pieces, piece], begin + start if first is None else first)
        begin += len(sentence)
    return lanes


def touched(met, set_size, parts=None, set_step=1):
    """How many centers meet each row of the inputs and of the outputs."""
    inputs, outputs = Counter(), Counter()
    for word in met.words:
        inputs.update([word] if parts is None else parts[word])
    for c, rows in enumerate(met.outputs):
        if set_size is None:
            outputs.update(rows)
            continue
        outputs[rows[0]] += 1
        if set_of(c, set_size, set_step) == c:
            outputs.update({row: set_size * times for row, times in Counter(rows[1:]).items()})
    return inputs, outputs


def train_round(lanes, tables, lr, pairs_of_a_use, set_size, train, parts=None, set_step=1):
    """Trains the meetings of a round's lanes in place.

    `train(met, input_table, output_table)` trains one lane, `pairs_of_a_use` are the pairs that a center
    makes on average, and `set_size` centers, so many apart, share negatives; None with a tree.
    """
    met_rows = [touched(met, set_size, parts, set_step) for met in lanes]
    trained = []
    for met in lanes:
        copies = [table.copy() for table in tables]
        train(met, *copies)
        trained.append(copies)
    for side, table in enumerate(tables):
        before = table.copy()
        for row in set().union(*(rows[side] for rows in met_rows)):
            sharers = [lane for lane, rows in enumerate(met_rows) if row in rows[side]]
            uses = sum(met_rows[lane][side][row] for lane in sharers)
            free = FREE_STEPS / (lr * pairs_of_a_use)
            scale = min(1.0, max(1 / len(sharers), free / uses))
            table[row] += scale * sum(trained[lane][side][row] - before[row] for lane in sharers)
