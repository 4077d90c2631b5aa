"""GloVe in float64, step after step, in the order of the native engine."""

import itertools

import numpy as np

from oracles import philox

RUNS = 8
RUN_ENTRIES = 32


def word_of(seed, epoch, position, index):
    return philox.word(seed, RUNS, epoch, position, index)


def runs_of(row_offsets, columns, block_columns):
    """[(row, first, end)] of each row's columns: at most 32, all in one block."""
    for row, (begin, end) in enumerate(itertools.pairwise(row_offsets)):
        first = begin
        while first < end:
            last = first
            while (
                last < end
                and last - first < RUN_ENTRIES
                and columns[last] // block_columns == columns[first] // block_columns
            ):
                last += 1
            yield row, first, last
            first = last


def units_of(row_offsets, columns, vocabulary, pitch, seed):
    block_columns = max(64, (1 << 21) // (4 * pitch))
    unit_entries = min(1 << 16, max(1024, (112 << 16) // pitch))
    blocks = -(-vocabulary // block_columns)
    runs = list(runs_of(row_offsets, columns, block_columns))
    entries = [0] * blocks
    for _, first, end in runs:
        entries[columns[first] // block_columns] += end - first
    firsts = [0, *itertools.accumulate(-(-count // unit_entries) for count in entries)]
    units = [[] for _ in range(firsts[-1])]
    for position, run in enumerate(runs):
        block = columns[run[1]] // block_columns
        count = firsts[block + 1] - firsts[block]
        drawn = 0 if count == 1 else philox.below(word_of(seed, 0, position, 0), count)
        units[firsts[block] + drawn].append(run)
    return units


def in_order(unit, index, seed, epoch):
    order = list(unit)
    for draw, left in enumerate(range(len(order), 1, -1)):
        other = philox.below(word_of(seed, epoch, index | 1 << 63, draw), left)
        order[left - 1], order[other] = order[other], order[left - 1]
    return order


def step(p, i, j, x, lr, x_max, alpha, clip):
    """One pair as Stanford's program trains it; gives its loss, half of that of the paper."""
    u, v = p["words"][i], p["contexts"][j]
    error = u @ v + p["word_biases"][i] + p["context_biases"][j] - np.log(x)
    weighted = min(1.0, (x / x_max) ** alpha) * error
    step_u, step_v = (lr * np.clip(weighted * other, -clip, clip) for other in (v, u))
    p["words"][i] -= step_u / np.sqrt(p["word_squares"][i])
    p["contexts"][j] -= step_v / np.sqrt(p["context_squares"][j])
    p["word_squares"][i] += step_u**2
    p["context_squares"][j] += step_v**2
    for side, at in (("word", i), ("context", j)):
        p[f"{side}_biases"][at] -= weighted / np.sqrt(p[f"{side}_bias_squares"][at])
        p[f"{side}_bias_squares"][at] += weighted**2
    return 0.5 * weighted * error


def train(parameters, matrix, order, pitch, seed, epoch, lr=0.05, x_max=100.0, alpha=0.75, clip=100.0):
    """Trains an epoch in place; `order` is that of the units. Gives the sum of the losses."""
    offsets, columns = matrix.row_offsets.tolist(), matrix.columns.tolist()
    units = units_of(offsets, columns, len(offsets) - 1, pitch, seed)
    assert len(units) == len(order)
    loss = 0.0
    for index in order:
        for row, first, end in in_order(units[index], index, seed, epoch):
            for k in range(first, end):
                x = float(np.float32(matrix.counts[k]))
                loss += step(parameters, row, columns[k], x, lr, x_max, alpha, clip)
                if matrix.symmetric and columns[k] != row:
                    loss += step(parameters, columns[k], row, x, lr, x_max, alpha, clip)
    return loss
