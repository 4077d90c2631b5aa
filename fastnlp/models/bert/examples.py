"""Pretraining examples as the model takes them: real tokens only, masked positions by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fastnlp.models.bert.layout import Layout
from fastnlp.sampling import BertBatch

__all__ = ["PackedExamples"]


def _refuse(name: str, bad: NDArray[np.bool_], values: NDArray[Any], what: str) -> None:
    if bad.any():
        place = [int(i) for i in np.argwhere(bad)[0]]
        raise IndexError(f"{name}: expected {what}, got {values[tuple(place)]} in {place}")


def _check(batch: BertBatch, vocab_size: int, type_vocab_size: int) -> None:
    """Refuses arrays that do not fit together, and ids, lengths and positions that are out of range."""
    tokens, lengths = np.asarray(batch.tokens), np.asarray(batch.lengths)
    segments, positions = np.asarray(batch.segments), np.asarray(batch.positions)
    weights, labels = np.asarray(batch.weights), np.asarray(batch.labels)
    if tokens.ndim != 2 or not tokens.size:
        raise ValueError(f"tokens: expected (B, S) with at least one, got {tokens.shape}")
    count, columns = tokens.shape
    for name, array, shape in (
        ("segments", segments, tokens.shape),
        ("lengths", lengths, (count,)),
        ("weights", weights, positions.shape),
        ("labels", labels, positions.shape),
    ):
        if array.shape != shape:
            raise ValueError(f"{name}: expected {shape}, got {array.shape}")
    if positions.shape[:1] != (count,) or positions.ndim != 2:
        raise ValueError(f"positions: expected ({count}, M), got {positions.shape}")
    _refuse("lengths", (lengths < 1) | (lengths > columns), lengths, f"1 to {columns}")
    counted = weights > 0
    kinds = f"0 to {type_vocab_size - 1}"
    _refuse("segments", (segments < 0) | (segments >= type_vocab_size), segments, kinds)
    if batch.is_next is not None:
        is_next = np.asarray(batch.is_next)
        if is_next.shape != (count,):
            raise ValueError(f"is_next: expected ({count},), got {is_next.shape}")
        _refuse("is_next", (is_next != 0) & (is_next != 1), is_next, "0 or 1")
    _refuse("tokens", (tokens < 0) | (tokens >= vocab_size), tokens, f"0 to {vocab_size - 1}")
    _refuse("labels", counted & ((labels < 0) | (labels >= vocab_size)), labels, f"0 to {vocab_size - 1}")
    outside = counted & ((positions < 0) | (positions >= lengths[:, None]))
    _refuse("positions", outside, positions, "a real token")


@dataclass(frozen=True)
class PackedExamples:
    """A batch without its padding and without predictions of weight 0, sorted by length.

    Attributes:
        tokens: (T,) int32 ids of B sequences, one after another.
        segments: (T,) int32.
        places: (T,) int64 positions within the sequences.
        layout: of the T rows.
        first: (B,) int64 rows of the first tokens.
        rows: (M,) int64 rows to be predicted.
        labels: (M,) int64.
        weights: (M,) float32, above 0.
        is_next: (B,) int64, 1 where the second sentence followed the first; None without pairs.
        sequences: B.
        weight: the sum of the weights.
    """

    tokens: torch.Tensor
    segments: torch.Tensor
    places: torch.Tensor
    layout: Layout
    first: torch.Tensor
    rows: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    is_next: torch.Tensor | None
    sequences: int
    weight: float

    @classmethod
    def from_batch(
        cls,
        batch: BertBatch,
        *,
        vocab_size: int,
        type_vocab_size: int = 2,
        device: torch.device | str = "cpu",
    ) -> PackedExamples:
        """Takes the padding out of a batch, on the host, where its sizes are known without waiting.

        Args:
            batch: padded arrays.
            vocab_size: V, that ids have to lie below.
            type_vocab_size: that segments have to lie below.
            device: where the tensors go.

        Returns:
            The same examples, in another order.

        Raises:
            ValueError: shapes do not fit together.
            IndexError: an id, a segment, a length, a position or an `is_next` is out of range; the message
                says where.

        Example:
            >>> batch = BertBatch(
            ...     tokens=np.array([[1, 5, 2], [1, 2, 0]]), segments=np.zeros((2, 3), int),
            ...     lengths=np.array([3, 2]), positions=np.array([[1], [0]]), labels=np.array([[7], [0]]),
            ...     weights=np.array([[1.0], [0.0]]), is_next=None)
            >>> packed = PackedExamples.from_batch(batch, vocab_size=9)
            >>> packed.tokens.tolist(), packed.rows.tolist(), packed.labels.tolist()
            ([1, 2, 1, 5, 2], [3], [7])
        """
        _check(batch, vocab_size, type_vocab_size)
        tokens, lengths = np.asarray(batch.tokens), np.asarray(batch.lengths).astype(np.int64)
        segments, positions = np.asarray(batch.segments), np.asarray(batch.positions)
        weights, labels = np.asarray(batch.weights), np.asarray(batch.labels)
        count, columns = tokens.shape
        counted = weights > 0
        order = np.argsort(lengths, kind="stable")
        sorted_lengths = lengths[order]
        real = np.arange(columns) < sorted_lengths[:, None]
        starts = np.concatenate(([0], np.cumsum(sorted_lengths)[:-1]))
        row_of, column_of = np.nonzero(counted[order])
        chosen = (order[row_of], column_of)
        kept = weights[chosen].astype(np.float32)

        def moved(array: NDArray[Any]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True)

        is_next = None if batch.is_next is None else np.asarray(batch.is_next).astype(np.int64)[order]
        return cls(
            tokens=moved(tokens[order][real].astype(np.int32)),
            segments=moved(segments[order][real].astype(np.int32)),
            places=moved(np.nonzero(real)[1]),
            layout=Layout.packed(sorted_lengths.tolist(), device),
            first=moved(starts),
            rows=moved(starts[row_of] + positions[chosen]),
            labels=moved(labels[chosen].astype(np.int64)),
            weights=moved(kept),
            is_next=None if is_next is None else moved(is_next),
            sequences=count,
            weight=float(kept.sum(dtype=np.float64)),
        )

    @classmethod
    def padded(
        cls,
        batch: BertBatch,
        *,
        vocab_size: int,
        type_vocab_size: int = 2,
        device: torch.device | str = "cpu",
    ) -> PackedExamples:
        """A batch as it is, padding and predictions of weight 0 included, so that its shapes stay the same.

        Args:
            batch: padded arrays.
            vocab_size: V, that ids have to lie below.
            type_vocab_size: that segments have to lie below.
            device: where the tensors go.

        Returns:
            The same examples in the same order, as T = B * S rows.

        Raises:
            ValueError, IndexError: as `from_batch`.
        """
        _check(batch, vocab_size, type_vocab_size)
        count, columns = batch.tokens.shape

        def moved(array: NDArray[Any], kind: type) -> torch.Tensor:
            flat: NDArray[Any] = np.ascontiguousarray(array, kind).reshape(-1)
            return torch.from_numpy(flat).to(device, non_blocking=True)

        starts = np.arange(count)[:, None] * columns
        lengths = moved(batch.lengths, np.int64)
        return cls(
            tokens=moved(batch.tokens, np.int32),
            segments=moved(batch.segments, np.int32),
            places=moved(np.broadcast_to(np.arange(columns), (count, columns)), np.int64),
            layout=Layout.padded(count, columns, lengths),
            first=moved(starts, np.int64),
            rows=moved(starts + batch.positions, np.int64),
            labels=moved(batch.labels, np.int64),
            weights=moved(batch.weights, np.float32),
            is_next=None if batch.is_next is None else moved(batch.is_next, np.int64),
            sequences=count,
            weight=float(batch.weights.sum(dtype=np.float64)),
        )
