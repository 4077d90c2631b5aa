"""Where the input vectors of a tile come from: a row each, or, of fastText, the mean or sum of several.

The rows of a word are gathered once for a tile, into a place that the program has for itself, and what the
word has learned is added to each of them once.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.tiles import add_rows, rows_at

_GATHERED, _PIECE = 2048, 64  # numbers gathered at a time, and of them of a word


@dataclass(frozen=True)
class Parts:
    """The rows that words are made of.

    Attributes:
        parts: int32 input rows of all words, one word after another.
        part_offsets: (V + 1,) int64 into `parts`.
        mean: of the rows, or their sum.
    """

    parts: torch.Tensor
    part_offsets: torch.Tensor
    mean: bool


def arguments(parts: Parts | None, programs: int, contexts: int, table: torch.Tensor) -> dict[str, object]:
    """Of the kernels: with subwords, a place for the vectors of each program's tile."""
    if parts is None:
        return {
            "parts": None,
            "part_offsets": None,
            "vectors": None,
            "SUBWORDS": False,
            "MEAN": False,
            "GATHERED": 1,
        }
    return {
        "parts": parts.parts,
        "part_offsets": parts.part_offsets,
        "vectors": torch.empty(programs, contexts, table.shape[1], device=table.device),
        "SUBWORDS": True,
        "MEAN": parts.mean,
        "GATHERED": min(_PIECE, _GATHERED // contexts, triton.next_power_of_2(table.shape[1])),
    }


@triton.jit
def range_of(part_offsets, words, real):
    """Where the parts of each word begin, and how many there are."""
    first = tl.load(part_offsets + words, mask=real, other=0)
    return first, (tl.load(part_offsets + words + 1, mask=real, other=0) - first).to(tl.int32)


@triton.jit
def compose(
    vectors, table, parts, part_offsets, words, real,
    C: tl.constexpr, PITCH: tl.constexpr, MEAN: tl.constexpr, PIECE: tl.constexpr,
):  # fmt: skip
    """Gathers the vectors of (C,) words into the program's place."""
    vectors += tl.program_id(0) * C * PITCH
    first, count = range_of(part_offsets, words, real)
    most = tl.max(count)
    for start in range(0, PITCH, PIECE):
        d = start + tl.arange(0, PIECE)
        total = tl.zeros((C, PIECE), tl.float32)
        for part in range(0, most):
            has = part < count
            total += rows_at(table, tl.load(parts + first + part, mask=has, other=0), d, has, PITCH)
        if MEAN:
            total /= tl.maximum(count, 1).to(tl.float32)[:, None]
        at = tl.arange(0, C)[:, None] * PITCH + d[None, :]
        tl.store(vectors + at, total, mask=(d < PITCH)[None, :] & (words[:, None] >= 0))
    tl.debug_barrier()  # other threads of the program read what this one has written


@triton.jit
def vectors_at(vectors, table, words, d, real, C: tl.constexpr, PITCH: tl.constexpr, SUBWORDS: tl.constexpr):
    """A piece of the input vectors of (C,) words."""
    if SUBWORDS:
        x = rows_at(vectors + tl.program_id(0) * C * PITCH, tl.arange(0, C), d, real, PITCH)
    else:
        x = rows_at(table, words, d, real, PITCH)
    return x


@triton.jit
def teach(
    table, damping, parts, part_offsets, words, d, real, change, PITCH: tl.constexpr, SUBWORDS: tl.constexpr
):
    """Adds a piece of what words have learned to their rows, all of it to each."""
    if SUBWORDS:
        first, count = range_of(part_offsets, words, real)
        for part in range(0, tl.max(count)):
            has = part < count
            row = tl.load(parts + first + part, mask=has, other=0)
            scale = tl.load(damping + row, mask=has, other=0.0)
            add_rows(table, row, d, has, change * scale[:, None], PITCH)
    else:
        scale = tl.load(damping + words, mask=real, other=0.0)
        add_rows(table, words, d, real, change * scale[:, None], PITCH)
