"""Which tokens of a corpus are kept, and their windows: a pass over the ids, one after another."""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.launching import OPTIONS, on_device
from fastnlp.kernels.triton.philox import TOKEN, accepts, below, block

_BLOCK = 1024  # positions of a program


@triton.jit(do_not_specialize=["n", "first_position", "seed", "epoch", "window"])
def token_draws(
    ids, keep, reach, n, first_position, seed, epoch, window, SHRINK: tl.constexpr, BLOCK: tl.constexpr
):
    """Writes the reach of each token's window, 0 for tokens that are dropped."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    word = tl.load(ids + at, mask=inside, other=0)
    random, width, _, _ = block(seed, TOKEN, epoch, first_position + at, tl.zeros_like(word))
    drawn = 1 + below(width, window) if SHRINK else tl.zeros_like(word) + window
    kept = accepts(tl.load(keep + word, mask=inside, other=0), random)
    tl.store(reach + at, tl.where(kept, drawn, 0), mask=inside)


def draw_tokens(
    ids: torch.Tensor,
    keep: torch.Tensor,
    first_position: int,
    *,
    seed: int,
    epoch: int,
    window: int,
    shrink: bool,
) -> torch.Tensor:
    """(n,) int32: how far the window of each token reaches, 0 where the token is dropped.

    Args:
        ids: (n,) int32 of neighbouring positions.
        keep: (V,) uint32 thresholds.
        first_position: where in the corpus the first of them stands.
        seed: 64 bits.
        epoch: 32 bits.
        window: the widest reach, below 2^31.
        shrink: draw from 1..window instead of always the widest.
    """
    reach = torch.empty_like(ids)
    if len(ids):
        with on_device(ids):
            token_draws[(triton.cdiv(len(ids), _BLOCK),)](
                ids,
                keep,
                reach,
                len(ids),
                first_position,
                seed,
                epoch,
                window,
                SHRINK=shrink,
                BLOCK=_BLOCK,
                **OPTIONS,
            )
    return reach
