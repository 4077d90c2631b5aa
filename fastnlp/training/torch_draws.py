"""What word2vec draws at random, in torch: the numbers of csrc/support/philox.h, for many positions at once.

32-bit words stand in int64 tensors. Every function is a rule of `csrc/training/word2vec_draws.h`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastnlp.sampling import AliasTable
from fastnlp.training.pieces import pieces_between

__all__ = ["Draws", "Noise", "Tokens", "below", "philox", "thresholds"]

_WORD = 0xFFFFFFFF
_TOKEN, _NEGATIVES = 0, 1  # streams
_TRIES = 64


def philox(seed: int, stream: int, epoch: int, position: Tensor, index: Tensor | int) -> list[Tensor]:
    """Philox4x32-10 (Salmon et al. 2011): the four words of a block.

    Args:
        seed: 64 bits.
        stream: what the numbers are for.
        epoch: 32 bits.
        position: (...) int64.
        index: of the block in the stream, a number or (...) int64.

    Returns:
        Four (...) int64 of 32 bits.

    Example:
        >>> [int(word) for word in philox(1, 0, 0, torch.tensor(7), 0)]
        [2064558333, 2007762709, 2395134261, 2233934531]
    """
    zero = torch.zeros_like(position)
    c = [position & _WORD, position >> 32 & _WORD, zero + epoch, (zero + index & 0xFFFFFF) | stream << 24]
    k0, k1 = seed & _WORD, seed >> 32
    for _ in range(10):
        # The product of two 32-bit words wraps in int64, and its bits are right all the same.
        p0, p1 = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [p1 >> 32 & _WORD ^ c[1] ^ k0, p1 & _WORD, p0 >> 32 & _WORD ^ c[3] ^ k1, p0 & _WORD]
        k0, k1 = k0 + 0x9E3779B9 & _WORD, k1 + 0xBB67AE85 & _WORD
    return c


def below(word: Tensor, n: int) -> Tensor:
    """Whole numbers in [0, n) from words."""
    return word * n >> 32


def accepts(limit: Tensor, word: Tensor) -> Tensor:
    """Whether words pass thresholds; the highest threshold always passes."""
    return (word < limit) | (limit == _WORD)


def thresholds(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Probabilities as what `accepts` compares words with.

    Example:
        >>> thresholds(np.array([0.0, 0.5, 1.0]))
        array([         0, 2147483648, 4294967295])
    """
    scaled = np.minimum(np.clip(probabilities, 0, 1) * 2.0**32, _WORD - 1).astype(np.int64)
    return np.where(probabilities >= 1.0, _WORD, scaled)


