"""The encoder of BERT: embeddings, blocks, pooler."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from fastnlp.models.bert.attention import BertAttention, _Output
from fastnlp.models.bert.config import BertConfig
from fastnlp.models.bert.dropout import Dropout
from fastnlp.models.bert.inputs import check_input
from fastnlp.models.bert.layout import Layout, unpad
from fastnlp.models.bert.pretrained import Pretrained
from fastnlp.models.bert.texts import TextMethods

__all__ = ["BertModel", "activation", "initialize"]


def activation(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function that a name in the configuration stands for."""
    if name == "gelu_new":
        return lambda x: functional.gelu(x, approximate="tanh")
    functions: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "gelu": functional.gelu,
        "relu": functional.relu,
        "silu": functional.silu,
    }
    return functions[name]


def initialize(module: nn.Module, config: BertConfig) -> None:
    """Draws the weights of BERT: normal, of standard deviation `initializer_range`; biases are zero.

    The paper's program cuts the normal off at two deviations; so does this.
    """
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            bound = 2 * config.initializer_range
            nn.init.trunc_normal_(part.weight, std=config.initializer_range, a=-bound, b=bound)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
        if isinstance(part, nn.Embedding) and part.padding_idx is not None:
            with torch.no_grad():
                part.weight[part.padding_idx].zero_()


class _Embeddings(nn.Module):
    """The sum of word, segment and position embeddings; positions learn."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, size, padding_idx=config.pad_token_id)
        if config.positions == "learned":
            self.position_embeddings = nn.Embedding(config.max_position_embeddings, size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size)
        if config.embedding_norm:
            self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps, bias=config.bias)
        self.dropout = Dropout(config.hidden_dropout_prob if config.embedding_norm else 0.0)
        self._learned, self._norm = config.positions == "learned", config.embedding_norm

    def forward(self, tokens: torch.Tensor, segments: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """(T,) integers each to (T, D)."""
        x: torch.Tensor = self.word_embeddings(tokens) + self.token_type_embeddings(segments)
        if self._learned:
            x = x + self.position_embeddings(places)
        out: torch.Tensor = self.dropout(self.LayerNorm(x) if self._norm else x)
        return out


class _Intermediate(nn.Module):
    """The wide half of the feed-forward layers, gated or not."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.bias)
        self._gated = config.feed_forward == "glu"
        if self._gated:
            self.gate = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.bias)
        self._act = activation(config.hidden_act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(T, D) to (T, intermediate)."""
        return self._act(self.gate(x)) * self.dense(x) if self._gated else self._act(self.dense(x))


class _Block(nn.Module):
    """Attention and feed-forward layers, each with its residual and LayerNorm."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = BertAttention(config)
        self.intermediate = _Intermediate(config)
        self.output = _Output(config, config.intermediate_size)
        self._pre = config.norm == "pre"

    def forward(self, x: torch.Tensor, layout: Layout, places: torch.Tensor) -> torch.Tensor:
        x = self.attention(x, layout, places)
        inputs = self.output.LayerNorm(x) if self._pre else x
        out: torch.Tensor = self.output(self.intermediate(inputs), x)
        return out


class _Encoder(nn.Module):
    """The blocks, one after another."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Block(config) for _ in range(config.num_hidden_layers))
        if config.norm == "pre":
            self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps, bias=config.bias)
        self._pre = config.norm == "pre"
        self.checkpointing = False  # recompute blocks on the way back instead of keeping what they made

    def forward(self, x: torch.Tensor, layout: Layout, places: torch.Tensor) -> torch.Tensor:
        for block in self.layer:
            if self.checkpointing and self.training:
                x = checkpoint(block, x, layout, places, use_reentrant=False)
            else:
                x = block(x, layout, places)
        return self.LayerNorm(x) if self._pre else x


class _Pooler(nn.Module):
    """tanh of a projection of the first token, from which the next sentence is told."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, first: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = torch.tanh(self.dense(first))
        return out


class BertModel(TextMethods, Pretrained):
    """The encoder: for each token a vector that depends on all others of its sequence (Devlin et al. 2019).

    Parameters have transformers' names. Weights are drawn as in the paper when it is made.

    Args:
        config: the architecture.

    Attributes:
        config: as given.

    Example:
        >>> model = BertModel(BertConfig(9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)).eval()
        >>> tokens = torch.tensor([[1, 4, 2], [1, 2, 0]])
        >>> hidden, pooled = model(tokens, lengths=torch.tensor([3, 2]))
        >>> hidden.shape, pooled.shape
        (torch.Size([2, 3, 8]), torch.Size([2, 8]))
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        if config.next_sentence:
            self.pooler = _Pooler(config)
        initialize(self, config)

    def _encoder(self) -> BertModel:
        return self

    def encode_rows(
        self, tokens: torch.Tensor, segments: torch.Tensor, places: torch.Tensor, layout: Layout
    ) -> torch.Tensor:
        """Sequences that stand one after another; nothing is checked.

        Args:
            tokens: (T,) integers.
            segments: (T,) integers.
            places: (T,) int64 positions within the sequences.
            layout: of the T rows.

        Returns:
            (T, D).
        """
        x: torch.Tensor = self.encoder(self.embeddings(tokens, segments, places), layout, places)
        return x

    def forward(
        self,
        tokens: torch.Tensor,
        segments: torch.Tensor | None = None,
        lengths: torch.Tensor | None = None,
        *,
        unpadded: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Encodes a batch of padded sequences.

        Args:
            tokens: (B, S) integers in [0, V).
            segments: (B, S) integers; None for zeros.
            lengths: (B,) integers in [1, S], the real tokens of each row; None where all are real.
            unpadded: leave the padding out before the embeddings; False computes it and masks it, which gives
                the same and keeps shapes static.

        Returns:
            (B, S, D), zeros at padding; and (B, D) of the pooler, None where the model has none.

        Raises:
            TypeError: tokens or segments are no integers.
            ValueError: shapes do not fit, a sequence is too long, or a length is out of range.
            IndexError: a token or a segment is out of range.
        """
        config = self.config
        check_input(
            tokens, segments, lengths,
            longest=config.max_position_embeddings, words=config.vocab_size, kinds=config.type_vocab_size,
        )  # fmt: skip
        batch, length = tokens.shape
        segments = torch.zeros_like(tokens) if segments is None else segments
        columns = torch.arange(length, device=tokens.device)
        places = columns.repeat(batch)
        flat, flat_segments = tokens.reshape(-1), segments.reshape(-1)
        if lengths is None or not unpadded:
            layout = Layout.padded(batch, length, lengths)
            rows = self.encode_rows(flat, flat_segments, places, layout)
            hidden = rows.view(batch, length, -1)
            if lengths is not None:
                hidden = hidden.masked_fill((columns >= lengths[:, None])[..., None], 0.0)
        else:
            real, layout = unpad(lengths, length)
            rows = self.encode_rows(flat[real], flat_segments[real], places[real], layout)
            empty = rows.new_zeros(batch * length, rows.shape[1])
            hidden = empty.index_copy(0, real, rows).view(batch, length, -1)
        return hidden, self.pooler(hidden[:, 0]) if self.config.next_sentence else None

    @property
    def number_of_parameters(self) -> int:
        """Numbers that are learned."""
        return sum(math.prod(parameter.shape) for parameter in self.parameters())
