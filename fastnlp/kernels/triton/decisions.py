"""What skip-gram and hierarchical softmax share: a vector decides, yes or no, at some rows of a table."""

import triton
import triton.language as tl

from fastnlp.kernels.triton.logistic import decision


@triton.jit
def decide(v, table, ids, yes, real, scale, D: tl.constexpr, PITCH: tl.constexpr, WIDTH: tl.constexpr):
    """The rows `ids` of a table, read once, against a vector.

    Returns:
        Sum of losses; scale * (sigmoid(u.v) - yes) of each row, 0 where it is not real; the sum of the rows,
        each times that, which is the gradient of v.
    """
    d = tl.arange(0, WIDTH)
    u = tl.load(
        table + ids[:, None] * PITCH + d[None, :], mask=real[:, None] & (d < D)[None, :], other=0.0
    ).to(tl.float32)
    score = tl.sum(u * v[None, :], 1)
    loss, error = decision(tl.where(yes, -score, score))
    error = tl.where(real, tl.where(yes, -error, error) * scale, 0.0)
    return tl.where(real, loss, 0.0), error, tl.sum(error[:, None] * u, 0)


@triton.jit
def scatter(target, ids, places, rows, used, D: tl.constexpr, WIDTH: tl.constexpr, SPARSE: tl.constexpr):
    """Writes (ROWS, WIDTH) `rows` to their places, or adds them to the rows `ids` of a (V, D) table."""
    d = tl.arange(0, WIDTH)
    inside = (d < D)[None, :] & used[:, None]
    if SPARSE:
        tl.store(target + places[:, None] * D + d[None, :], rows, mask=inside)
    else:
        tl.atomic_add(target + ids[:, None] * D + d[None, :], rows, mask=inside, sem="relaxed")


@triton.jit
def scatter_one(target, row, place, values, D: tl.constexpr, WIDTH: tl.constexpr, SPARSE: tl.constexpr):
    """The same for a single row."""
    d = tl.arange(0, WIDTH)
    if SPARSE:
        tl.store(target + place * D + d, values, mask=d < D)
    else:
        tl.atomic_add(target + row * D + d, values, mask=d < D, sem="relaxed")
