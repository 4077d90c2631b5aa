"""The output rows that the centers of a tile are told apart by: negatives, or the nodes of their paths.

Each of some sets of centers has slots for rows. Negatives are those of the native engine, which a set draws
by its first center: a set is a center, or neighbours. Of a tree each center has the steps of its path.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from fastnlp.kernels.triton.philox import noise_word
from fastnlp.kernels.triton.tiles import TILE, contexts_of

ROOM = 4096  # scores of the contexts and outputs of a tile, for which registers suffice
_WIDE = 64  # contexts, from which on negatives have half the room
_SLOTS = 128  # of a tile
_DRAWS = 32  # of which a set's negatives are those that are none of its centers, or twice K


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
        longest: steps of the longest path, at most 128.
        window: the widest reach, at most 56.
        room: for the scores of a tile.
        least_warps: of a program, 4 or 8.
    """

    thresholds: torch.Tensor | None = None
    aliases: torch.Tensor | None = None
    negatives: int = 0
    set_size: int = 1
    seed: int = 0
    path: torch.Tensor | None = None
    path_offsets: torch.Tensor | None = None
    longest: int = 0
    window: int = 5
    room: int = ROOM
    least_warps: int = 4

    @property
    def slots(self) -> int:
        """Of a set, a power of two."""
        least, rows = (self.set_size, self.negatives) if self.path is None else (16, self.longest)
        return max(least, int(triton.next_power_of_2(rows)))

    @property
    def centers(self) -> int:
        """Of a tile: as many as there is room for, up to 16; one set of them at least."""
        centers = TILE
        while centers > self.set_size and not self._fits(centers):
            centers //= 2
        return centers

    @property
    def contexts(self) -> int:
        """C, of a tile."""
        return contexts_of(self.centers, self.window)

    @property
    def warps(self) -> int:
        """Of a program: of a tree or subwords, whose tiles have few centers or wait for many rows, fewer."""
        few = self.contexts <= _WIDE if self.path is not None else self.room < ROOM and self.negatives <= 5
        return max(self.least_warps, 4 if few and self._fits(self.centers) else 8)

    @property
    def side_by_side(self) -> int:
        """Programs of a multiprocessor, which has 65,536 registers, with at most 16 centers in flight."""
        return min(TILE // self.centers, 8 // self.warps)

    def _fits(self, centers: int) -> bool:
        outputs, contexts = centers // self.set_size * self.slots, contexts_of(centers, self.window)
        room = self.room // 2 if self.path is None and contexts >= _WIDE else self.room
        return outputs <= _SLOTS and outputs * contexts <= room and (self.room == ROOM or contexts < _WIDE)

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
            "DRAWS": max(_DRAWS, 2 * self.slots),
            "C": self.contexts,
            "WINDOW": self.window,
            "num_warps": self.warps,
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
        if SLOTS <= 8:
            chosen = (place[:, None, :] == slot[:, :, None]) & fits[:, None, :]
            row = tl.sum(tl.where(chosen, drawn[:, None, :], 0), 2)
            real = (tl.sum(chosen.to(tl.int32), 2) > 0) & (slot < K)
        else:  # one after another: all at once would take too many registers
            row = tl.zeros((SETS, SLOTS), tl.int32)
            for k in range(K):
                found = tl.sum(tl.where((place == k) & fits, drawn, 0), 1)
                row = tl.where(slot == k, found[:, None], row)
            real = slot < tl.minimum(tl.sum(fits.to(tl.int32), 1), K)[:, None]
        yes = row < 0
    row, real = tl.reshape(row, (SETS * SLOTS,)), tl.reshape(real, (SETS * SLOTS,))
    owned = owner[:, None] == (tl.arange(0, SETS * SLOTS) // SLOTS)[None, :]
    return row, real, tl.reshape(yes, (SETS * SLOTS,)), owned & real[None, :]