class Noise:
    """The distribution of the negatives, as an alias table on a device."""

    def __init__(self, weights: NDArray[np.float64], device: torch.device) -> None:
        table = AliasTable(weights)
        self.threshold = torch.from_numpy(table.thresholds.astype(np.int64)).to(device)
        self.alias = torch.from_numpy(table.aliases.astype(np.int64)).to(device)

    def word(self, seed: int, epoch: int, position: Tensor, d: Tensor) -> Tensor:
        """Draw d of a position's stream: words 2d (column) and 2d + 1 (threshold)."""
        words = philox(seed, _NEGATIVES, epoch, position, d // 2)
        odd = (d & 1) == 1
        column = below(torch.where(odd, words[2], words[0]), len(self.alias))
        kept = accepts(self.threshold[column], torch.where(odd, words[3], words[1]))
        return torch.where(kept, column, self.alias[column])


@dataclass(frozen=True)
class Tokens:
    """The tokens of a unit that survive subsampling, n of them.

    Attributes:
        word: (n,) int64 ids.
        position: (n,) int64, where in the corpus.
        reach: (n,) int64, words on each side that the window holds.
        first: (n,) int64, the first kept token of the same piece of a sentence.
        last: (n,) int64, the last one.
    """

    word: Tensor
    position: Tensor
    reach: Tensor
    first: Tensor
    last: Tensor

    def __len__(self) -> int:
        """How many there are."""
        return len(self.word)

    def contexts(self, begin: int, end: int, window: int) -> tuple[Tensor, Tensor]:
        """(end - begin, 2 * window) the kept tokens around centers, and which of them count."""
        steps = torch.arange(-window, window + 1, device=self.word.device)
        steps = steps[steps != 0]
        center = torch.arange(begin, end, device=self.word.device)[:, None]
        at = center + steps
        inside = (at >= self.first[begin:end, None]) & (at <= self.last[begin:end, None])
        return at, inside & (steps.abs() <= self.reach[begin:end, None])


class Draws:
    """What an epoch of a run draws.

    Attributes:
        shared_by: "distant", "group", "center" or "pair": who shares negatives.
    """

    def __init__(
        self,
        keep: NDArray[np.float64],
        noise: NDArray[np.float64] | None,
        *,
        seed: int,
        window: int,
        shrink: bool,
        negatives: int,
        shared_by: str,
        set_size: int,
        set_step: int,
        device: torch.device,
    ) -> None:
        """Puts the distributions on the device.

        Args:
            keep: (V,) the probability that a token of a word is kept.
            noise: (V,) weights of the negatives; None for none.
            seed: 64 bits.
            window: words on each side.
            shrink: draw windows from 1..window.
            negatives: K.
            shared_by: "distant", "group", "center" or "pair".
            set_size: how many centers share negatives, a power of two; 1 for "center" and "pair".
            set_step: kept tokens from one of them to the next, a power of two.
            device: of all tensors.
        """
        self.shared_by = shared_by
        self._set_size, self._set_step = set_size, set_step
        self._seed, self._window, self._shrink, self._k = seed, window, shrink, negatives
        self._keep = torch.from_numpy(thresholds(keep)).to(device)
        self._noise = None if noise is None else Noise(noise, device)
        self._device = device

    def tokens(
        self,
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        piece: int,
        begin: int,
        end: int,
        epoch: int,
    ) -> Tokens:
        """What is kept of the pieces of sentences that begin in corpus positions [begin, end)."""
        bounds = pieces_between(offsets, piece, begin, end)
        if not len(bounds):
            bounds = np.zeros(1, np.int64)
        starts = torch.from_numpy(bounds).to(self._device)
        word = torch.from_numpy(ids[bounds[0] : bounds[-1]].astype(np.int64)).to(self._device)
        position = torch.arange(int(bounds[0]), int(bounds[-1]), device=self._device)
        random = philox(self._seed, _TOKEN, epoch, position, 0)
        kept = accepts(self._keep[word], random[0])
        reach = 1 + below(random[1], self._window) if self._shrink else torch.full_like(word, self._window)
        # Kept tokens before each bound; those of the same piece stand between two of them.
        before = torch.cat([kept.new_zeros(1, dtype=torch.int64), kept.cumsum(0)])[starts - starts[0]]
        which = torch.searchsorted(starts, position[kept], right=True) - 1
        return Tokens(word[kept], position[kept], reach[kept], before[which], before[which + 1] - 1)

    def negatives(self, tokens: Tokens, epoch: int) -> Tensor:
        """(n, K) negatives of each center, or with "pair" (n, 2 * window * K): K for each context in turn."""
        n = len(tokens)
        own = torch.arange(n, device=self._device)
        if self.shared_by in ("center", "pair"):
            k = self._k if self.shared_by == "center" else self._k * 2 * self._window
            return self._sets(tokens, own, tokens.word[:, None], k, epoch)
        named = own & ~((self._set_size - 1) * self._set_step)  # a set by its first center
        sets = own[named == own]
        members = sets[:, None] + self._set_step * torch.arange(self._set_size, device=self._device)
        centers = torch.where(members < n, tokens.word[members.clamp(max=n - 1)], -1)
        drawn = self._sets(tokens, sets, centers, self._k, epoch)
        return drawn[torch.searchsorted(sets, named)]

    def _sets(self, tokens: Tokens, first: Tensor, centers: Tensor, k: int, epoch: int) -> Tensor:
        """K draws for each set that are none of its centers; the others are dropped, later ones move up."""
        assert self._noise is not None
        position = tokens.position[first]
        counted = torch.arange(k, device=self._device)
        found = self._noise.word(
            self._seed, epoch, position[:, None].expand(-1, k), counted.expand(len(first), k)
        )
        refused = (found[:, :, None] == centers[:, None, :]).any(2)
        found = found.gather(1, refused.to(torch.int8).argsort(dim=1, stable=True))
        good = k - refused.sum(1)
        if self.shared_by == "pair":  # draws one by one, so the tries of each are counted from its first
            good = torch.where(refused.sum(1) >= _TRIES, 0, good)
        next_draw = torch.where(good == 0, 0, k) if self.shared_by == "pair" else torch.full_like(good, k)
        tries = torch.zeros_like(good)
        left = (good < k).nonzero()[:, 0]
        while len(left):
            drawn = self._noise.word(self._seed, epoch, position[left], next_draw[left])
            next_draw[left] += 1
            tries[left] += 1
            fits = (drawn[:, None] != centers[left]).all(1)
            for i in (~fits & (tries[left] == _TRIES)).nonzero()[:, 0].tolist():
                drawn[i] = self._stand_in(centers[left[i]])
                fits[i] = True
            rows = left[fits]
            found[rows, good[rows]] = drawn[fits]
            good[rows] += 1
            tries[rows] = 0
            left = (good < k).nonzero()[:, 0]
        return found

    def _stand_in(self, centers: Tensor) -> int:
        """The next word after a set's first center that can be drawn and is none of them."""
        assert self._noise is not None
        size, taken, first = len(self._noise.alias), set(centers.tolist()), int(centers[0])
        for step in range(1, size + 1):
            word = (first + step) % size
            if word not in taken and int(self._noise.threshold[word]):
                return word
        return int(self._noise.alias[first])
