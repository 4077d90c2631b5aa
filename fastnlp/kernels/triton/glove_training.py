"""GloVe by AdaGrad, trained in runs of pairs of one word (persistent kernel).

A program takes run after run: up to 32 entries of a row of the matrix. It reads the rows of the word once
and those of the run's columns beside each other, D in pieces, once for the scores and once for the steps,
and adds all it has learned by relaxed atomics. The steps of the word itself are added up before.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.launching import OPTIONS, on_device

ENTRIES = 32  # of a run, at most
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
def bounded(step, bound):
    """Within [-bound, bound]."""
    return tl.minimum(tl.maximum(step, -bound), bound)


@triton.jit(do_not_specialize=["runs", "alpha", "x_max", "together"])
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
    together,
    pair_counts,
    losses,
    ENTRIES: tl.constexpr,
    PITCH: tl.constexpr,
    PIECE: tl.constexpr,
    SYMMETRIC: tl.constexpr,
):
    """Trains runs program, program + programs, ..."""
    program = tl.program_id(0)
    pairs = tl.zeros((), tl.int32)
    loss = tl.zeros((), tl.float32)
    for run in range(program, runs, tl.num_programs(0)):
        row = tl.load(rows + run).to(tl.int64)
        size = tl.load(sizes + run)
        entry = tl.load(firsts + run) + tl.arange(0, ENTRIES)
        real = tl.arange(0, ENTRIES) < size
        column = tl.load(columns + entry, mask=real, other=0).to(tl.int64)
        count = tl.load(counts + entry, mask=real, other=1.0)
        mirrored = real & (column != row)  # an entry stands for (j, i) too
        own = table + row * 4 * PITCH
        others = table + column[:, None] * 4 * PITCH

        score = tl.zeros((ENTRIES,), tl.float32)
        mirror_score = tl.zeros((ENTRIES,), tl.float32)
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            inside = d < PITCH
            here = real[:, None] & inside[None, :]
            u = tl.load(own + d, mask=inside, other=0.0, cache_modifier=".cg")
            v = tl.load(others + 2 * PITCH + d[None, :], mask=here, other=0.0, cache_modifier=".cg")
            score += tl.sum(u[None, :] * v, 1)
            if SYMMETRIC:
                v = tl.load(own + 2 * PITCH + d, mask=inside, other=0.0, cache_modifier=".cg")
                u = tl.load(others + d[None, :], mask=here, other=0.0, cache_modifier=".cg")
                mirror_score += tl.sum(u * v[None, :], 1)

        log = tl.log(count)
        weight = tl.minimum(tl.exp(alpha * (log - tl.log(x_max))), 1.0)
        error = tl.where(real, score - log, 0.0)
        mirror_error = tl.where(mirrored, mirror_score - log, 0.0)
        slope, mirror_slope = weight * error, weight * mirror_error
        pairs += size
        loss += tl.sum(0.5 * slope * error)
        if SYMMETRIC:
            pairs += tl.sum(mirrored.to(tl.int32))
            loss += tl.sum(0.5 * mirror_slope * mirror_error)

        share = tl.load(shares + column, mask=real, other=0.0)[:, None]
        own_share = tl.minimum(tl.load(shares + row), together / tl.maximum(size, 1).to(tl.float32))
        mirrors = tl.sum(mirrored.to(tl.int32))
        mirror_share = tl.minimum(tl.load(shares + row), together / tl.maximum(mirrors, 1).to(tl.float32))
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            inside = d < PITCH
            # Pairs (i, j), the word u of the run and the contexts v of its entries; then (j, i), which see
            # the v that has just moved where the run has an entry (i, i).
            teach(
                own, others + 2 * PITCH, rates, rates + PITCH, bounds, slope, own_share, share,
                d, inside, real, PITCH,
            )  # fmt: skip
            if SYMMETRIC:
                teach(
                    own + 2 * PITCH, others, rates + PITCH, rates, bounds, mirror_slope, mirror_share, share,
                    d, inside, mirrored, PITCH,
                )  # fmt: skip
    tl.store(pair_counts + program, pairs)
    tl.store(losses + program, loss)


@triton.jit
def teach(
    one, many, one_rates, many_rates, bounds, slope, one_share, many_share, d, inside, real,
    PITCH: tl.constexpr,
):  # fmt: skip
    """A piece of AdaGrad's steps of one row and of the rows that it meets; squares stand behind each.

    A step divides by the root of the squares of all other changes of its row, those of the run included.
    """
    here = real[:, None] & inside[None, :]
    many = many + d[None, :]
    x = tl.load(one + d, mask=inside, other=0.0, cache_modifier=".cg")
    y = tl.load(many, mask=here, other=0.0, cache_modifier=".cg")
    squares = tl.load(one + PITCH + d, mask=inside, other=1.0, cache_modifier=".cg")
    many_squares = tl.load(many + PITCH, mask=here, other=1.0, cache_modifier=".cg")
    bound = tl.load(bounds + d, mask=inside, other=0.0)[None, :]
    step = bounded(slope[:, None] * tl.load(one_rates + d, mask=inside, other=0.0)[None, :] * y, bound)
    many_step = bounded(
        slope[:, None] * tl.load(many_rates + d, mask=inside, other=0.0)[None, :] * x[None, :], bound
    )
    total = tl.sum(step * step, 0)
    change = tl.sum(step / tl.sqrt(squares[None, :] + (total[None, :] - step * step)), 0) * -one_share
    tl.atomic_add(one + d, change, mask=inside, sem="relaxed")
    tl.atomic_add(one + PITCH + d, total, mask=inside, sem="relaxed")
    tl.atomic_add(many, -many_step * many_share / tl.sqrt(many_squares), mask=here, sem="relaxed")
    tl.atomic_add(many + PITCH, many_step * many_step, mask=here, sem="relaxed")


def train_runs(
    table: torch.Tensor,
    rates: torch.Tensor,
    bounds: torch.Tensor,
    shares: torch.Tensor,
    runs: Runs,
    *,
    alpha: float,
    x_max: float,
    together: float,
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
        together: changes of the word of a run up to which they are added up; of more as much as of so many.
        symmetric: whether an entry (i, j) stands for (j, i) too.
        programs: at most so many run side by side.

    Returns:
        (programs,) each: int32 pairs, float32 sums of their losses.
    """
    programs = max(1, min(programs, len(runs.rows)))
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
                together,
                pairs,
                losses,
                ENTRIES=ENTRIES,
                PITCH=table.shape[1] // 4,
                PIECE=_PIECE,
                SYMMETRIC=symmetric,
                **_LAUNCH,
            )
    return pairs, losses
