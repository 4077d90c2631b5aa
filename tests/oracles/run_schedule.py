"""The order in which GloVe's Triton engine reads and writes with so many runs in flight, on the CPU.

All runs in flight are at the same entry, and all read their rows before any adds what it has learned.
Arithmetic is plain torch.
"""

import torch

from fastnlp.kernels.triton.glove_training import RUNS
from fastnlp.training.triton_glove_engine import TritonGloVeEngine


def train_runs(table, rates, bounds, shares, runs, *, alpha, x_max, symmetric, programs):
    u, u_squares, v, v_squares = table.view(len(table), 4, -1).unbind(1)
    pairs, loss = 0, 0.0
    for begin in range(0, len(runs.rows), programs * RUNS):
        row, first, size = (part[begin : begin + programs * RUNS].long() for part in runs[:3])
        run = begin + torch.arange(len(row))
        for place in range(int(size.max())):
            real = place < size
            i, at = row[real], (first + (run + place) % size)[real]
            j, count = runs.columns[at].long(), runs.counts[at]
            other = i != j
            turns = [(i, j, count)]
            if symmetric:
                turns.append((j[other], i[other], count[other]))
            for word, context, x in turns:
                mine, theirs = u[word], v[context]
                error = (mine * theirs).sum(1) - x.log()
                slope = (x / x_max).pow(alpha).clamp(max=1.0) * error
                changes = []
                for side, squares, rows, rate, vector in (
                    (u, u_squares, word, rates[0], theirs),
                    (v, v_squares, context, rates[1], mine),
                ):
                    step = (slope[:, None] * rate * vector).clamp(-bounds, bounds)
                    changes.append((side, rows, -step * shares[rows, None] / squares[rows].sqrt()))
                    changes.append((squares, rows, step * step))
                for side, rows, change in changes:
                    side.index_add_(0, rows, change)
                pairs += len(word)
                loss += float((0.5 * slope * error).double().sum())
    return torch.tensor([pairs]), torch.tensor([loss])


class EmulatedGloVeEngine(TritonGloVeEngine):
    """The Triton engine of GloVe with its kernel emulated; `programs` programs run side by side."""

    _train_runs = staticmethod(train_runs)
