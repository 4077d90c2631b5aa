"""The order in which the Triton engine reads and writes with so many centers in flight, on the CPU.

All tiles in flight read their rows before any of them adds what it has learned, which is the latest that a
GPU may be: its programs do not wait for each other. Arithmetic is plain torch; what is drawn is what the
kernel draws.
"""

import torch
from torch.nn.functional import softplus

from fastnlp.kernels.triton.skipgram_training import LOSS_EVERY, SHARED, TILE
from fastnlp.training.torch_draws import accepts, below, philox
from fastnlp.training.triton_engine import TritonEngine


def draw_tokens(ids, keep, first_position, *, seed, epoch, window, shrink):
    position = first_position + torch.arange(len(ids))
    words = philox(seed, 0, epoch, position, 0)
    limit = keep.to(torch.int64)[ids.long()]
    reach = 1 + below(words[1], window) if shrink else torch.full_like(position, window)
    return torch.where(accepts(limit, words[0]), reach, 0).int()


def noise_words(thresholds, aliases, seed, epoch, position, d):
    words = philox(seed, 1, epoch, position, d // 2)
    odd = d % 2 == 1
    column = below(torch.where(odd, words[2], words[0]), len(aliases))
    kept = accepts(thresholds.to(torch.int64)[column], torch.where(odd, words[3], words[1]))
    return torch.where(kept, column, aliases.long()[column])


def negatives_of(noise, words, positions, seed, epoch, k):
    """(n, K) the first draws of each center's stream that are not the center."""
    d = torch.arange(4 * k + 8).expand(len(words), -1)
    drawn = noise_words(*noise, seed, epoch, positions[:, None].expand_as(d), d)
    order = (drawn == words[:, None]).to(torch.int8).argsort(dim=1, stable=True)
    return drawn.gather(1, order)[:, :k]


def train_tiles(tables, damping, tokens, tiles, noise, *, window, negatives, shared, seed, epoch, programs):
    v, u = tables
    words, positions, reaches, firsts, lasts = (part.long() for part in tokens)
    begins, ends, rates = tiles
    kept = len(words)
    pairs, measured, losses = 0, 0, 0.0
    for first in range(0, len(begins), programs):
        begin, end, rate = (part[first : first + programs] for part in (begins.long(), ends.long(), rates))
        center = begin[:, None] + torch.arange(TILE)
        is_center = center < end[:, None]
        center = center.clamp(max=kept - 1)
        context = begin[:, None] - window + torch.arange(TILE + 2 * window)
        is_token = (context >= 0) & (context < kept)
        apart = (context[:, :, None] - center[:, None, :]).abs()
        band = (apart > 0) & (apart <= reaches[center][:, None]) & is_center[:, None]
        band &= (context[:, :, None] >= firsts[center][:, None]) & is_token[:, :, None]
        band &= context[:, :, None] <= lasts[center][:, None]
        band = band.float()
        own, near = words[center], words[context.clamp(0, kept - 1)]
        if shared:
            position = positions[begin][:, None].expand(-1, SHARED)
            noise_word = noise_words(*noise, seed, epoch, position, torch.arange(SHARED).expand_as(position))
            meets, weight = band @ (own[:, :, None] != noise_word[:, None]).float(), negatives / SHARED
        else:
            noise_word = negatives_of(
                noise, own.flatten(), positions[center].flatten(), seed, epoch, negatives
            )
            noise_word = noise_word.reshape(len(begin), -1)
            meets, weight = band.repeat_interleave(negatives, 2), 1.0
        x, y, z = v[near], u[own], u[noise_word]
        scores, noise_scores = x @ y.mT, x @ z.mT
        gradient = band * (-scores).sigmoid() * rate[:, None, None]
        noise_gradient = -meets * noise_scores.sigmoid() * (rate * weight)[:, None, None]
        for table, scale, rows, change in (
            (v, damping[0], near, gradient @ y + noise_gradient @ z),
            (u, damping[1], own, gradient.mT @ x),
            (u, damping[1], noise_word, noise_gradient.mT @ x),
        ):
            rows = rows.flatten()
            table.index_add_(0, rows, change.flatten(0, 1) * scale[rows, None])
        pairs += int(band.sum())
        every = (first + torch.arange(len(begin))) % LOSS_EVERY == 0
        measured += int(band[every].sum())
        losses += float(
            (band * softplus(-scores))[every].sum() + (meets * softplus(noise_scores))[every].sum() * weight
        )
    return torch.tensor([pairs]), torch.tensor([measured]), torch.tensor([losses])


class EmulatedEngine(TritonEngine):
    """The Triton engine with its kernels emulated.

    `programs` x 16 centers are in flight; `damped` says whether rows that are met often are damped.
    """

    _draw_tokens = staticmethod(draw_tokens)
    _train_skipgram = staticmethod(train_tiles)

    def __init__(self, config, corpus, tables, programs, damped=True):
        super().__init__(config, corpus, tables, "cpu", programs)
        self._units_at_once = self._most_units = 128
        if not damped:
            self._damping = tuple(torch.ones_like(scale) for scale in self._damping)
