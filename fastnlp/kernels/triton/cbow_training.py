"""CBOW by negative sampling or hierarchical softmax, trained in tiles of centers (persistent kernel).

The tile and the order are those of `skipgram_training`. The band of centers x contexts is a matrix that
makes the T hidden vectors of a tile, and its transpose brings their errors back, each in one product; the
hidden vectors meet the centers' own rows one by one, and the negatives or nodes of all centers in a product
of which each keeps its own.
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
    counts,
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
    MEAN_FORWARD: tl.constexpr,
    MEAN_BACKWARD: tl.constexpr,
    EVERY: tl.constexpr,
    DRAWS: tl.constexpr,
    GATHERED: tl.constexpr,
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
        center_word, _, context_word, band = tile_of(
            begin, end, kept, words, reaches, firsts, lasts, T, C, WINDOW
        )
        output, is_output, yes, owned = outputs_of(
            begin, end, words, positions, thresholds, aliases, noise_size, seed, epoch, path, path_offsets,
            T, SETS, SLOTS, K, MEMBERS, TREE, DRAWS,
        )  # fmt: skip
        contexts = tl.sum(band.to(tl.int32), 0)
        is_context = tl.sum(band.to(tl.int32), 1) > 0
        is_center = contexts > 0  # without contexts there is nothing to learn from
        meets = tl.where(is_center[:, None] & owned, 1.0, 0.0)  # (T, SETS * SLOTS)
        if SUBWORDS:
            compose(
                vectors, input_table, parts, part_offsets, context_word, is_context, C, PITCH, MEAN, GATHERED
            )
        share = 1.0 / tl.maximum(contexts, 1).to(tl.float32)
        band = band.to(tl.float32)
        forward = tl.trans(band * share[None, :] if MEAN_FORWARD else band)
        backward = band * share[None, :] if MEAN_BACKWARD else band

        scores = tl.zeros((T,), tl.float32)
        output_scores = tl.zeros((T, SETS * SLOTS), tl.float32)
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            x = vectors_at(vectors, input_table, context_word, d, is_context, C, PITCH, SUBWORDS)
            h = tl.dot(forward, x)
            if not TREE:
                scores += tl.sum(h * rows_at(output_table, center_word, d, is_center, PITCH), 1)
            z = rows_at(output_table, output, d, is_output, PITCH)
            output_scores = tl.dot(h, tl.trans(z), output_scores)

        positive_loss, miss = decision(-scores)
        if TREE:
            output_scores = tl.where(yes[None, :], -output_scores, output_scores)
        output_loss, wrong = decision(output_scores)
        if TREE:
            wrong = tl.where(yes[None, :], -wrong, wrong)
        gradient = tl.where(is_center, miss, 0.0) * rate
        output_gradient = -wrong * meets * rate
        predictions += tl.sum(is_center.to(tl.int32))
        if tile % EVERY == 0:
            measured += tl.sum(is_center.to(tl.int32))
            loss += tl.sum(output_loss * meets)
            if not TREE:
                loss += tl.sum(tl.where(is_center, positive_loss, 0.0))

        center_damping = tl.load(output_damping + center_word, mask=is_center, other=0.0)
        damping = tl.load(output_damping + output, mask=is_output, other=0.0)
        for start in range(0, PITCH, PIECE):
            d = start + tl.arange(0, PIECE)
            x = vectors_at(vectors, input_table, context_word, d, is_context, C, PITCH, SUBWORDS)
            h = tl.dot(forward, x)
            z = rows_at(output_table, output, d, is_output, PITCH)
            error = tl.dot(output_gradient, z)
            output_change = tl.dot(tl.trans(output_gradient), h) * damping[:, None]
            if not TREE:
                error += gradient[:, None] * rows_at(output_table, center_word, d, is_center, PITCH)
                center_change = gradient[:, None] * h * center_damping[:, None]
                # All is read before anything is written: a negative may be a center of the tile.
                add_rows(output_table, center_word, d, is_center, center_change, PITCH)
            change = tl.dot(backward, error)
            add_rows(output_table, output, d, is_output, output_change, PITCH)
            teach(
                input_table, input_damping, parts, part_offsets, context_word, d, is_context, change,
                PITCH, SUBWORDS,
            )  # fmt: skip
    tl.store(counts + program, predictions)
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
    contexts: str,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Trains tiles in place.

    Args:
        tables: as of `skipgram_training.train_tiles`.
        damping: as there.
        tokens: as there.
        tiles: as there.
        outputs: as there.
        parts: as there.
        epoch: as there.
        programs: as there.
        contexts: "word2vec", "mean" or "sum": how they are combined.

    Returns:
        (programs,) each: int32 predictions trained, int32 predictions measured, float32 sums of their losses.
    """
    few = (outputs.set_size > 1 and outputs.slots <= 8) or outputs.path is not None
    piece = _PIECE if few and outputs.contexts <= 32 else _OWN_PIECE

    def arguments(programs: int) -> dict[str, object]:
        return {
            **outputs.arguments(epoch),
            **inputs.arguments(parts, programs, outputs.contexts, tables[0]),
            "PIECE": piece,
            "MEAN_FORWARD": contexts != "sum",
            "MEAN_BACKWARD": contexts == "mean",
        }

    return launch(cbow_training, tables, damping, tokens, tiles, programs, arguments)
