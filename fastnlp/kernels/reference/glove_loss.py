"""`glove_loss` in plain torch."""

from __future__ import annotations

import torch

from fastnlp.kernels.reference.lookup import wide_rows, widened

__all__ = ["glove_loss"]


def glove_loss(
    rows: torch.Tensor,
    columns: torch.Tensor,
    counts: torch.Tensor,
    words: torch.Tensor,
    contexts: torch.Tensor,
    word_biases: torch.Tensor,
    context_biases: torch.Tensor,
    *,
    x_max: float = 100.0,
    alpha: float = 0.75,
    sparse: bool = False,
) -> torch.Tensor:
    """As `fastnlp.kernels.glove_loss`; float64 stays float64.

    Example:
        >>> zero, table, biases = torch.tensor([0]), torch.ones(1, 2), torch.zeros(1)
        >>> glove_loss(zero, zero, torch.tensor([100.0]), table, table, biases, biases)
        tensor([6.7869])
    """
    scores = (wide_rows(words, rows, sparse) * wide_rows(contexts, columns, sparse)).sum(1)
    biases = widened(word_biases)[rows] + widened(context_biases)[columns]
    x = counts.to(scores.dtype)
    occurs = x > 0
    logs = torch.where(occurs, x, 1.0).log()  # not log(0) times 0, which is no number
    weights = torch.where(occurs, (x / x_max).clamp(max=1.0) ** alpha, 0.0)
    return weights * (scores + biases - logs) ** 2
