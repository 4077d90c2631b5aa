"""Skip-gram with negative sampling, trained in tiles of centers that follow each other (persistent kernel).

The T centers of a tile and the tokens within reach of them, C at most, meet in two small matrix products:
contexts x centers, of which only the band within the windows counts, and contexts x negatives. A tile
reads each row once for the scores and once for the updates, D in pieces, and adds all it has learned by
relaxed atomics. Programs stay on their multiprocessor and take tile after tile, so programs x T centers are
in flight: they race on the rows as the threads of the CPU do.

Negatives are shared by the tile (NN of them, each of the weight K / NN a pair) or drawn for each center,
which are the native engine's draws.
"""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.launching import OPTIONS, on_device
from fastnlp.kernels.triton.logistic import decision
from fastnlp.kernels.triton.philox import noise_word

TILE = 16  # centers
SHARED = 32  # negatives of a tile
LOSS_EVERY = 8  # tiles between two whose loss is measured
_PIECE, _OWN_PIECE = (
    32,
    16,
)  # of D, at a time; with negatives for each center half as much, or registers spill
_LAUNCH = {**OPTIONS, "num_warps": 8, "num_stages": 2}  # no spills, one program on a multiprocessor
_DRAWS = 32  # of which a center's negatives are those that are not the center


@triton.jit
def in_band(context, center, reach, first, last):
    """Whether kept tokens are contexts of centers: within the window and the same piece of a sentence."""
    apart = tl.abs(context - center)
    return (apart > 0) & (apart <= reach) & (context >= first) & (context <= last)


@triton.jit
def negatives_of(
    center_words, positions, thresholds, aliases, size, seed, epoch,
    K: tl.constexpr, KP: tl.constexpr, DRAWS: tl.constexpr,
):  # fmt: skip
    """(T, KP) the first K draws of each center's stream that are not the center, and how many there are."""
    d = tl.arange(0, DRAWS)[None, :]
    drawn = noise_word(
        thresholds, aliases, size, seed, epoch, positions[:, None], d + tl.zeros_like(center_words)[:, None]
    )
    fits = drawn != center_words[:, None]
    place = tl.cumsum(fits.to(tl.int32), 1) - 1
    slot = tl.arange(0, KP)[None, :, None]
    chosen = (place[:, None, :] == slot) & fits[:, None, :]
    words = tl.sum(tl.where(chosen, drawn[:, None, :], 0), 2)
    return words, tl.sum(chosen.to(tl.int32), 2)


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


