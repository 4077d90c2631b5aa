"""CBOW with negative sampling, trained in tiles of centers that follow each other (persistent kernel).

The tile and the order are those of `skipgram_training`. The band of contexts x centers is a matrix that
makes the T hidden vectors of a tile, and its transpose brings their errors back, each in one product; the
hidden vectors meet the centers' own rows one by one and the negatives of all centers in a product of which
each keeps its own.
"""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.launching import OPTIONS, on_device
from fastnlp.kernels.triton.logistic import decision
from fastnlp.kernels.triton.skipgram_training import (
    LOSS_EVERY,
    TILE,
    add_rows,
    in_band,
    negatives_of,
    rows_at,
)

_PIECE = 32  # of D, at a time
_DRAWS = 32  # of which a center's negatives are those that are not the center
_LAUNCH = {**OPTIONS, "num_warps": 8, "num_stages": 2}


@triton.jit(do_not_specialize=["tiles", "kept", "noise_size", "seed", "epoch"])
def cbow_training(
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
    MEAN_FORWARD: tl.constexpr,
    MEAN_BACKWARD: tl.constexpr,
    EVERY: tl.constexpr,
    DRAWS: tl.constexpr,
):
    """Trains tiles program, program + programs, ... of the kept tokens of some units."""
    program = tl.program_id(0)
    predictions = tl.zeros((), tl.int32)
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
        band = in_band(context[None, :], center[:, None], reach[:, None], first[:, None], last[:, None])
        contexts = tl.sum(band.to(tl.int32), 1)
        is_context = tl.sum(band.to(tl.int32), 0) > 0
        is_center = contexts > 0  # without contexts there is nothing to learn from
        band = band.to(tl.float32)  # (T, C)
        share = 1.0 / tl.maximum(contexts, 1).to(tl.float32)
        forward = band * share[:, None] if MEAN_FORWARD else band
        backward = tl.trans(band * share[:, None] if MEAN_BACKWARD else band)

        position = tl.load(positions + center, mask=is_center, other=0)
        drawn, is_drawn = negatives_of(
            center_word, position, noise_thresholds, noise_aliases, noise_size, seed, epoch,
            K=K, KP=NN // T, DRAWS=DRAWS,
        )  # fmt: skip
        slot = tl.arange(0, NN // T)[None, :]
        is_negative = tl.reshape((is_drawn > 0) & (slot < K) & is_center[:, None], (NN,))
        negative = tl.reshape(drawn, (NN,))
        owns = (tl.arange(0, NN) // (NN // T))[None, :] == tl.arange(0, T)[:, None]
        meets = (owns & is_negative[None, :]).to(tl.float32)  # (T, NN)

        scores = tl.zeros((T,), tl.float32)
        noise_scores = tl.zeros((T, NN), tl.float32)
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            h = tl.dot(forward, rows_at(input_table, context_word, d, is_context, PITCH))
            scores += tl.sum(h * rows_at(output_table, center_word, d, is_center, PITCH), 1)
            z = rows_at(output_table, negative, d, is_negative, PITCH)
            noise_scores = tl.dot(h, tl.trans(z), noise_scores)

        positive_loss, miss = decision(-scores)
        negative_loss, hit = decision(noise_scores)
        gradient = tl.where(is_center, miss, 0.0) * rate
        noise_gradient = -hit * meets * rate
        predictions += tl.sum(is_center.to(tl.int32))
        if tile % EVERY == 0:
            measured += tl.sum(is_center.to(tl.int32))
            loss += tl.sum(tl.where(is_center, positive_loss, 0.0)) + tl.sum(negative_loss * meets)

        context_damping = tl.load(input_damping + context_word, mask=is_context, other=0.0)
        center_damping = tl.load(output_damping + center_word, mask=is_center, other=0.0)
        negative_damping = tl.load(output_damping + negative, mask=is_negative, other=0.0)
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            h = tl.dot(forward, rows_at(input_table, context_word, d, is_context, PITCH))
            y = rows_at(output_table, center_word, d, is_center, PITCH)
            z = rows_at(output_table, negative, d, is_negative, PITCH)
            error = tl.dot(noise_gradient, z, gradient[:, None] * y)
            change = tl.dot(backward, error) * context_damping[:, None]
            negative_change = tl.dot(tl.trans(noise_gradient), h) * negative_damping[:, None]
            # All is read before anything is written: a negative may be a center of the tile.
            add_rows(input_table, context_word, d, is_context, change, PITCH)
            center_change = gradient[:, None] * h * center_damping[:, None]
            add_rows(output_table, center_word, d, is_center, center_change, PITCH)
            add_rows(output_table, negative, d, is_negative, negative_change, PITCH)
    tl.store(pair_counts + program, predictions)
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
    contexts: str,
    seed: int,
    epoch: int,
    programs: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Trains tiles in place; as `skipgram_training.train_tiles`, with negatives for each center.

    Args:
        tables: as there.
        damping: as there.
        tokens: as there.
        tiles: as there.
        noise: as there.
        window: the widest reach.
        negatives: K.
        contexts: "word2vec", "mean" or "sum": how they are combined.
        seed: 64 bits.
        epoch: 32 bits.
        programs: at most so many run side by side.

    Returns:
        (programs,) each: int32 predictions trained, int32 predictions measured, float32 sums of their losses.
    """
    programs = max(1, min(programs, len(tiles[0])))
    device = tables[0].device
    predictions = torch.zeros(programs, dtype=torch.int32, device=device)
    measured = torch.zeros_like(predictions)
    losses = torch.zeros(programs, dtype=torch.float32, device=device)
    own = max(triton.next_power_of_2(negatives), 1)
    if len(tiles[0]):
        with on_device(tables[0]):
            cbow_training[(programs,)](
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
                predictions,
                measured,
                losses,
                T=TILE,
                C=max(16, triton.next_power_of_2(TILE + 2 * window)),
                NN=TILE * own,
                K=negatives,
                WINDOW=window,
                PITCH=tables[0].shape[1],
                PIECE=_PIECE,
                MEAN_FORWARD=contexts != "sum",
                MEAN_BACKWARD=contexts == "mean",
                EVERY=LOSS_EVERY,
                DRAWS=max(_DRAWS, 4 * own),
                **_LAUNCH,
            )
    return predictions, measured, losses
