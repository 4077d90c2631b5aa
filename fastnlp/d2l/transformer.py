"""The encoder block of the book's Transformer chapter, and its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from fastnlp.models.bert.attention import attend, by_groups
from fastnlp.models.bert.dropout import Dropout

__all__ = ["AddNorm", "EncoderBlock", "MultiHeadAttention", "PositionWiseFFN"]


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention by several heads.

    Args:
        key_size: of each key.
        query_size: of each query.
        value_size: of each value.
        num_hiddens: of the result; a multiple of the heads.
        num_heads: heads.
        dropout: of the weights.
        bias: whether the four projections have one.

    Raises:
        ValueError: `num_hiddens` is no multiple of `num_heads`.

    Example:
        >>> attention = MultiHeadAttention(100, 100, 100, 100, 5, 0.5).eval()
        >>> x = torch.ones((2, 4, 100))
        >>> attention(x, x, x, torch.tensor([3, 2])).shape
        torch.Size([2, 4, 100])
    """

    def __init__(
        self,
        key_size: int,
        query_size: int,
        value_size: int,
        num_hiddens: int,
        num_heads: int,
        dropout: float,
        bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_hiddens % num_heads:
            raise ValueError(f"num_hiddens: expected a multiple of {num_heads} heads, got {num_hiddens}")
        self.num_heads = num_heads
        self.dropout = dropout
        self.W_q = nn.Linear(query_size, num_hiddens, bias=bias)
        self.W_k = nn.Linear(key_size, num_hiddens, bias=bias)
        self.W_v = nn.Linear(value_size, num_hiddens, bias=bias)
        self.W_o = nn.Linear(num_hiddens, num_hiddens, bias=bias)

    def forward(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        valid_lens: torch.Tensor | None,
    ) -> torch.Tensor:
        """Gathers values by how well keys meet queries.

        Args:
            queries: (B, N, query_size).
            keys: (B, S, key_size).
            values: (B, S, value_size).
            valid_lens: (B,), or (B, N) for each query, the keys that count; None for all. Where it is 0 all
                count.

        Returns:
            (B, N, num_hiddens).
        """
        mask = None
        if valid_lens is not None:
            lens = valid_lens.reshape(len(valid_lens), 1, -1, 1)  # (B, 1, 1 or N, 1)
            columns = torch.arange(keys.shape[1], device=keys.device)
            mask = (columns < lens) | (lens <= 0)
        heads = [
            layer(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for layer, x in ((self.W_q, queries), (self.W_k, keys), (self.W_v, values))
        ]
        gathered = attend(heads[0], heads[1], heads[2], mask, self.dropout if self.training else 0.0)
        out: torch.Tensor = self.W_o(gathered.transpose(1, 2).flatten(2))
        return out


class PositionWiseFFN(nn.Module):
    """Two layers with ReLU between them, the same for each position.

    Args:
        ffn_num_input: of each position.
        ffn_num_hiddens: between the layers.
        ffn_num_outputs: of the result.

    Example:
        >>> PositionWiseFFN(4, 4, 8)(torch.ones((2, 3, 4))).shape
        torch.Size([2, 3, 8])
    """

    def __init__(self, ffn_num_input: int, ffn_num_hiddens: int, ffn_num_outputs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense1 = nn.Linear(ffn_num_input, ffn_num_hiddens)
        self.relu = nn.ReLU()
        self.dense2 = nn.Linear(ffn_num_hiddens, ffn_num_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """(..., ffn_num_input) to (..., ffn_num_outputs)."""
        out: torch.Tensor = self.dense2(self.relu(self.dense1(X)))
        return out


class AddNorm(nn.Module):
    """LayerNorm of a residual and what dropout leaves of a sublayer's result.

    Args:
        normalized_shape: of LayerNorm.
        dropout: its rate.

    Example:
        >>> AddNorm([3, 4], 0.5)(torch.ones((2, 3, 4)), torch.ones((2, 3, 4))).shape
        torch.Size([2, 3, 4])
    """

    def __init__(self, normalized_shape: int | Sequence[int], dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dropout = Dropout(dropout)
        self.ln = nn.LayerNorm(
            normalized_shape if isinstance(normalized_shape, int) else list(normalized_shape)
        )

    def forward(self, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        """The residual X and the result Y of a sublayer, of one shape."""
        out: torch.Tensor = self.ln(self.dropout(Y) + X)
        return out


class EncoderBlock(nn.Module):
    """Self-attention and a feed-forward network, each followed by `AddNorm`.

    Args:
        key_size: as for `MultiHeadAttention`.
        query_size: likewise.
        value_size: likewise.
        num_hiddens: of each position.
        norm_shape: of LayerNorm.
        ffn_num_input: `num_hiddens`.
        ffn_num_hiddens: of the feed-forward network.
        num_heads: heads.
        dropout: of attention weights and of what the sublayers add.
        use_bias: whether attention's projections have a bias.

    Example:
        >>> block = EncoderBlock(24, 24, 24, 24, [100, 24], 24, 48, 8, 0.5).eval()
        >>> block(torch.ones((2, 100, 24)), torch.tensor([3, 2])).shape
        torch.Size([2, 100, 24])
    """

    def __init__(
        self,
        key_size: int,
        query_size: int,
        value_size: int,
        num_hiddens: int,
        norm_shape: int | Sequence[int],
        ffn_num_input: int,
        ffn_num_hiddens: int,
        num_heads: int,
        dropout: float,
        use_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.attention = MultiHeadAttention(
            key_size, query_size, value_size, num_hiddens, num_heads, dropout, use_bias
        )
        self.addnorm1 = AddNorm(norm_shape, dropout)
        self.ffn = PositionWiseFFN(ffn_num_input, ffn_num_hiddens, num_hiddens)
        self.addnorm2 = AddNorm(norm_shape, dropout)

    def forward(self, X: torch.Tensor, valid_lens: torch.Tensor | None) -> torch.Tensor:
        """(B, S, num_hiddens) to the same, of which the first `valid_lens` of each row are attended to."""
        Y = self.addnorm1(X, self.attention(X, X, X, valid_lens))
        out: torch.Tensor = self.addnorm2(Y, self.ffn(Y))
        return out

    def rows(self, X: torch.Tensor, groups: Sequence[tuple[int, int]]) -> torch.Tensor:
        """The same for sequences without padding that stand one after another.

        Args:
            X: (T, num_hiddens).
            groups: (sequences, length) of each run of sequences of one length.

        Returns:
            (T, num_hiddens).
        """
        attention = self.attention
        rate = attention.dropout if self.training else 0.0
        layers = (attention.W_q, attention.W_k, attention.W_v)
        bias = None if attention.W_q.bias is None else torch.cat([layer.bias for layer in layers])
        qkv = functional.linear(X, torch.cat([layer.weight for layer in layers]), bias)
        qkv = qkv.view(len(X), 3, attention.num_heads, -1)
        Y = self.addnorm1(X, attention.W_o(by_groups(qkv, groups, rate)))
        out: torch.Tensor = self.addnorm2(Y, self.ffn(Y))
        return out
