"""How a BERT is pretrained: all that decides what comes out, apart from the data and the architecture."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["PretrainingSettings"]

_CHOICES: dict[str, tuple[Any, ...]] = {
    "schedule": ("linear", "cosine", "constant"),
    "precision": ("auto", "float32", "bfloat16", "float16"),
    "parallel": ("ddp", "fsdp"),
    "unpadded": ("auto", True, False),
    "compile": (False, True, "reduce-overhead", "max-autotune"),
    "checkpointing": (False, True),
}
# name: (type, smallest, largest); the bounds belong to the range.
_RANGES: dict[str, tuple[type, float, float]] = {
    "steps": (int, 1, 2**40),
    "epochs": (int, 1, 1_000_000),
    "batch_size": (int, 1, 1 << 24),
    "accumulate": (int, 1, 1 << 20),
    "max_len": (int, 3, 1 << 20),
    "lr": (float, 0, 100),
    "min_lr": (float, 0, 100),
    "warmup": (float, 0, 2**40),
    "beta1": (float, 0, 0.999_999),
    "beta2": (float, 0, 0.999_999),
    "epsilon": (float, 0, 1),
    "weight_decay": (float, 0, 100),
    "clip": (float, 0, math.inf),
    "mask_fraction": (float, 0, 1),
    "log_every": (int, 1, 1 << 30),
    "seed": (int, 0, 2**63 - 1),
    "peak_flops": (float, 0, math.inf),
}


@dataclass(frozen=True)
class PretrainingSettings:
    """How a BERT is pretrained. The defaults are those of the paper (Devlin et al. 2019) where it says them.

    Attributes:
        steps: updates; None for whole `epochs`.
        epochs: passes over the data, where `steps` does not say otherwise.
        batch_size: sequences a process takes at a time.
        accumulate: such batches to an update, with the loss of one large batch.
        max_len: tokens of a sequence, of data made from a corpus.
        lr: learning rate after the warm-up, > 0.
        min_lr: what the rate falls to behind the last update.
        warmup: updates in which the rate rises from 0; below 1, a part of all.
        schedule: how it falls afterwards.
        beta1: of AdamW.
        beta2: of AdamW.
        epsilon: of AdamW.
        weight_decay: of all but biases and LayerNorms.
        clip: bound of the gradient's norm; 0 for none.
        mask_fraction: of tokens to be predicted, of data made from a corpus.
        precision: of products; "auto" is bfloat16 where the processor multiplies it, else float32. Parameters
            and sums stay float32.
        unpadded: leave padding out; "auto" does so unless `compile` wants static shapes.
        checkpointing: keep no activations of blocks, but compute them again on the way back.
        compile: True or a mode of `torch.compile`; "reduce-overhead" records CUDA graphs, for models so small
            that launches bound them. Not tried on a GPU yet.
        parallel: of several processes under torchrun: copies of the model, or shards of it (FSDP2).
        log_every: updates between reports.
        seed: of weights, dropout and data made from a corpus.
        peak_flops: operations a second that the device could do, for MFU in reports; 0 for none.

    Raises:
        ValueError: a setting is out of range; the message names it.
        TypeError: a setting is of another type.

    Example:
        >>> PretrainingSettings(steps=100, warmup=0.1).lr_at(4)
        5e-05
    """

    steps: int | None = None
    epochs: int = 1
    batch_size: int = 256
    accumulate: int = 1
    max_len: int = 128
    lr: float = 1e-4
    min_lr: float = 0.0
    warmup: float = 0.01
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6
    weight_decay: float = 0.01
    clip: float = 1.0
    mask_fraction: float = 0.15
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    unpadded: bool | Literal["auto"] = "auto"
    checkpointing: bool = False
    compile: bool | str = False
    parallel: Literal["ddp", "fsdp"] = "ddp"
    log_every: int = 10
    seed: int = 1
    peak_flops: float = 0.0

    def __post_init__(self) -> None:
        for name, (kind, low, high) in _RANGES.items():
            value = getattr(self, name)
            if name == "steps" and value is None:
                continue
            number = isinstance(value, int) and not isinstance(value, bool)
            if not (number or (kind is float and isinstance(value, float))):
                raise TypeError(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
            if math.isnan(value) or not low <= value <= high:
                raise ValueError(f"{name}: expected {low:g} to {high:g}, got {value}")
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if not any(value is choice or (value == choice and type(value) is str) for choice in choices):
                shown = ", ".join(map(repr, choices))
                raise ValueError(f"{name}: expected one of {shown}, got {value!r}")
        for name in ("lr", "mask_fraction", "epsilon"):
            if getattr(self, name) == 0:
                raise ValueError(f"{name}: expected above 0, got 0")
        if self.compile and self.unpadded is True:
            raise ValueError(
                "unpadded: expected 'auto' or False with compile, whose shapes are static, got True"
            )

    def lr_at(self, step: int, steps: int | None = None) -> float:
        """The learning rate of an update.

        Args:
            step: 0 for the first.
            steps: updates in all; None for those of the settings.
        """
        total = steps or self.steps or 1
        rising = max(1.0, self.warmup if self.warmup >= 1 else self.warmup * total)
        if step + 1 < rising:
            return self.lr * (step + 1) / rising
        if self.schedule == "constant":
            return self.lr
        past = min(1.0, (step + 1 - rising) / max(1.0, total + 1 - rising))
        share = 1 - past if self.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * past))
        return self.min_lr + (self.lr - self.min_lr) * share

    @property
    def leaves_out_padding(self) -> bool:
        """What `unpadded` comes to."""
        return not self.compile if self.unpadded == "auto" else self.unpadded

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)
