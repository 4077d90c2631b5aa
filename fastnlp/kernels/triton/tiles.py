"""What the kernels that train word vectors share: tiles of centers, their contexts, and rows of tables.

A tile is up to `TILE` centers that follow each other, and the C tokens from one window before its first
center on, among which are all contexts of its centers. Programs stay on their multiprocessor and take tile
after tile, so as many centers are in flight as programs times centers of a tile: they race on the rows as
the threads of the CPU do. A tile reads all it needs before it writes, and adds by relaxed atomics.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.launching import OPTIONS, on_device

TILE = 16  # centers, at most
LOSS_EVERY = 8  # tiles between two whose loss is measured
_LAUNCH = {**OPTIONS, "num_warps": 8, "num_stages": 2}  # no spills, one program on a multiprocessor


class Tokens(NamedTuple):
    """The kept tokens of some units, (n,) each.

    Attributes:
        words: int32 ids.
        positions: int64, in the corpus.
        reaches: int32, of their windows.
        firsts: int32 numbers of the first token of the same piece of a sentence.
        lasts: int32 numbers of the last one.
    """

    words: torch.Tensor
    positions: torch.Tensor
    reaches: torch.Tensor
    firsts: torch.Tensor
    lasts: torch.Tensor


class Tiles(NamedTuple):
    """Centers that are trained together, (m,) each.

    Attributes:
        begins: int32 numbers of the first center.
        ends: int32 numbers of the one behind the last.
        rates: float32 learning rates.
    """

    begins: torch.Tensor
    ends: torch.Tensor
    rates: torch.Tensor


@triton.jit
def in_band(context, center, reach, first, last):
    """Whether kept tokens are contexts of centers: within the window and the same piece of a sentence."""
    apart = tl.abs(context - center)
    return (apart > 0) & (apart <= reach) & (context >= first) & (context <= last)


@triton.jit
def tile_of(
    begin, end, kept, words, reaches, firsts, lasts, T: tl.constexpr, C: tl.constexpr, WINDOW: tl.constexpr
):
    """A tile's centers and contexts.

    Returns:
        (T,) words of the centers, and which of them are real; (C,) words of the tokens around them; (C, T)
        which of these are contexts of which center.
    """
    center = begin + tl.arange(0, T)
    context = begin - WINDOW + tl.arange(0, C)
    is_center = center < end
    is_token = (context >= 0) & (context < kept)
    center_word = tl.load(words + center, mask=is_center, other=0)
    context_word = tl.load(words + context, mask=is_token, other=0)
    reach = tl.load(reaches + center, mask=is_center, other=0)
    first = tl.load(firsts + center, mask=is_center, other=0)
    last = tl.load(lasts + center, mask=is_center, other=0)
    band = in_band(context[:, None], center[None, :], reach[None, :], first[None, :], last[None, :])
    return center_word, is_center, context_word, band


@triton.jit
def rows_at(table, words, d, real, PITCH: tl.constexpr):
    """A piece of rows, past the L1 cache, which does not see what other multiprocessors write."""
    at = words.to(tl.int64)[:, None] * PITCH + d[None, :]
    return tl.load(table + at, mask=real[:, None] & (d < PITCH)[None, :], other=0.0, cache_modifier=".cg")


@triton.jit
def add_rows(table, words, d, real, change, PITCH: tl.constexpr):
    """Adds to a piece of rows."""
    at = words.to(tl.int64)[:, None] * PITCH + d[None, :]
    tl.atomic_add(table + at, change, mask=real[:, None] & (d < PITCH)[None, :], sem="relaxed")


def contexts_of(centers: int, window: int) -> int:
    """C, of a tile of so many centers: a power of two, and no less than a matrix product takes."""
    return max(16, int(triton.next_power_of_2(centers + 2 * window)))


def launch(
    kernel: triton.JITFunction,
    tables: tuple[torch.Tensor, torch.Tensor],
    damping: tuple[torch.Tensor, torch.Tensor],
    tokens: Tokens,
    tiles: Tiles,
    programs: int,
    arguments: Callable[[int], dict[str, object]],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Runs a kernel over tiles, with what all of them take and `arguments`.

    Args:
        kernel: to run.
        tables: (R, pitch) float32 input and output rows, trained in place.
        damping: (R,) float32 each, by which the changes of a row are multiplied.
        tokens: the kept ones.
        tiles: of their centers.
        programs: at most so many run side by side.
        arguments: gives what else the launch takes, for so many programs.

    Returns:
        (programs,) each: int32 predictions trained, int32 predictions measured, float32 sums of their losses.
    """
    programs = max(1, min(programs, len(tiles.begins)))
    device = tables[0].device
    trained = torch.zeros(programs, dtype=torch.int32, device=device)
    measured = torch.zeros_like(trained)
    losses = torch.zeros(programs, dtype=torch.float32, device=device)
    if len(tiles.begins):
        with on_device(tables[0]):
            kernel[(programs,)](
                *tables,
                *damping,
                *tokens,
                *tiles,
                len(tiles.begins),
                len(tokens.words),
                trained,
                measured,
                losses,
                T=TILE,
                PITCH=tables[0].shape[1],
                EVERY=LOSS_EVERY,
                **{**_LAUNCH, **arguments(programs)},
            )
    return trained, measured, losses
