"""Pretraining examples as the model takes them: real tokens only, masked positions by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fastnlp.models.bert.layout import Layout
from fastnlp.sampling import BertBatch, UnpaddedBertBatch

__all__ = ["PackedExamples"]


def _refuse(name: str, bad: NDArray[np.bool_], values: NDArray[Any], what: str) -> None:
    if bad.any():
        place = [int(i) for i in np.argwhere(bad)[0]]
        raise IndexError(f"{name}: expected {what}, got {values[tuple(place)]} in {place}")


def _check_integers(batch: Any, *names: str) -> None:
    """Refuses what would be cut to integers: of NaN no bound holds, and as an integer it is any number."""
    for name in names:
        array = np.asarray(getattr(batch, name))
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"{name}: expected integers, got {array.dtype}")


def _check_ids(
    tokens: NDArray[Any],
    segments: NDArray[Any],
    labels: NDArray[Any],
    counted: NDArray[np.bool_] | np.bool_,
    vocab_size: int,
    type_vocab_size: int,
) -> None:
    """Refuses what is out of range; of labels only those that count."""
    kinds = f"0 to {type_vocab_size - 1}"
    _refuse("segments", (segments < 0) | (segments >= type_vocab_size), segments, kinds)
    _refuse("tokens", (tokens < 0) | (tokens >= vocab_size), tokens, f"0 to {vocab_size - 1}")
    _refuse("labels", counted & ((labels < 0) | (labels >= vocab_size)), labels, f"0 to {vocab_size - 1}")


def _check_is_next(is_next: NDArray[Any] | None, count: int) -> None:
    if is_next is None:
        return
    values = np.asarray(is_next)
    if values.shape != (count,):
        raise ValueError(f"is_next: expected ({count},), got {values.shape}")
    _refuse("is_next", (values != 0) & (values != 1), values, "0 or 1")


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
    _check_integers(batch, "tokens", "segments", "lengths", "positions", "labels")
    _refuse("lengths", (lengths < 1) | (lengths > columns), lengths, f"1 to {columns}")
    counted = weights > 0
    _check_ids(tokens, segments, labels, counted, vocab_size, type_vocab_size)
    outside = counted & ((positions < 0) | (positions >= lengths[:, None]))
    _refuse("positions", outside, positions, "a real token")
    _check_is_next(batch.is_next, count)


def _check_unpadded(batch: UnpaddedBertBatch, vocab_size: int, type_vocab_size: int) -> None:
    """The same for arrays without padding."""
    tokens, segments, offsets = (np.asarray(a) for a in (batch.tokens, batch.segments, batch.offsets))
    positions, labels = np.asarray(batch.positions), np.asarray(batch.labels)
    if tokens.ndim != 1 or not tokens.size:
        raise ValueError(f"tokens: expected (T,) with at least one, got {tokens.shape}")
    if offsets.ndim != 1 or len(offsets) < 2:
        raise ValueError(f"offsets: expected (B + 1,) with at least two, got {offsets.shape}")
    if positions.ndim != 1:
        raise ValueError(f"positions: expected (P,), got {positions.shape}")
    for name, array, shape in (("segments", segments, tokens.shape), ("labels", labels, positions.shape)):
        if array.shape != shape:
            raise ValueError(f"{name}: expected {shape}, got {array.shape}")
    _check_integers(batch, "tokens", "segments", "offsets", "positions", "labels")
    before = np.concatenate(([-1], offsets[:-1]))
    _refuse("offsets", offsets <= before, offsets, "more than before")
    ends = np.zeros(len(offsets), bool)
    ends[0], ends[-1] = offsets[0] != 0, offsets[-1] != len(tokens)
    _refuse("offsets", ends, offsets, f"0 at the start and {len(tokens)} at the end")
    _check_ids(tokens, segments, labels, np.True_, vocab_size, type_vocab_size)
    _refuse("positions", (positions < 0) | (positions >= len(tokens)), positions, f"0 to {len(tokens) - 1}")
    _check_is_next(batch.is_next, len(offsets) - 1)


def _moved(array: NDArray[Any], kind: type, device: torch.device | str) -> torch.Tensor:
    """The numbers one after another, on their device; a copy of memory that may not be written to."""
    flat: NDArray[Any] = np.require(array, kind, ["C", "W"]).reshape(-1)
    return torch.from_numpy(flat).to(device, non_blocking=True)


@dataclass(frozen=True)
class PackedExamples:
    """A batch without its padding and without predictions of weight 0, by length as a rule.

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
            TypeError: what stands for ids, places or lengths are no integers.
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

        is_next = None if batch.is_next is None else np.asarray(batch.is_next)[order]
        return cls(
            tokens=_moved(tokens[order][real], np.int32, device),
            segments=_moved(segments[order][real], np.int32, device),
            places=_moved(np.nonzero(real)[1], np.int64, device),
            layout=Layout.packed(sorted_lengths.tolist(), device),
            first=_moved(starts, np.int64, device),
            rows=_moved(starts[row_of] + positions[chosen], np.int64, device),
            labels=_moved(labels[chosen], np.int64, device),
            weights=_moved(kept, np.float32, device),
            is_next=None if is_next is None else _moved(is_next, np.int64, device),
            sequences=count,
            weight=float(kept.sum(dtype=np.float64)),
        )

    @classmethod
    def from_unpadded(
        cls,
        batch: UnpaddedBertBatch,
        *,
        vocab_size: int,
        type_vocab_size: int = 2,
        device: torch.device | str = "cpu",
    ) -> PackedExamples:
        """Takes a batch that has no padding; only its positions within the sequences are to be found.

        Args:
            batch: arrays without padding.
            vocab_size: V, that ids have to lie below.
            type_vocab_size: that segments have to lie below.
            device: where the tensors go.

        Returns:
            The same examples in the same order.

        Raises:
            ValueError: shapes do not fit together.
            TypeError: what stands for ids, places or lengths are no integers.
            IndexError: an id, a segment, an offset, a position or an `is_next` is out of range; the message
                says where.

        Example:
            >>> batch = UnpaddedBertBatch(
            ...     tokens=np.array([1, 2, 1, 5, 2]), segments=np.zeros(5, int), offsets=np.array([0, 2, 5]),
            ...     positions=np.array([3]), labels=np.array([7]), is_next=None)
            >>> packed = PackedExamples.from_unpadded(batch, vocab_size=9)
            >>> packed.places.tolist(), packed.first.tolist(), packed.layout.groups
            ([0, 1, 0, 1, 2], [0, 2], ((1, 2), (1, 3)))
        """
        _check_unpadded(batch, vocab_size, type_vocab_size)
        offsets = np.asarray(batch.offsets, np.int64)
        lengths = np.diff(offsets)
        return cls(
            tokens=_moved(batch.tokens, np.int32, device),
            segments=_moved(batch.segments, np.int32, device),
            places=_moved(np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths), np.int64, device),
            layout=Layout.packed(lengths.tolist(), device),
            first=_moved(offsets[:-1], np.int64, device),
            rows=_moved(batch.positions, np.int64, device),
            labels=_moved(batch.labels, np.int64, device),
            weights=torch.ones(len(batch.labels), device=device),
            is_next=None if batch.is_next is None else _moved(batch.is_next, np.int64, device),
            sequences=len(lengths),
            weight=float(len(batch.labels)),
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
            ValueError, TypeError, IndexError: as `from_batch`.
        """
        _check(batch, vocab_size, type_vocab_size)
        count, columns = batch.tokens.shape
        starts = np.arange(count)[:, None] * columns
        lengths = _moved(batch.lengths, np.int64, device)
        return cls(
            tokens=_moved(batch.tokens, np.int32, device),
            segments=_moved(batch.segments, np.int32, device),
            places=_moved(np.broadcast_to(np.arange(columns), (count, columns)), np.int64, device),
            layout=Layout.padded(count, columns, lengths),
            first=_moved(starts, np.int64, device),
            rows=_moved(starts + batch.positions, np.int64, device),
            labels=_moved(batch.labels, np.int64, device),
            weights=_moved(batch.weights, np.float32, device),
            is_next=None if batch.is_next is None else _moved(batch.is_next, np.int64, device),
            sequences=count,
            weight=float(batch.weights.sum(dtype=np.float64)),
        )
