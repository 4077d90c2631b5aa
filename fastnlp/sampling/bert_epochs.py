"""The epochs of BERT's examples: the pairs each has, and the order in which batches take them."""

from __future__ import annotations

import collections
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.io.unnamed import unnamed_array
from fastnlp.sampling.arrays import as_unsigned
from fastnlp.text.corpus import Corpus

__all__ = ["BertEpochs", "without_empty"]

_IN_MEMORY = 256 << 20  # bytes of an epoch's pairs; more go to an unnamed file
_PIECE = 1 << 20  # offsets looked at together


class BertEpochs:
    """Pairs and order of the epochs that `BertExamples` has; of each the last two asked for are kept.

    The order is drawn for the whole epoch. Then the batches of a pool share its rows by length, and are
    shuffled again. Safe on several threads.
    """

    def __init__(
        self,
        core: _core.MaskedLm,
        *,
        pairs: bool,
        pool: int,
        drop_last: bool,
        max_len: int,
        seed: int,
        threads: int,
    ) -> None:
        """Draws nothing yet.

        Args:
            core: makes the examples.
            pairs: whether they are pairs of sentences; else they are running text, all of one length.
            pool: batches that share rows by length, at least 1.
            drop_last: leave out a last batch that is not full.
            max_len: tokens of an example, at most.
            seed: of the order.
            threads: to find pairs with.
        """
        self._core = core
        self._paired = pairs
        self._pool, self._drop_last = pool, drop_last
        self._max_len, self._seed, self._threads = max_len, seed, threads
        self._lock = threading.Lock()
        self._counts: dict[int, int] = {}
        self._pairs: collections.OrderedDict[int, NDArray[np.int64]] = collections.OrderedDict()
        self._pools: collections.OrderedDict[Any, NDArray[np.int64]] = collections.OrderedDict()

    def n_examples(self, epoch: int) -> int:
        """How many examples an epoch has."""
        number = as_unsigned("epoch", epoch, 32)
        if number not in self._counts:
            self._counts[number] = self._core.count(number, self._threads)
        return self._counts[number]

    def n_batches(self, epoch: int, together: int) -> int:
        """How many batches of `together` examples an epoch has."""
        full, rest = divmod(self.n_examples(epoch), together)
        return full + (rest > 0 and not self._drop_last)

    def pairs(self, epoch: int) -> NDArray[np.int64] | None:
        """(N, 3), see csrc/sampling/sentence_pairs.h; None where examples are running text."""
        as_unsigned("epoch", epoch, 32)
        if not self._paired:
            return None
        with self._lock:
            found = self._pairs.get(epoch)
            if found is None:
                found = _room(self.n_examples(epoch))
                self._core.write(epoch, found, self._threads)
                _remember(self._pairs, epoch, found)
            return found

    def numbers(self, epoch: int, index: int, together: int) -> NDArray[np.int64]:
        """The numbers of the examples of batch `index` in [0, n_batches(epoch, together)), of all ranks."""
        number = min(index, max(0, self._full(epoch, together) - 1)) // self._pool
        place = (index - number * self._pool) * together
        key = epoch, together, number
        with self._lock:
            found = self._pools.get(key)
        if found is None:
            found = self._pool_numbers(epoch, together, number)
            with self._lock:
                _remember(self._pools, key, found)
        return found[place : place + together]

    def _full(self, epoch: int, together: int) -> int:
        """How many batches of an epoch are full."""
        return self.n_examples(epoch) // together

    def _pool_numbers(self, epoch: int, together: int, number: int) -> NDArray[np.int64]:
        """The examples of a pool, batch by batch; the last pool has what fills none as well."""
        first, full = number * self._pool, self._full(epoch, together)
        end = min(first + self._pool, full) * together
        if first + self._pool >= full and not self._drop_last:
            end = self.n_examples(epoch)
        rows = _core.shuffled(self.n_examples(epoch), first * together, end, self._seed, epoch, 0)
        pairs = self.pairs(epoch)
        if pairs is None or self._pool == 1:
            return rows
        lengths = self._core.lengths(pairs, rows)
        if self._max_len < 1 << 16:
            lengths = lengths.astype(np.uint16)  # which NumPy sorts without comparing
        rows = rows[np.argsort(lengths, kind="stable")]
        # The batch that is not full comes last, wherever among the lengths it is cut.
        batches = -(-len(rows) // together)
        order = _core.shuffled(batches, 0, batches, self._seed, epoch, 1 + number)
        ends = np.arange(1, batches + 1) * together
        ends[order[-1] :] += len(rows) - batches * together
        parts = np.split(rows, ends[:-1])
        return np.concatenate([parts[i] for i in order])


def _remember(cache: collections.OrderedDict[Any, Any], key: Any, value: Any) -> None:
    cache[key] = value
    while len(cache) > 2:
        cache.popitem(last=False)


def _room(pairs: int) -> NDArray[np.int64]:
    if 24 * pairs <= _IN_MEMORY:
        return np.empty((pairs, 3), np.int64)
    return unnamed_array((pairs, 3), np.int64)


def without_empty(corpus: Corpus) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets of the sentences that have tokens, and of the documents that have such sentences."""
    sentences, documents = corpus.sentence_offsets, corpus.document_offsets
    if _rise(sentences) and _rise(documents):
        return sentences, documents
    kept = np.unique(sentences)
    return kept, np.unique(np.searchsorted(kept, sentences[documents]))


def _rise(offsets: NDArray[np.int64]) -> bool:
    return all(
        bool(
            (
                offsets[start + 1 : start + _PIECE + 1]
                > offsets[start : start + _PIECE][: len(offsets) - 1 - start]
            ).all()
        )
        for start in range(0, len(offsets) - 1, _PIECE)
    )
