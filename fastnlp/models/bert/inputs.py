"""What tokens, segments and lengths that a caller makes have to be."""

from __future__ import annotations

import torch

__all__ = ["check_ids", "check_input"]


def check_ids(name: str, values: torch.Tensor, limit: int) -> None:
    """Refuses numbers that are no ids; on another device than the CPU only their type is looked at.

    Args:
        name: of the argument.
        values: (B, S).
        limit: all are in [0, limit).

    Raises:
        TypeError: they are no integers.
        IndexError: one is out of range; the message has its place.
    """
    if values.dtype not in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        raise TypeError(f"{name}: expected integers, got {values.dtype}")
    if values.device.type != "cpu" or not values.numel():
        return  # a look at the values would wait for the device
    if not (values.min() >= 0 and values.max() < limit):
        row, column = ((values < 0) | (values >= limit)).nonzero()[0].tolist()
        raise IndexError(
            f"{name}: expected 0 to {limit - 1}, got {int(values[row, column])} in [{row}, {column}]"
        )


def check_input(
    tokens: torch.Tensor,
    segments: torch.Tensor | None,
    lengths: torch.Tensor | None = None,
    *,
    longest: int,
    words: int,
    kinds: int,
) -> None:
    """Refuses a batch that a model cannot encode.

    Args:
        tokens: (B, S).
        segments: (B, S), or None.
        lengths: (B,), or None.
        longest: columns at most.
        words: tokens are in [0, words).
        kinds: segments are in [0, kinds).

    Raises:
        TypeError: tokens or segments are no integers.
        ValueError: shapes do not fit, a sequence is too long, or a length is out of range.
        IndexError: a token or a segment is out of range.
    """
    if tokens.ndim != 2 or not tokens.numel():
        raise ValueError(f"tokens: expected (B, S) with at least one token, got {tuple(tokens.shape)}")
    batch, length = tokens.shape
    if length > longest:
        raise ValueError(f"tokens: expected at most {longest} columns, got {length}")
    if segments is not None and segments.shape != tokens.shape:
        raise ValueError(f"segments: expected {tuple(tokens.shape)}, got {tuple(segments.shape)}")
    if lengths is not None and lengths.shape != (batch,):
        raise ValueError(f"lengths: expected {(batch,)}, got {tuple(lengths.shape)}")
    on_host = tokens.device.type == "cpu"
    if on_host and lengths is not None and not (lengths.min() >= 1 and lengths.max() <= length):
        bad = int(((lengths < 1) | (lengths > length)).nonzero()[0])
        raise ValueError(f"lengths: expected 1 to {length}, got {int(lengths[bad])} in row {bad}")
    check_ids("tokens", tokens, words)
    if segments is not None:
        check_ids("segments", segments, kinds)
