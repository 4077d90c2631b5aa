"""What a BERT is, apart from its parameters: sizes, and switches between the paper's and other designs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

__all__ = ["BertConfig"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "hidden_act": ("gelu", "gelu_new", "relu", "silu"),
    "mlm_head": ("transform", "book"),
    "norm": ("post", "pre"),
    "positions": ("learned", "rotary"),
    "feed_forward": ("mlp", "glu"),
}
# name: (type, smallest, largest); the bounds belong to the range.
_RANGES: dict[str, tuple[type, float, float]] = {
    "vocab_size": (int, 1, 2**31 - 1),
    "hidden_size": (int, 1, 65_536),
    "num_hidden_layers": (int, 1, 1_000),
    "num_attention_heads": (int, 1, 4_096),
    "intermediate_size": (int, 1, 1 << 20),
    "max_position_embeddings": (int, 1, 1 << 24),
    "type_vocab_size": (int, 1, 1_000),
    "pad_token_id": (int, 0, 2**31 - 1),
    "hidden_dropout_prob": (float, 0, 0.999),
    "attention_probs_dropout_prob": (float, 0, 0.999),
    "initializer_range": (float, 0, 100),
    "layer_norm_eps": (float, 0, 1),
}
_FLAGS = ("tie_word_embeddings", "next_sentence", "embedding_norm", "bias")
_OURS = ("mlm_head", "next_sentence", "embedding_norm", "norm", "positions", "feed_forward", "bias")
# name: (blocks, hidden units)
_SIZES = {
    "tiny": (2, 128),
    "mini": (4, 256),
    "small": (4, 512),
    "medium": (8, 512),
    "base": (12, 768),
    "large": (24, 1024),
}
_OWN_TYPE = "fastnlp-bert"
# What transformers writes in other words, or not at all.
_SPELLINGS = {"gelu_pytorch_tanh": "gelu_new", "gelu_fast": "gelu_new", "swish": "silu"}


@dataclass(frozen=True)
class BertConfig:
    """The architecture of a BERT, under the names that Hugging Face's `config.json` has for it.

    The defaults are BERT-base (Devlin et al. 2019). The fields from `mlm_head` on are choices that
    transformers' BERT does not have: the book's prediction head, and parts of later encoders.

    Attributes:
        vocab_size: V, words.
        hidden_size: D, a multiple of the heads.
        num_hidden_layers: encoder blocks.
        num_attention_heads: H.
        intermediate_size: width of the feed-forward layers.
        hidden_act: their activation; "gelu_new" is GELU by tanh.
        hidden_dropout_prob: of embeddings and of what a block adds, in [0, 1).
        attention_probs_dropout_prob: of attention weights, in [0, 1).
        max_position_embeddings: the longest sequence.
        type_vocab_size: segments.
        initializer_range: standard deviation of the normal draws that weights start from.
        layer_norm_eps: added to variances.
        pad_token_id: the id of padding; its embedding stays zero.
        tie_word_embeddings: the MLM head's last weights are the word embeddings.
        mlm_head: "transform" is BERT's (dense, activation, LayerNorm, words); "book" has ReLU there.
        next_sentence: whether there is a pooler and a head that predicts the next sentence.
        embedding_norm: LayerNorm over the sum of the embeddings; the book has none.
        norm: LayerNorm behind each sublayer as in the paper, or before it, and once more at the end.
        positions: an embedding that is learned, or rotations of queries and keys (RoPE, Su et al. 2021).
        feed_forward: "mlp", or "glu", whose activation gates a second projection (Shazeer 2020).
        bias: whether encoder blocks have biases.

    Raises:
        ValueError: a setting is out of range, or settings contradict each other; the message names it.
        TypeError: a setting is of another type.

    Example:
        >>> config = BertConfig(vocab_size=1000, hidden_size=64, num_attention_heads=2, num_hidden_layers=2)
        >>> config.hidden_act, config.layer_norm_eps
        ('gelu', 1e-12)
    """

    vocab_size: int
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: Literal["gelu", "gelu_new", "relu", "silu"] = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0
    tie_word_embeddings: bool = True
    mlm_head: Literal["transform", "book"] = "transform"
    next_sentence: bool = True
    embedding_norm: bool = True
    norm: Literal["post", "pre"] = "post"
    positions: Literal["learned", "rotary"] = "learned"
    feed_forward: Literal["mlp", "glu"] = "mlp"
    bias: bool = True

    def __post_init__(self) -> None:
        for name, (kind, low, high) in _RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, int) and not isinstance(value, bool)
            if not (number or (kind is float and isinstance(value, float))):
                raise TypeError(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
            if math.isnan(value) or not low <= value <= high:
                raise ValueError(f"{name}: expected {low:g} to {high:g}, got {value}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}: expected bool, got {type(getattr(self, name)).__name__}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size: expected a multiple of the {self.num_attention_heads} heads, "
                f"got {self.hidden_size}"
            )
        if self.positions == "rotary" and self.hidden_size // self.num_attention_heads % 2:
            raise ValueError(
                f"hidden_size: expected an even number a head for rotary positions, got "
                f"{self.hidden_size // self.num_attention_heads}"
            )
        if self.pad_token_id >= self.vocab_size:
            raise ValueError(f"pad_token_id: expected below {self.vocab_size}, got {self.pad_token_id}")

    @classmethod
    def book(cls, vocab_size: int, **settings: Any) -> Self:
        """The small BERT of the book: 2 blocks, 128 hidden units, 2 heads, its MLM head, ReLU, dropout 0.2.

        Args:
            vocab_size: V.
            **settings: what is to be otherwise.

        Example:
            >>> BertConfig.book(20_256).num_hidden_layers
            2
        """
        values: dict[str, Any] = {
            "hidden_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 256,
            "hidden_act": "relu",
            "hidden_dropout_prob": 0.2,
            "attention_probs_dropout_prob": 0.2,
            "max_position_embeddings": 1000,
            "layer_norm_eps": 1e-5,
            "tie_word_embeddings": False,
            "mlm_head": "book",
            "embedding_norm": False,
        }
        return cls(vocab_size, **{**values, **settings})

    @classmethod
    def preset(cls, name: str, vocab_size: int, **settings: Any) -> Self:
        """A size by its name: those of the paper, and the smaller ones of Turc et al. 2019.

        Args:
            name: "tiny" (2 blocks of 128 hidden units), "mini" (4, 256), "small" (4, 512), "medium" (8, 512),
                "base" (12, 768; 110 million parameters) or "large" (24, 1,024; 340 million). A head has 64
                units, and feed-forward layers are four times as wide as the others.
            vocab_size: V.
            **settings: what is to be otherwise.

        Raises:
            ValueError: there is no such size.

        Example:
            >>> BertConfig.preset("large", 30_522).num_attention_heads
            16
        """
        if name not in _SIZES:
            raise ValueError(f"name: expected one of {', '.join(_SIZES)}, got {name!r}")
        blocks, units = _SIZES[name]
        values = {
            "hidden_size": units,
            "num_hidden_layers": blocks,
            "num_attention_heads": units // 64,
            "intermediate_size": 4 * units,
        }
        return cls(vocab_size, **{**values, **settings})

    @property
    def is_standard(self) -> bool:
        """Whether transformers' `bert` can express it."""
        defaults = {field.name: field.default for field in fields(self)}
        return all(getattr(self, name) == defaults[name] for name in _OURS if name != "next_sentence")

    def flops_per_token(self, length: int, predictions: int) -> float:
        """Floating-point operations a token takes in training: 6 for each weight that it meets.

        Args:
            length: tokens of a sequence.
            predictions: masked positions of a sequence, at which words are predicted.

        Returns:
            Operations, forward and backward, with the products of attention and the MLM head.

        Example:
            >>> round(BertConfig(30_522).flops_per_token(128, 20) / 1e6)
            546
        """
        D, F = self.hidden_size, self.intermediate_size
        block = 4 * D * D + (3 if self.feed_forward == "glu" else 2) * D * F + 2 * length * D
        head = D * D + D * self.vocab_size
        return 6.0 * (self.num_hidden_layers * block + head * predictions / length)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)

    def to_json(self, architecture: str = "BertForPreTraining") -> str:
        """The text of a `config.json`: transformers' where it can express the model, else of our own type.

        Args:
            architecture: the class whose parameters stand beside it.
        """
        values = self.to_dict()
        if self.is_standard:
            name = architecture if self.next_sentence else "BertForMaskedLM"
            values = {key: value for key, value in values.items() if key not in _OURS}
            values = {"model_type": "bert", "architectures": [name], **values}
        else:
            values = {"model_type": _OWN_TYPE, **values}
        return json.dumps(values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a `config.json` of BERT, by us or by transformers.

        Args:
            text: of the file.

        Returns:
            The configuration; `next_sentence` is False where the file says that only the MLM head is there.

        Raises:
            ValueError: it is no BERT, or one with parts that are not here.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"expected an object of settings, got {type(values).__name__}")
        kind = values.get("model_type")
        if kind not in ("bert", _OWN_TYPE):
            raise ValueError(f"model_type: expected bert or {_OWN_TYPE}, got {kind!r}")
        _refuse_decoders(values)
        act = values.get("hidden_act")
        if isinstance(act, str) and act in _SPELLINGS:
            values["hidden_act"] = _SPELLINGS[act]
        if kind == "bert":
            values = {key: value for key, value in values.items() if key not in _OURS}
            values["next_sentence"] = "BertForMaskedLM" not in (values.get("architectures") or ())
            if values.get("pad_token_id", 0) is None:
                values["pad_token_id"] = 0
        if "vocab_size" not in values:
            raise ValueError("vocab_size: expected it among the settings, got none")
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})


def _refuse_decoders(values: Mapping[str, Any]) -> None:
    for name, expected in (
        ("is_decoder", False),
        ("add_cross_attention", False),
        ("position_embedding_type", "absolute"),
    ):
        if values.get(name, expected) != expected:
            raise ValueError(f"{name}: expected {expected!r}, got {values[name]!r}")
