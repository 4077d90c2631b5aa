"""The output rows that the centers of a tile are told apart by: negatives, or the nodes of their paths.

Each of some sets of centers has slots for rows. Negatives are those of the native engine, which a set draws
by its first center: a set is a center, or neighbours. Of a tree each center has
the steps of its path.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.philox import noise_word
from fastnlp.kernels.triton.tiles import TILE

LONGEST = 64  # steps of a path
_SLOTS = 128  # of a tile with a tree
_DRAWS = 32  # of which a set's negatives are those that are none of its centers


@dataclass(frozen=True)
class Outputs:
    """Where the outputs of centers come from.

    Attributes:
        thresholds: (V,) uint32 of the alias table of the negatives; None with a tree.
        aliases: (V,) int32 likewise.
        negatives: K, of a set.
        set_size: how many centers in a row share negatives, a power of two.
        seed: 64 bits.
        path: int32 2 * node + bit of the steps of all words, one word after another; None without a tree.
        path_offsets: (V + 1,) int64 into `path`.
        longest: steps of the longest path, at most `LONGEST`.
        most: centers of a tile, 16 or, of centers that do not share negatives, less.
    """

    thresholds: torch.Tensor | None = None
    aliases: torch.Tensor | None = None
    negatives: int = 0
    set_size: int = 1
    seed: int = 0
    path: torch.Tensor | None = None
    path_offsets: torch.Tensor | None = None
    longest: int = 0
    most: int = TILE

    @property
    def slots(self) -> int:
        """Of a set, a power of two."""
        if self.path is not None:
            return max(16, int(triton.next_power_of_2(self.longest)))
        return max(int(triton.next_power_of_2(self.negatives)), self.set_size)

    @property
    def centers(self) -> int:
        """Of a tile: with a tree so many that their paths fit."""
        return self.most if self.path is None else _SLOTS // self.slots

    def arguments(self, epoch: int) -> dict[str, object]:
        """Of the kernels."""
        return {
            "thresholds": self.thresholds,
            "aliases": self.aliases,
            "noise_size": 0 if self.aliases is None else len(self.aliases),
            "seed": self.seed,
            "epoch": epoch,
            "path": self.path,
            "path_offsets": self.path_offsets,
            "SETS": self.centers // self.set_size,
            "SLOTS": self.slots,
            "K": self.negatives,
            "MEMBERS": self.set_size,
            "TREE": self.path is not None,
            "DRAWS": max(_DRAWS, 4 * self.slots),
        }


@triton.jit
def outputs_of(
    begin, end, words, positions, thresholds, aliases, noise_size, seed, epoch, path, path_offsets,
    T: tl.constexpr, SETS: tl.constexpr, SLOTS: tl.constexpr, K: tl.constexpr, MEMBERS: tl.constexpr,
    TREE: tl.constexpr, DRAWS: tl.constexpr,
):  # fmt: skip
    """The outputs of a tile, (SETS * SLOTS,) each.

    Returns:
        Rows; which of them are real; which are to be told yes; (T, SETS * SLOTS) whether a center meets one.
    """
    set_ = tl.arange(0, SETS)
    slot = tl.arange(0, SLOTS)[None, :]
    owner = tl.arange(0, T)
    if TREE:
        word = tl.load(words + begin + set_, mask=begin + set_ < end, other=0)
        first = tl.load(path_offsets + word)
        length = tl.where(begin + set_ < end, tl.load(path_offsets + word + 1) - first, 0)
        real = slot < length[:, None]
        step = tl.load(path + first[:, None] + slot, mask=real, other=0)
        row, yes = step >> 1, (step & 1) == 0
    else:
        set_ = set_ * MEMBERS  # its first center
        owner = owner // MEMBERS
        is_set = begin + set_ < end
        position = tl.load(positions + begin + set_, mask=is_set, other=0)
        d = tl.arange(0, DRAWS)[None, :] + tl.zeros_like(set_)[:, None]
        drawn = noise_word(thresholds, aliases, noise_size, seed, epoch, position[:, None], d)
        fits = is_set[:, None] & (d >= 0)
        for member in tl.static_range(MEMBERS):
            at = begin + set_ + member
            fits = fits & (drawn != tl.load(words + at, mask=at < end, other=-1)[:, None])
        place = tl.cumsum(fits.to(tl.int32), 1) - 1
        chosen = (place[:, None, :] == slot[:, :, None]) & fits[:, None, :]
        row = tl.sum(tl.where(chosen, drawn[:, None, :], 0), 2)
        real = (tl.sum(chosen.to(tl.int32), 2) > 0) & (slot < K)
        yes = row < 0
    row, real = tl.reshape(row, (SETS * SLOTS,)), tl.reshape(real, (SETS * SLOTS,))
    owned = owner[:, None] == (tl.arange(0, SETS * SLOTS) // SLOTS)[None, :]
    return row, real, tl.reshape(yes, (SETS * SLOTS,)), owned & real[None, :]
