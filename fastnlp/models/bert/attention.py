"""Self-attention over the sequences of a layout."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from fastnlp.models.bert.config import BertConfig
from fastnlp.models.bert.dropout import Dropout, dropout
from fastnlp.models.bert.group_attention import attend_groups, fits_groups
from fastnlp.models.bert.layout import Layout

__all__ = ["BertAttention", "attend", "by_groups", "rotate"]


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, rate: float
) -> torch.Tensor:
    """softmax(Q K^T / sqrt(d)) V (Vaswani et al. 2017, eq. 1), with dropout of the weights.

    Args:
        query: (B, H, S, d).
        key: the same shape.
        value: the same shape.
        mask: (B, 1, 1, S) bool, True where a key may be attended to; None for all.
        rate: of dropout.

    Returns:
        (B, H, S, d).
    """
    if rate > 0 and query.device.type == "cpu":
        # torch's own leaves its fast kernel for dropout as well, and draws at six times the cost.
        scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]))
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return dropout(scores.softmax(-1), rate) @ value
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=rate)


def by_groups(
    qkv: torch.Tensor, groups: Sequence[tuple[int, int]], rate: float, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """`attend` for sequences that stand one after another, dense among those of one length.

    Args:
        qkv: (T, 3, H, d) queries, keys and values.
        groups: (sequences, length) of each run of sequences of one length.
        mask: (B, 1, 1, S) bool where the only group is padded; else None.
        rate: of dropout.

    Returns:
        (T, H * d).
    """
    if mask is None and fits_groups(qkv, rate):
        return attend_groups(qkv, groups, rate).flatten(1)
    parts = []
    pieces = torch.split(qkv, [sequences * length for sequences, length in groups])
    for piece, (sequences, length) in zip(pieces, groups, strict=True):
        query, key, value = piece.view(sequences, length, *piece.shape[1:]).permute(2, 0, 3, 1, 4)
        out = attend(query, key, value, mask, rate)
        parts.append(out.transpose(1, 2).reshape(sequences * length, -1))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def rotate(x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Turns pairs of components by angles that grow with the position (Su et al. 2021, eq. 34).

    Args:
        x: (T, H, d), d even; component i is paired with i + d / 2.
        places: (T,) positions within the sequences.

    Returns:
        (T, H, d).
    """
    half = x.shape[-1] // 2
    frequencies = 10_000.0 ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = places[:, None, None].float() * frequencies
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), -1)


def _varlen_fits(x: torch.Tensor, rate: float) -> bool:
    return x.is_cuda and x.dtype in (torch.float16, torch.bfloat16) and rate == 0


class _Projections(nn.Module):
    """Queries, keys and values, under the names that transformers gives them."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.query = nn.Linear(size, size, bias=config.bias)
        self.key = nn.Linear(size, size, bias=config.bias)
        self.value = nn.Linear(size, size, bias=config.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(T, D) to (T, 3 D), in one product."""
        parts = (self.query, self.key, self.value)
        weight = torch.cat([part.weight for part in parts])
        bias = None if self.query.bias is None else torch.cat([part.bias for part in parts])
        return functional.linear(x, weight, bias)


class _Output(nn.Module):
    """A projection, dropout, the residual and, where the norm stands behind, LayerNorm."""

    def __init__(self, config: BertConfig, inputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, config.hidden_size, bias=config.bias)
        # Before a sublayer or behind it, this norm is the one that belongs to it.
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps, bias=config.bias)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self._post = config.norm == "post"

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """(T, inputs) and (T, D) to (T, D)."""
        out: torch.Tensor = self.dropout(self.dense(x)) + residual
        return self.LayerNorm(out) if self._post else out


class BertAttention(nn.Module):
    """Multi-head self-attention with its residual.

    Args:
        config: of the model.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.self = _Projections(config)
        self.output = _Output(config, config.hidden_size)
        self.heads = config.num_attention_heads
        self._rate = config.attention_probs_dropout_prob
        self._rotary = config.positions == "rotary"
        self._pre = config.norm == "pre"

    def forward(self, x: torch.Tensor, layout: Layout, places: torch.Tensor) -> torch.Tensor:
        """Each token of T gathers from those of its sequence.

        Args:
            x: (T, D).
            layout: of the T rows.
            places: (T,) positions within the sequences.

        Returns:
            (T, D).
        """
        rows, size = x.shape
        inputs = self.output.LayerNorm(x) if self._pre else x
        qkv = self.self(inputs).view(rows, 3, self.heads, size // self.heads)
        if self._rotary:
            qkv = torch.cat((rotate(qkv[:, :2].flatten(1, 2), places).view_as(qkv[:, :2]), qkv[:, 2:]), 1)
        rate = self._rate if self.training else 0.0
        if layout.offsets is not None and _varlen_fits(qkv, rate):
            from torch.nn.attention.varlen import varlen_attn

            query, key, value = qkv.unbind(1)
            offsets, longest = layout.offsets, layout.longest
            gathered = varlen_attn(query, key, value, offsets, offsets, longest, longest)
            assert isinstance(gathered, torch.Tensor)  # without auxiliary outputs
            mixed = gathered.reshape(rows, size)
        else:
            mixed = by_groups(qkv, layout.groups, rate, layout.mask)
        out: torch.Tensor = self.output(mixed, x)
        return out
