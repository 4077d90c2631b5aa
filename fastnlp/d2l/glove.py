"""GloVe in torch, as the book writes it: the weight of a count and the loss of pairs."""

from __future__ import annotations

import torch

__all__ = ["glove_loss", "glove_weight"]


def glove_weight(x: torch.Tensor, c: float = 100.0, alpha: float = 0.75) -> torch.Tensor:
    """h(x) = (x / c)^alpha if x < c, else 1: what a pair counts in the loss.

    Args:
        x: counts, at least 0; h(0) = 0, so pairs that never occur can be left out.
        c: the count from which pairs weigh 1.
        alpha: the exponent.

    Returns:
        The weights, of the shape of x, in [0, 1].

    Raises:
        ValueError: a count is below 0.

    Example:
        >>> glove_weight(torch.tensor([0.0, 100 / 16, 100.0, 250.0]))
        tensor([0.0000, 0.1250, 1.0000, 1.0000])
    """
    if (x < 0).any():
        raise ValueError(f"x: expected counts of at least 0, got {x.min().item()}")
    return torch.clamp(x / c, max=1.0) ** alpha


def glove_loss(
    v: torch.Tensor,
    u: torch.Tensor,
    b: torch.Tensor,
    c: torch.Tensor,
    x: torch.Tensor,
) -> torch.Tensor:
    """h(x_ij) (u_j . v_i + b_i + c_j - log x_ij)^2 of each pair; the model minimises their sum.

    Args:
        v: (..., D) vectors of the center words.
        u: (..., D) vectors of the context words.
        b: (...) biases of the center words.
        c: (...) biases of the context words.
        x: (...) how often the pairs occur; a pair that does not costs 0.

    Returns:
        (...) losses.

    Raises:
        ValueError: a count is below 0.

    Example:
        >>> v, u, bias = torch.ones(2, 3), torch.ones(2, 3), torch.zeros(2)
        >>> glove_loss(v, u, bias, bias, torch.tensor([100.0, 0.0]))
        tensor([2.5766, 0.0000])
    """
    # Not log(0) times 0, which is no number and would poison the gradient.
    occurs = x > 0
    error = (u * v).sum(-1) + b + c - torch.log(torch.where(occurs, x, torch.ones_like(x)))
    return glove_weight(x) * error**2 * occurs
