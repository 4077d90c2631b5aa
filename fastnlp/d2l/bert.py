"""BERT as the book has it: the encoder, its two pretraining tasks, and the model of the three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from fastnlp.d2l.transformer import EncoderBlock
from fastnlp.models.bert.inputs import check_input
from fastnlp.models.bert.layout import unpad

__all__ = ["BERTEncoder", "BERTModel", "MaskLM", "NextSentencePred"]


class BERTEncoder(nn.Module):
    """Token, segment and position embeddings, and encoder blocks.

    The book adds `pos_embedding.data`, so that the positions it calls learnable never learn; here they do.

    Args:
        vocab_size: V.
        num_hiddens: of each token.
        norm_shape: of LayerNorm.
        ffn_num_input: `num_hiddens`.
        ffn_num_hiddens: of the feed-forward networks.
        num_heads: heads.
        num_layers: blocks.
        dropout: its rate.
        max_len: the longest sequence.
        key_size: `num_hiddens`.
        query_size: `num_hiddens`.
        value_size: `num_hiddens`.

    Example:
        >>> encoder = BERTEncoder(10000, 768, [768], 768, 1024, 4, 2, 0.2)
        >>> tokens = torch.randint(0, 10000, (2, 8))
        >>> segments = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 1]])
        >>> encoder(tokens, segments, None).shape
        torch.Size([2, 8, 768])
    """

    def __init__(
        self,
        vocab_size: int,
        num_hiddens: int,
        norm_shape: int | Sequence[int],
        ffn_num_input: int,
        ffn_num_hiddens: int,
        num_heads: int,
        num_layers: int,
        dropout: float,
        max_len: int = 1000,
        key_size: int = 768,
        query_size: int = 768,
        value_size: int = 768,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.token_embedding = nn.Embedding(vocab_size, num_hiddens)
        self.segment_embedding = nn.Embedding(2, num_hiddens)
        self.blks: Any = nn.Sequential()  # of EncoderBlock
        for i in range(num_layers):
            block = EncoderBlock(
                key_size, query_size, value_size, num_hiddens, norm_shape, ffn_num_input, ffn_num_hiddens,
                num_heads, dropout, True,
            )  # fmt: skip
            self.blks.add_module(f"{i}", block)
        self.pos_embedding = nn.Parameter(torch.randn(1, max_len, num_hiddens))

    def forward(
        self, tokens: torch.Tensor, segments: torch.Tensor, valid_lens: torch.Tensor | None
    ) -> torch.Tensor:
        """Encodes a batch.

        Args:
            tokens: (B, S) integers.
            segments: (B, S), 0 or 1.
            valid_lens: (B,) tokens of each row that are attended to; None for all.

        Returns:
            (B, S, num_hiddens).

        Raises:
            ValueError: a row is longer than `max_len`, or shapes do not fit.
            IndexError: a token or a segment is out of range.
        """
        self._check(tokens, segments)
        X: torch.Tensor = self.token_embedding(tokens) + self.segment_embedding(segments)
        X = X + self.pos_embedding[:, : X.shape[1], :]
        for block in self.blks:
            X = block(X, valid_lens)
        return X

    def _check(self, tokens: torch.Tensor, segments: torch.Tensor) -> None:
        longest, words = self.pos_embedding.shape[1], self.token_embedding.num_embeddings
        check_input(tokens, segments, longest=longest, words=words, kinds=2)

    def rows(self, tokens: torch.Tensor, segments: torch.Tensor, valid_lens: torch.Tensor) -> Any:
        """Encodes the real tokens of a batch alone.

        Args:
            tokens: (B, S) integers.
            segments: (B, S).
            valid_lens: (B,) in [1, S].

        Returns:
            (T, num_hiddens) and (T,) the place of each row in the flattened (B, S).
        """
        self._check(tokens, segments)
        places, layout = unpad(valid_lens.long(), tokens.shape[1])
        X = self.token_embedding(tokens.reshape(-1)[places])
        X = X + self.segment_embedding(segments.reshape(-1)[places])
        X = X + nn.functional.embedding(places % tokens.shape[1], self.pos_embedding[0])
        for block in self.blks:
            X = block.rows(X, layout.groups)
        return X, places


class MaskLM(nn.Module):
    """Predicts masked words by a perceptron with one hidden layer.

    Args:
        vocab_size: V.
        num_hiddens: of the hidden layer.
        num_inputs: of each encoded token.

    Example:
        >>> mlm = MaskLM(10000, 768)
        >>> mlm(torch.zeros(2, 8, 768), torch.tensor([[1, 5, 2], [6, 1, 5]])).shape
        torch.Size([2, 3, 10000])
    """

    def __init__(self, vocab_size: int, num_hiddens: int, num_inputs: int = 768, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mlp = nn.Sequential(
            nn.Linear(num_inputs, num_hiddens),
            nn.ReLU(),
            nn.LayerNorm(num_hiddens),
            nn.Linear(num_hiddens, vocab_size),
        )

    def forward(self, X: torch.Tensor, pred_positions: torch.Tensor) -> torch.Tensor:
        """Logits at some positions.

        Args:
            X: (B, S, num_inputs).
            pred_positions: (B, M) integers in [0, S), on any device.

        Returns:
            (B, M, V).
        """
        rows = torch.arange(len(X), device=X.device)[:, None]
        out: torch.Tensor = self.mlp(X[rows, pred_positions.to(X.device)])
        return out


class NextSentencePred(nn.Module):
    """Tells from the hidden layer over `<cls>` whether the second sentence follows the first.

    Args:
        num_inputs: of the hidden layer, which belongs to `BERTModel`.

    Example:
        >>> NextSentencePred(768)(torch.zeros(2, 768)).shape
        torch.Size([2, 2])
    """

    def __init__(self, num_inputs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output = nn.Linear(num_inputs, 2)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """(B, num_inputs) to (B, 2); column 1 says that it follows."""
        out: torch.Tensor = self.output(X)
        return out


class BERTModel(nn.Module):
    """The encoder with both tasks.

    The book's `max_ken` and `ffn_num_inputs` are `max_len` and `ffn_num_input` here, as its body has them.

    Args:
        vocab_size: as for `BERTEncoder`, like the others up to `value_size`.
        num_hiddens: likewise.
        norm_shape: likewise.
        ffn_num_input: likewise.
        ffn_num_hiddens: likewise.
        num_heads: likewise.
        num_layers: likewise.
        dropout: likewise.
        max_len: likewise.
        key_size: likewise.
        query_size: likewise.
        value_size: likewise.
        hid_in_features: inputs of the hidden layer over `<cls>`.
        mlm_in_features: of `MaskLM`.
        nsp_in_features: of `NextSentencePred`.

    Example:
        >>> net = BERTModel(50, 16, [16], 16, 32, 2, 1, 0.2, 20, 16, 16, 16, 16, 16, 16)
        >>> tokens, segments = torch.ones((2, 8), dtype=torch.long), torch.zeros((2, 8), dtype=torch.long)
        >>> encoded_X, mlm_Y_hat, nsp_Y_hat = net(tokens, segments, None, torch.tensor([[1], [2]]))
        >>> encoded_X.shape, mlm_Y_hat.shape, nsp_Y_hat.shape
        (torch.Size([2, 8, 16]), torch.Size([2, 1, 50]), torch.Size([2, 2]))
    """

    def __init__(
        self,
        vocab_size: int,
        num_hiddens: int,
        norm_shape: int | Sequence[int],
        ffn_num_input: int,
        ffn_num_hiddens: int,
        num_heads: int,
        num_layers: int,
        dropout: float,
        max_len: int = 1000,
        key_size: int = 768,
        query_size: int = 768,
        value_size: int = 768,
        hid_in_features: int = 768,
        mlm_in_features: int = 768,
        nsp_in_features: int = 768,
    ) -> None:
        super().__init__()
        self.encoder = BERTEncoder(
            vocab_size, num_hiddens, norm_shape, ffn_num_input, ffn_num_hiddens, num_heads, num_layers,
            dropout, max_len=max_len, key_size=key_size, query_size=query_size, value_size=value_size,
        )  # fmt: skip
        self.hidden = nn.Sequential(nn.Linear(hid_in_features, num_hiddens), nn.Tanh())
        self.mlm = MaskLM(vocab_size, num_hiddens, mlm_in_features)
        self.nsp = NextSentencePred(nsp_in_features)

    def forward(
        self,
        tokens: torch.Tensor,
        segments: torch.Tensor,
        valid_lens: torch.Tensor | None = None,
        pred_positions: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """Encodes a batch, predicts masked words and the next sentence.

        Args:
            tokens: (B, S) integers.
            segments: (B, S), 0 or 1.
            valid_lens: (B,); None for all.
            pred_positions: (B, M); None for no words.

        Returns:
            (B, S, num_hiddens); (B, M, V) or None; (B, 2).
        """
        encoded_X = self.encoder(tokens, segments, valid_lens)
        mlm_Y_hat = None if pred_positions is None else self.mlm(encoded_X, pred_positions)
        return encoded_X, mlm_Y_hat, self.nsp(self.hidden(encoded_X[:, 0, :]))
