"""Skip-gram by negative sampling or hierarchical softmax, trained in tiles of centers (persistent kernel).

The contexts of a tile meet its centers, and the negatives or nodes of all of them, in small matrix products,
contexts x centers and contexts x outputs, of which what lies within the windows counts. A tile reads each
row once for the scores and once for the updates, D in pieces.
"""

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton import inputs
from fastnlp.kernels.triton.inputs import Parts, compose, teach, vectors_at
from fastnlp.kernels.triton.logistic import decision
from fastnlp.kernels.triton.outputs import Outputs, outputs_of
from fastnlp.kernels.triton.tiles import Tiles, Tokens, add_rows, launch, rows_at, tile_of

_PIECE, _OWN_PIECE = 32, 16  # of D, at a time; with many outputs or contexts half as much, or registers spill


@triton.jit(do_not_specialize=["tiles", "kept", "noise_size", "seed", "epoch"])
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
    pair_counts,
    measured_counts,
    losses,
    thresholds,
    aliases,
    noise_size,
    seed,
    epoch,
    path,
    path_offsets,
    parts,
    part_offsets,
    vectors,
    T: tl.constexpr,
    C: tl.constexpr,
    SETS: tl.constexpr,
    SLOTS: tl.constexpr,
    K: tl.constexpr,
    WINDOW: tl.constexpr,
    PITCH: tl.constexpr,
    PIECE: tl.constexpr,
    MEMBERS: tl.constexpr,
    TREE: tl.constexpr,
    SUBWORDS: tl.constexpr,
    MEAN: tl.constexpr,
    EVERY: tl.constexpr,
    DRAWS: tl.constexpr,
    GATHERED: tl.constexpr,
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
        center_word, is_center, context_word, band = tile_of(
            begin, end, kept, words, reaches, firsts, lasts, T, C, WINDOW
        )
        output, is_output, yes, owned = outputs_of(
            begin, end, words, positions, thresholds, aliases, noise_size, seed, epoch, path, path_offsets,
            T, SETS, SLOTS, K, MEMBERS, TREE, DRAWS,
        )  # fmt: skip
        # Pairs of a context that an output counts for.
        meets = tl.dot(band.to(tl.float16), owned.to(tl.float16))
        is_context = tl.sum(band.to(tl.int32), 1) > 0
        if SUBWORDS:
            compose(
                vectors, input_table, parts, part_offsets, context_word, is_context, C, PITCH, MEAN, GATHERED
            )

        scores = tl.zeros((C, T), tl.float32)
        output_scores = tl.zeros((C, SETS * SLOTS), tl.float32)
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            x = vectors_at(vectors, input_table, context_word, d, is_context, C, PITCH, SUBWORDS)
            if not TREE:
                y = rows_at(output_table, center_word, d, is_center, PITCH)
                scores = tl.dot(x, tl.trans(y), scores)
            z = rows_at(output_table, output, d, is_output, PITCH)
            output_scores = tl.dot(x, tl.trans(z), output_scores)

        positive_loss, miss = decision(-scores)
        if TREE:
            output_scores = tl.where(yes[None, :], -output_scores, output_scores)
        output_loss, wrong = decision(output_scores)
        if TREE:
            wrong = tl.where(yes[None, :], -wrong, wrong)
        gradient = tl.where(band, miss, 0.0) * rate
        output_gradient = -wrong * meets * rate
        pairs += tl.sum(band.to(tl.int32))
        if tile % EVERY == 0:
            measured += tl.sum(band.to(tl.int32))
            loss += tl.sum(output_loss * meets)
            if not TREE:
                loss += tl.sum(tl.where(band, positive_loss, 0.0))

        center_damping = tl.load(output_damping + center_word, mask=is_center, other=0.0)
        damping = tl.load(output_damping + output, mask=is_output, other=0.0)
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            x = vectors_at(vectors, input_table, context_word, d, is_context, C, PITCH, SUBWORDS)
            z = rows_at(output_table, output, d, is_output, PITCH)
            change = tl.dot(output_gradient, z)
            output_change = tl.dot(tl.trans(output_gradient), x) * damping[:, None]
            if not TREE:
                y = rows_at(output_table, center_word, d, is_center, PITCH)
                change = tl.dot(gradient, y, change)
                center_change = tl.dot(tl.trans(gradient), x) * center_damping[:, None]
                # All is read before anything is written: a negative may be a center of the tile.
                add_rows(output_table, center_word, d, is_center, center_change, PITCH)
            add_rows(output_table, output, d, is_output, output_change, PITCH)
            teach(
                input_table, input_damping, parts, part_offsets, context_word, d, is_context, change,
                PITCH, SUBWORDS,
            )  # fmt: skip
    tl.store(pair_counts + program, pairs)
    tl.store(measured_counts + program, measured)
    tl.store(losses + program, loss)


def train_tiles(
    tables: tuple[torch.Tensor, torch.Tensor],
    damping: tuple[torch.Tensor, torch.Tensor],
    tokens: Tokens,
    tiles: Tiles,
    outputs: Outputs,
    parts: Parts | None,
    *,
    epoch: int,
    programs: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Trains tiles in place.

    Args:
        tables: (R, pitch) float32 input and output rows.
        damping: (R,) float32 each, by which the changes of a row are multiplied.
        tokens: the kept ones.
        tiles: of up to `outputs.centers` centers; the first of a unit begins where the unit begins.
        outputs: negatives, or a tree.
        parts: of subwords; None without.
        epoch: 32 bits.
        programs: at most so many run side by side.

    Returns:
        (programs,) each: int32 pairs trained, int32 pairs measured, float32 sums of their losses.
    """
    few = outputs.set_size > 1 and outputs.slots <= 8 and outputs.contexts <= 64
    piece = _PIECE if few or parts is not None else _OWN_PIECE

    def arguments(programs: int) -> dict[str, object]:
        return {
            **outputs.arguments(epoch),
            **inputs.arguments(parts, programs, outputs.contexts, tables[0]),
            "PIECE": piece,
        }

    return launch(skipgram_training, tables, damping, tokens, tiles, programs, arguments)
