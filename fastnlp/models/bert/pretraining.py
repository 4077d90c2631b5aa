"""BERT with its two pretraining tasks: masked words and the next sentence."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from fastnlp.kernels import masked_lm_loss
from fastnlp.models.bert.config import BertConfig
from fastnlp.models.bert.encoder import BertModel, activation, initialize
from fastnlp.models.bert.examples import PackedExamples
from fastnlp.models.bert.inputs import check_ids
from fastnlp.models.bert.pretrained import Pretrained
from fastnlp.models.bert.texts import MaskFilling

__all__ = ["BertForPreTraining", "PretrainingLosses", "PretrainingOutput"]


class PretrainingOutput(NamedTuple):
    """What a BERT says about a batch.

    Attributes:
        hidden: (B, S, D), zeros at padding.
        mlm_logits: (B, M, V) at the positions asked for, or None.
        nsp_logits: (B, 2); column 0 says that the second sentence follows the first, as in BERT (the book has
            it the other way round). None where the model has no such head.
    """

    hidden: torch.Tensor
    mlm_logits: torch.Tensor | None
    nsp_logits: torch.Tensor | None


class PretrainingLosses(NamedTuple):
    """What a batch came to.

    Attributes:
        loss: scalar, `mlm_loss + nsp_loss`, in nats; differentiable.
        mlm_loss: scalar, detached.
        nsp_loss: scalar, detached; 0 where there is none.
        mlm_correct: scalar, how many masked words were predicted right.
        nsp_correct: scalar, how many pairs were told right.
    """

    loss: torch.Tensor
    mlm_loss: torch.Tensor
    nsp_loss: torch.Tensor
    mlm_correct: torch.Tensor
    nsp_correct: torch.Tensor


class _Transform(nn.Module):
    """Dense, activation, LayerNorm, before words are predicted."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self._act = activation("relu" if config.mlm_head == "book" else config.hidden_act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(M, D) to (M, D)."""
        out: torch.Tensor = self.LayerNorm(self._act(self.dense(x)))
        return out


class _Decoder(nn.Module):
    """The last weights of an MLM head that has its own."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.vocab_size, config.hidden_size))
        nn.init.normal_(self.weight, std=config.initializer_range)


class _Predictions(nn.Module):
    """The MLM head; where weights are tied, `decoder` is missing and the word embeddings stand in."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.transform = _Transform(config)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        if not config.tie_word_embeddings:
            self.decoder = _Decoder(config)


class _Heads(nn.Module):
    """Both heads, under transformers' names."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.predictions = _Predictions(config)
        if config.next_sentence:
            self.seq_relationship = nn.Linear(config.hidden_size, 2)


class BertForPreTraining(MaskFilling, Pretrained):
    """The encoder with the heads that it is pretrained by.

    Args:
        config: the architecture.

    Attributes:
        config: as given.
        bert: the encoder, a `BertModel`.
        tokenizer: what turns text into ids, or None.

    Example:
        >>> config = BertConfig(9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertForPreTraining(config).eval()
        >>> out = model(torch.tensor([[1, 4, 2, 5, 2]]), positions=torch.tensor([[1, 3]]))
        >>> out.hidden.shape, out.mlm_logits.shape, out.nsp_logits.shape
        (torch.Size([1, 5, 8]), torch.Size([1, 2, 9]), torch.Size([1, 2]))
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.bert = BertModel(config)
        self.cls = _Heads(config)
        initialize(self.cls, config)

    def _encoder(self) -> BertModel:
        return self.bert

    def _decoder_weight(self) -> torch.Tensor:
        """(V, D)."""
        if self.config.tie_word_embeddings:
            return self.bert.embeddings.word_embeddings.weight
        return self.cls.predictions.decoder.weight

    def forward(
        self,
        tokens: torch.Tensor,
        segments: torch.Tensor | None = None,
        lengths: torch.Tensor | None = None,
        positions: torch.Tensor | None = None,
    ) -> PretrainingOutput:
        """Encodes a padded batch and predicts.

        Args:
            tokens: (B, S) integers in [0, V).
            segments: (B, S) integers; None for zeros.
            lengths: (B,) integers in [1, S], the real tokens of each row; None where all are real.
            positions: (B, M) int64 columns at which words are to be predicted; None for no words.

        Returns:
            Vectors and logits.

        Raises:
            TypeError, ValueError, IndexError: as `BertModel`, for positions too.
        """
        hidden, pooled = self.bert(tokens, segments, lengths)
        words = None
        if positions is not None:
            if positions.ndim != 2 or len(positions) != len(tokens):
                raise ValueError(f"positions: expected ({len(tokens)}, M), got {tuple(positions.shape)}")
            check_ids("positions", positions, tokens.shape[1])
            wide = positions.long()[..., None].expand(-1, -1, hidden.shape[-1])
            masked = self.cls.predictions.transform(hidden.gather(1, wide))
            words = functional.linear(masked, self._decoder_weight(), self.cls.predictions.bias)
        following = None if pooled is None else self.cls.seq_relationship(pooled)
        return PretrainingOutput(hidden, words, following)

    def losses(
        self,
        examples: PackedExamples,
        *,
        mlm_total: float | torch.Tensor | None = None,
        nsp_total: float | torch.Tensor | None = None,
    ) -> PretrainingLosses:
        """The objective of pretraining: mean cross-entropy of masked words plus that of the next sentence.

        Words are predicted at masked positions alone, and their logits are made and used up in chunks.

        Args:
            examples: from `PackedExamples.from_batch`.
            mlm_total: what the weighted sum over masked words is divided by; None for the sum of the weights.
                Parts of a larger batch are given that of the whole.
            nsp_total: the same for pairs; None for their number.

        Returns:
            Losses and what was right.
        """
        hidden = self.bert.encode_rows(examples.tokens, examples.segments, examples.places, examples.layout)
        head = self.cls.predictions
        masked = head.transform(hidden[examples.rows])
        # Without padding no weight is 0; with it, and static shapes, such rows are computed in vain.
        mlm, right = masked_lm_loss(
            masked,
            None,
            examples.weights,
            examples.labels,
            self._decoder_weight(),
            head.bias,
            count_correct=True,
            compact=examples.layout.mask is not None and not torch.compiler.is_compiling(),
            validate=False,
        )
        mlm_correct = right.float()
        if mlm_total is not None:
            mlm = mlm * (examples.weights.sum() / mlm_total)
        zero = mlm.new_zeros(())
        if examples.is_next is None or not self.config.next_sentence:
            return PretrainingLosses(mlm, mlm.detach(), zero, mlm_correct, zero)
        logits = self.cls.seq_relationship(self.bert.pooler(hidden[examples.first])).float()
        target = 1 - examples.is_next
        nsp = functional.cross_entropy(logits, target, reduction="sum")
        nsp = nsp / (examples.sequences if nsp_total is None else nsp_total)
        correct = (logits.argmax(1) == target).sum().float()
        return PretrainingLosses(mlm + nsp, mlm.detach(), nsp.detach(), mlm_correct, correct)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, object]]:
        """Parameters with and without weight decay: as in the paper, none for biases and LayerNorms.

        Args:
            weight_decay: of the others.

        Returns:
            Two groups for an optimizer of torch.
        """
        named = list(self.named_parameters())
        plain = [p for name, p in named if name.endswith("bias") or "LayerNorm" in name]
        others = {id(p) for p in plain}
        return [
            {"params": [p for _, p in named if id(p) not in others], "weight_decay": weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
