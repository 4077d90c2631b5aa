"""GloVe by AdaGrad, trained in runs of pairs of one word (persistent kernel).

A program takes some runs at a time, up to 32 entries of a row of the matrix each, and goes through them side
by side, an entry of each at a time. So a pair sees what the pairs before it in its run have taught, which
matters most, and as many entries are in flight as programs times runs. Each run begins one entry behind the
one before it and goes round: columns rise within a run, and all would begin with the same frequent words.
Rows are read once for the scores and once for the steps, D in pieces, and what is learned is added by relaxed
atomics.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.launching import OPTIONS, on_device

RUNS = 8  # that a program goes through side by side
_PIECE = 32  # of D, at a time
_LAUNCH = {**OPTIONS, "num_warps": 4}


class Runs(NamedTuple):
    """Entries of a co-occurrence matrix, in the order of training.

    Attributes:
        rows: (r,) int32, the word of each run.
        firsts: (r,) int32 numbers of its first entry.
        sizes: (r,) int32, how many it has.
        columns: (n,) int32, the other word of each entry.
        counts: (n,) float32.
    """

    rows: torch.Tensor
    firsts: torch.Tensor
    sizes: torch.Tensor
    columns: torch.Tensor
    counts: torch.Tensor


@triton.jit
def rows_at(table, words, d, real, PART: tl.constexpr, PITCH: tl.constexpr):
    """A piece of rows past the L1 cache: 0 of u, 1 of its squares, 2 of v, 3 of its squares."""
    at = (words[:, None] * 4 + PART) * PITCH + d[None, :]
    here = real[:, None] & (d < PITCH)[None, :]
    return tl.load(table + at, mask=here, other=1.0 if PART % 2 == 1 else 0.0, cache_modifier=".cg")


@triton.jit
def scores_of(table, words, contexts, real, RUNS: tl.constexpr, PITCH: tl.constexpr, PIECE: tl.constexpr):
    """(RUNS,) u.v and biases of pairs."""
    score = tl.zeros((RUNS,), tl.float32)
    for start in range(0, PITCH, PIECE):
        d = start + tl.arange(0, PIECE)
        u = rows_at(table, words, d, real, 0, PITCH)
        score += tl.sum(u * rows_at(table, contexts, d, real, 2, PITCH), 1)
    return score


@triton.jit
def step(table, words, d, slope, other, rates, bound, share, real, PART: tl.constexpr, PITCH: tl.constexpr):
    """AdaGrad's step of a piece of rows, divided by the root of the squares before it."""
    inside = d < PITCH
    rate = tl.load(rates + (PART // 2) * PITCH + d, mask=inside, other=0.0)
    change = slope[:, None] * rate[None, :] * other
    change = tl.minimum(tl.maximum(change, -bound[None, :]), bound[None, :])
    squares = rows_at(table, words, d, real, PART + 1, PITCH)
    at = (words[:, None] * 4 + PART) * PITCH + d[None, :]
    here = real[:, None] & inside[None, :]
    tl.atomic_add(table + at, -change * share[:, None] / tl.sqrt(squares), mask=here, sem="relaxed")
    tl.atomic_add(table + at + PITCH, change * change, mask=here, sem="relaxed")


@triton.jit
def teach(
    table, words, contexts, slope, rates, bounds, shares, real, PITCH: tl.constexpr, PIECE: tl.constexpr
):
    """Steps of the words and of the contexts of pairs, both from what they were."""
    share = tl.load(shares + words, mask=real, other=0.0)
    context_share = tl.load(shares + contexts, mask=real, other=0.0)
    for start in range(0, PITCH, PIECE):
        d = start + tl.arange(0, PIECE)
        bound = tl.load(bounds + d, mask=d < PITCH, other=0.0)
        u = rows_at(table, words, d, real, 0, PITCH)
        v = rows_at(table, contexts, d, real, 2, PITCH)
        step(table, words, d, slope, v, rates, bound, share, real, 0, PITCH)
        step(table, contexts, d, slope, u, rates, bound, context_share, real, 2, PITCH)


@triton.jit(do_not_specialize=["runs", "alpha", "x_max"])
def glove_training(
    table,
    rates,
    bounds,
    shares,
    rows,
    firsts,
    sizes,
    columns,
    counts,
    runs,
    alpha,
    x_max,
    pair_counts,
    losses,
    RUNS: tl.constexpr,
    PITCH: tl.constexpr,
    PIECE: tl.constexpr,
    SYMMETRIC: tl.constexpr,
):
    """Trains groups of runs program, program + programs, ..."""
    program = tl.program_id(0)
    pairs = tl.zeros((), tl.int32)
    loss = tl.zeros((), tl.float32)
    for group in range(program, tl.cdiv(runs, RUNS), tl.num_programs(0)):
        run = group * RUNS + tl.arange(0, RUNS)
        row = tl.load(rows + run, mask=run < runs, other=0).to(tl.int64)
        first = tl.load(firsts + run, mask=run < runs, other=0)
        size = tl.load(sizes + run, mask=run < runs, other=0)
        for place in range(0, tl.max(size)):
            real = place < size
            entry = first + (run + place) % tl.maximum(size, 1)
            column = tl.load(columns + entry, mask=real, other=0).to(tl.int64)
            count = tl.load(counts + entry, mask=real, other=1.0)
            log = tl.log(count)
            weight = tl.minimum(tl.exp(alpha * (log - tl.log(x_max))), 1.0)
            error = tl.where(real, scores_of(table, row, column, real, RUNS, PITCH, PIECE) - log, 0.0)
            teach(table, row, column, weight * error, rates, bounds, shares, real, PITCH, PIECE)
            pairs += tl.sum(real.to(tl.int32))
            loss += tl.sum(0.5 * weight * error * error)
            tl.debug_barrier()  # what has been learned is there before it is read
            if SYMMETRIC:
                real = real & (column != row)  # an entry stands for (j, i) too
                error = tl.where(real, scores_of(table, column, row, real, RUNS, PITCH, PIECE) - log, 0.0)
                teach(table, column, row, weight * error, rates, bounds, shares, real, PITCH, PIECE)
                pairs += tl.sum(real.to(tl.int32))
                loss += tl.sum(0.5 * weight * error * error)
                tl.debug_barrier()
    tl.store(pair_counts + program, pairs)
    tl.store(losses + program, loss)


def train_runs(
    table: torch.Tensor,
    rates: torch.Tensor,
    bounds: torch.Tensor,
    shares: torch.Tensor,
    runs: Runs,
    *,
    alpha: float,
    x_max: float,
    symmetric: bool,
    programs: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Trains runs in place.

    Args:
        table: (V, 4 * pitch) float32: of each word u, its squares, v and its squares, biases among them.
        rates: (2, pitch) float32 learning rates of u and of v.
        bounds: (pitch,) float32 of a step before it is divided.
        shares: (V,) float32, by which the changes of a word's rows are multiplied.
        runs: in the order of training.
        alpha: exponent of the weights.
        x_max: the count from which pairs weigh 1.
        symmetric: whether an entry (i, j) stands for (j, i) too.
        programs: at most so many run side by side.

    Returns:
        (programs,) each: int32 pairs, float32 sums of their losses.
    """
    programs = max(1, min(programs, -(len(runs.rows) // -RUNS)))
    pairs = torch.zeros(programs, dtype=torch.int32, device=table.device)
    losses = torch.zeros(programs, dtype=torch.float32, device=table.device)
    if len(runs.rows):
        with on_device(table):
            glove_training[(programs,)](
                table,
                rates,
                bounds,
                shares,
                *runs,
                len(runs.rows),
                alpha,
                x_max,
                pairs,
                losses,
                RUNS=RUNS,
                PITCH=table.shape[1] // 4,
                PIECE=_PIECE,
                SYMMETRIC=symmetric,
                **_LAUNCH,
            )
    return pairs, losses