@triton.jit(do_not_specialize=["tiles", "kept", "noise_size", "seed", "epoch", "negative_weight"])
def skipgram_training(
    input_table,
    output_table,
    input_damping,
    output_damping,
    words,
    positions,
    reaches,
    firsts,
    lasts,
    tile_begins,
    tile_ends,
    tile_rates,
    tiles,
    kept,
    noise_thresholds,
    noise_aliases,
    noise_size,
    seed,
    epoch,
    negative_weight,
    pair_counts,
    measured_counts,
    losses,
    T: tl.constexpr,
    C: tl.constexpr,
    NN: tl.constexpr,
    K: tl.constexpr,
    WINDOW: tl.constexpr,
    PITCH: tl.constexpr,
    PIECE: tl.constexpr,
    SHARED: tl.constexpr,
    EVERY: tl.constexpr,
    DRAWS: tl.constexpr,
):
    """Trains tiles program, program + programs, ... of the kept tokens of some units."""
    program = tl.program_id(0)
    pairs = tl.zeros((), tl.int32)
    measured = tl.zeros((), tl.int32)
    loss = tl.zeros((), tl.float32)
    for tile in range(program, tiles, tl.num_programs(0)):
        begin = tl.load(tile_begins + tile)
        end = tl.load(tile_ends + tile)
        rate = tl.load(tile_rates + tile)
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

        if SHARED:
            position = tl.load(positions + begin)
            negative = noise_word(
                noise_thresholds, noise_aliases, noise_size, seed, epoch, position, tl.arange(0, NN)
            )
            is_negative = tl.full((NN,), True, tl.int1)
            # Pairs of a context that a negative counts for: those whose center is another word.
            others = center_word[:, None] != negative[None, :]
            meets = tl.dot(band.to(tl.float16), others.to(tl.float16))
        else:
            position = tl.load(positions + center, mask=is_center, other=0)
            drawn, is_drawn = negatives_of(
                center_word, position, noise_thresholds, noise_aliases, noise_size, seed, epoch,
                K=K, KP=NN // T, DRAWS=DRAWS,
            )  # fmt: skip
            slot = tl.arange(0, NN // T)[None, :]
            is_drawn = (is_drawn > 0) & (slot < K) & is_center[:, None]
            negative = tl.reshape(drawn, (NN,))
            is_negative = tl.reshape(is_drawn, (NN,))
            owner = begin + tl.arange(0, NN) // (NN // T)
            owned = owner < end
            own_reach = tl.load(reaches + owner, mask=owned, other=0)
            own_first = tl.load(firsts + owner, mask=owned, other=0)
            own_last = tl.load(lasts + owner, mask=owned, other=0)
            meets = in_band(
                context[:, None], owner[None, :], own_reach[None, :], own_first[None, :], own_last[None, :]
            )
            meets = (meets & is_negative[None, :]).to(tl.float32)

        is_context = tl.sum(band.to(tl.int32), 1) > 0
        scores = tl.zeros((C, T), tl.float32)
        noise_scores = tl.zeros((C, NN), tl.float32)
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            x = rows_at(input_table, context_word, d, is_context, PITCH)
            y = rows_at(output_table, center_word, d, is_center, PITCH)
            scores = tl.dot(x, tl.trans(y), scores)
            y = rows_at(output_table, negative, d, is_negative, PITCH)
            noise_scores = tl.dot(x, tl.trans(y), noise_scores)

        positive_loss, miss = decision(-scores)
        negative_loss, hit = decision(noise_scores)
        gradient = tl.where(band, miss, 0.0) * rate
        noise_gradient = -hit * meets * (rate * negative_weight)
        pairs += tl.sum(band.to(tl.int32))
        if tile % EVERY == 0:
            measured += tl.sum(band.to(tl.int32))
            loss += tl.sum(tl.where(band, positive_loss, 0.0))
            loss += tl.sum(negative_loss * meets) * negative_weight

        context_damping = tl.load(input_damping + context_word, mask=is_context, other=0.0)
        center_damping = tl.load(output_damping + center_word, mask=is_center, other=0.0)
        negative_damping = tl.load(output_damping + negative, mask=is_negative, other=0.0)
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            x = rows_at(input_table, context_word, d, is_context, PITCH)
            y = rows_at(output_table, center_word, d, is_center, PITCH)
            z = rows_at(output_table, negative, d, is_negative, PITCH)
            change = tl.dot(noise_gradient, z, tl.dot(gradient, y))
            center_change = tl.dot(tl.trans(gradient), x) * center_damping[:, None]
            negative_change = tl.dot(tl.trans(noise_gradient), x) * negative_damping[:, None]
            # All is read before anything is written: a negative may be a center of the tile.
            add_rows(input_table, context_word, d, is_context, change * context_damping[:, None], PITCH)
            add_rows(output_table, center_word, d, is_center, center_change, PITCH)
            add_rows(output_table, negative, d, is_negative, negative_change, PITCH)
    tl.store(pair_counts + program, pairs)
    tl.store(measured_counts + program, measured)
    tl.store(losses + program, loss)


def train_tiles(
    tables: tuple[torch.Tensor, torch.Tensor],
    damping: tuple[torch.Tensor, torch.Tensor],
    tokens: tuple[torch.Tensor, ...],
    tiles: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    noise: tuple[torch.Tensor, torch.Tensor],
    *,
    window: int,
    negatives: int,
    shared: bool,
    seed: int,
    epoch: int,
    programs: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Trains tiles in place.

    Args:
        tables: (R, pitch) float32 input and output rows.
        damping: (R,) float32 each, by which the changes of a row are multiplied.
        tokens: of the kept ones, (n,) each: int32 words, int64 positions in the corpus, int32 reaches of
            their windows, int32 numbers of the first and the last token of the same piece.
        tiles: (m,) each: int32 numbers of the first center and of the one behind the last, float32 rates.
        noise: (V,) uint32 thresholds and int32 aliases of the negatives.
        window: the widest reach.
        negatives: K.
        shared: whether a tile shares negatives, or each center draws its own.
        seed: 64 bits.
        epoch: 32 bits.
        programs: at most so many run side by side.

    Returns:
        (programs,) each: int32 pairs trained, int32 pairs measured, float32 sums of their losses.
    """
    programs = max(1, min(programs, len(tiles[0])))
    device = tables[0].device
    pairs = torch.zeros(programs, dtype=torch.int32, device=device)
    measured = torch.zeros_like(pairs)
    losses = torch.zeros(programs, dtype=torch.float32, device=device)
    own = max(triton.next_power_of_2(negatives), 1)
    if len(tiles[0]):
        with on_device(tables[0]):
            skipgram_training[(programs,)](
                *tables,
                *damping,
                *tokens,
                *tiles,
                len(tiles[0]),
                len(tokens[0]),
                *noise,
                len(noise[0]),
                seed,
                epoch,
                negatives / SHARED if shared else 1.0,
                pairs,
                measured,
                losses,
                T=TILE,
                C=max(16, triton.next_power_of_2(TILE + 2 * window)),
                NN=SHARED if shared else TILE * own,
                K=negatives,
                WINDOW=window,
                PITCH=tables[0].shape[1],
                PIECE=_PIECE if shared else _OWN_PIECE,
                SHARED=shared,
                EVERY=LOSS_EVERY,
                DRAWS=max(_DRAWS, 4 * own),
                **_LAUNCH,
            )
    return pairs, measured, losses
