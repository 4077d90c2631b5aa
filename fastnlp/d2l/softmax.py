"""CBOW and the softmaxes that negative sampling stands in for, which the book gives as formulas alone."""

from __future__ import annotations

import torch
from torch import nn


def cbow(
    contexts: torch.Tensor,
    center_and_negatives: torch.Tensor,
    embed_v: nn.Module,
    embed_u: nn.Module,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Dot products of the mean of the contexts with centers and negatives, u_j.(v_o1 + ... + v_o2m) / 2m.

    The exponent in the book's formula of the continuous bag of words (section "Word embedding"). Against
    `skip_gram` the symbols are swapped, as in the book: v are vectors of contexts, u of centers.

    Args:
        contexts: (B, C) integers.
        center_and_negatives: (B, L) integers.
        embed_v: the contexts' embedding, V x D.
        embed_u: the centers' embedding, V x D.
        mask: (B, C), 1 for contexts and 0 for padding; None for no padding.

    Returns:
        (B, 1, L) scores, as of `skip_gram`.

    Raises:
        ValueError: a row has no context.

    Example:
        >>> embed = nn.Embedding.from_pretrained(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]))
        >>> cbow(torch.tensor([[1, 2]]), torch.tensor([[1, 2, 0]]), embed, embed)
        tensor([[[0.5000, 2.0000, 0.0000]]])
        >>> cbow(torch.tensor([[2, 0]]), torch.tensor([[1, 2]]), embed, embed, torch.tensor([[1, 0]]))
        tensor([[[0., 4.]]])
    """
    v = _mean(contexts, embed_v, mask)
    return torch.bmm(v, embed_u(center_and_negatives).permute(0, 2, 1))


def skip_gram_log_prob(center: torch.Tensor, embed_v: nn.Module, embed_u: nn.Embedding) -> torch.Tensor:
    """What skip-gram predicts: log P(w_o | w_c) = u_o.v_c - log sum_i exp(u_i.v_c) of every word w_o.

    The book's conditional probability of skip-gram (section "Word embedding").

    Args:
        center: (B, 1) integers.
        embed_v: the centers' embedding, V x D.
        embed_u: the contexts' embedding, V x D.

    Returns:
        (B, V), in nats; the probabilities of a row sum to 1.

    Example:
        >>> embed = nn.Embedding.from_pretrained(torch.tensor([[0.0], [1.0]]))
        >>> skip_gram_log_prob(torch.tensor([[0], [1]]), embed, embed).exp()
        tensor([[0.5000, 0.5000],
                [0.2689, 0.7311]])
    """
    return torch.log_softmax(embed_v(center)[:, 0] @ embed_u.weight.T, dim=1)


def cbow_log_prob(
    contexts: torch.Tensor, embed_v: nn.Module, embed_u: nn.Embedding, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """What CBOW predicts: log P(w_c | w_o1, ..., w_o2m) of every word w_c.

    The book's conditional probability of the continuous bag of words (section "Word embedding"), which is
    u_c.h - log sum_i exp(u_i.h) with h = (v_o1 + ... + v_o2m) / 2m.

    Args:
        contexts: (B, C) integers.
        embed_v: the contexts' embedding, V x D.
        embed_u: the centers' embedding, V x D.
        mask: (B, C), 1 for contexts and 0 for padding; None for no padding.

    Returns:
        (B, V), in nats; the probabilities of a row sum to 1.

    Raises:
        ValueError: a row has no context.

    Example:
        >>> embed = nn.Embedding.from_pretrained(torch.tensor([[0.0], [2.0]]))
        >>> cbow_log_prob(torch.tensor([[0, 1]]), embed, embed).exp()
        tensor([[0.1192, 0.8808]])
    """
    return torch.log_softmax(_mean(contexts, embed_v, mask)[:, 0] @ embed_u.weight.T, dim=1)


def tree_log_prob(scores: torch.Tensor, left: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """The logarithm of a word's probability by its path in a tree, the book's hierarchical softmax.

    log P(w_o | w_c) = sum_j log s([[n(w_o, j+1) = leftChild(n(w_o, j))]] u_n(w_o, j).v_c), of the section
    "Approximate training": j runs from the root to the last inner node above the word w_o, and [[x]] is 1
    where the path goes on to the left child, else -1.

    Args:
        scores: (B, 1, L) or (B, L), the products u.v of the L(w_o) - 1 inner nodes on the path:
            `skip_gram(center, nodes, embed_v, embed_u)`, or with `cbow`.
        left: (B, L) bool, whether the path turns left at the node.
        mask: (B, L), 1 for nodes and 0 for padding; None for no padding.

    Returns:
        (B,) in nats; the probabilities of all words of a tree sum to 1.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> u = torch.tensor([[1.1, -2.2, 3.3]])  # of n(w_3, 1) to n(w_3, 3)
        >>> print(f"{tree_log_prob(u, torch.tensor([[True, False, True]])).exp().item():.4f}")
        0.6514
        >>> s = torch.sigmoid
        >>> print(f"{(s(u[0, 0]) * s(-u[0, 1]) * s(u[0, 2])).item():.4f}")  # as the book writes it
        0.6514
    """
    rows, columns = scores.shape[0], scores.shape[-1]
    if scores.numel() != rows * columns:
        raise ValueError(f"scores: expected (B, 1, L) or (B, L), got {tuple(scores.shape)}")
    for name, given in (("left", left), ("mask", mask)):
        if given is not None and given.shape != (rows, columns):
            raise ValueError(f"{name}: expected {(rows, columns)}, as scores, got {tuple(given.shape)}")
    scores = scores.reshape(rows, columns)
    steps = nn.functional.logsigmoid(torch.where(left.bool(), scores, -scores))
    return (steps if mask is None else steps * mask).sum(dim=1)


def _mean(contexts: torch.Tensor, embed_v: nn.Module, mask: torch.Tensor | None) -> torch.Tensor:
    """(B, 1, D) means over the contexts that are no padding."""
    v: torch.Tensor = embed_v(contexts)
    if mask is not None and mask.shape != contexts.shape:
        expected, got = tuple(contexts.shape), tuple(mask.shape)
        raise ValueError(f"mask: expected the shape of contexts, {expected}, got {got}")
    weights = torch.ones(contexts.shape, device=v.device) if mask is None else mask
    weights = weights.to(v.dtype)[:, None]
    counts = weights.sum(dim=2, keepdim=True)
    if (counts == 0).any():
        row = int((counts == 0).nonzero()[0, 0])
        raise ValueError(f"contexts: expected at least one in each row, got none in row {row}")
    return torch.bmm(weights, v) / counts
