"""Skip-gram in tiles of centers, in plain torch: one after another, each a step of mini-batch descent."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["train_tiles"]


def train_tiles(
    tables: tuple[Tensor, Tensor],
    damping: tuple[Tensor, Tensor],
    tokens: tuple[Tensor, Tensor, Tensor, Tensor],
    tiles: tuple[Tensor, Tensor, Tensor],
    negatives: Callable[[int, int], Tensor],
    weight: float = 1.0,
) -> list[tuple[int, float]]:
    """Trains tiles in place.

    Args:
        tables: (R, pitch) float32 input and output rows.
        damping: (R,) float32 each, by which the changes of a row are multiplied.
        tokens: of the kept ones, (n,) each: words, reaches of their windows, numbers of the first and the
            last token of the same piece.
        tiles: (m,) each: numbers of the first center and of the one behind the last, rates.
        negatives: of centers [begin, end): (NN,) words that all share, none of which counts for a center
            that is the same word, or (end - begin, K) words of their own.
        weight: of a negative in a pair.

    Returns:
        Of each tile the pairs and the sum of their losses.
    """
    v, u = tables
    words, reaches, firsts, lasts = tokens
    reports = []
    for begin, end, rate in zip(*(part.tolist() for part in tiles), strict=True):
        center = torch.arange(begin, end)
        low = int((center - reaches[begin:end]).min().clamp(min=0))
        high = min(int((center + reaches[begin:end]).max()), len(words) - 1)
        context = torch.arange(low, high + 1)[:, None]
        apart = (context - center).abs()
        inside = (context >= firsts[begin:end]) & (context <= lasts[begin:end])
        band = ((apart > 0) & (apart <= reaches[begin:end]) & inside).float()
        own, near, noise = words[begin:end].long(), words[context[:, 0]].long(), negatives(begin, end).long()
        if noise.dim() == 1:
            meets = band @ (own[:, None] != noise).float()
        else:
            meets = band.repeat_interleave(noise.shape[1], 1)
        x, y, z = v[near], u[own], u[noise.flatten()]
        scores, noise_scores = x @ y.T, x @ z.T
        gradient = band * (-scores).sigmoid() * rate
        noise_gradient = -meets * noise_scores.sigmoid() * rate * weight
        v.index_add_(0, near, (gradient @ y + noise_gradient @ z) * damping[0][near, None])
        u.index_add_(0, own, gradient.T @ x * damping[1][own, None])
        u.index_add_(0, noise.flatten(), noise_gradient.T @ x * damping[1][noise.flatten(), None])
        loss = (band * softplus(-scores)).sum() + (meets * softplus(noise_scores)).sum() * weight
        reports.append((int(band.sum()), float(loss)))
    return reports
