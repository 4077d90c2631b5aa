"""From lists of words to minibatches, one step of the book at a time.

Lists go in and lists come out, as in the book; the random choices are made by `fastnlp.sampling`, with a seed
drawn from `random`, so that `random.seed` repeats them.
"""

from __future__ import annotations

import collections
import itertools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fastnlp import sampling
from fastnlp.d2l.dataset import Example, Selection, split_list
from fastnlp.d2l.vocabulary import Vocab
from fastnlp.sampling.arrays import as_integers


def draw_seed() -> int:
    """64 bits from Python's generator: `random.seed` makes what follows repeat."""
    return random.getrandbits(64)


def _flatten(lists: Sequence[Sequence[int]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Integers of ragged lists, and where each list begins and ends."""
    offsets = np.zeros(len(lists) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, lists), np.int64, len(lists)), out=offsets[1:])
    flat = np.fromiter(itertools.chain.from_iterable(lists), np.int64, int(offsets[-1]))
    return as_integers("lists", flat, np.int32), offsets


def number_words(
    sentences: Sequence[Sequence[str]],
) -> tuple[list[str], NDArray[np.int32], NDArray[np.int64]]:
    """Distinct words by first appearance, the number of each token's word, and the sentences' offsets.

    Args:
        sentences: lists of words.

    Returns:
        The distinct words; (T,) int32 numbers into them; (sentences + 1,) int64 offsets.

    Example:
        >>> number_words([["b", "a"], [], ["b"]])
        (['b', 'a'], array([0, 1, 0], dtype=int32), array([0, 2, 2, 3]))
    """
    numbers: collections.defaultdict[str, int] = collections.defaultdict(itertools.count().__next__)
    offsets = np.zeros(len(sentences) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, sentences), np.int64, len(sentences)), out=offsets[1:])
    words = map(numbers.__getitem__, itertools.chain.from_iterable(sentences))
    ids = np.fromiter(words, np.int32, int(offsets[-1]))
    return list(numbers), ids, offsets


def subsample(
    sentences: Sequence[Sequence[str]], vocab: Vocab
) -> tuple[list[list[str]], collections.Counter[str]]:
    """Sentences without their unknown words and with frequent words dropped at random.

    A word of relative frequency f is dropped with max(1 - sqrt(1e-4 / f), 0).

    Args:
        sentences: lists of words.
        vocab: words that it does not know are removed.

    Returns:
        As many sentences as before, some perhaps empty, and the counts of the known words before the
        dropping.

    Example:
        >>> sentences = [["rare", "word"], ["unseen"]]
        >>> subsample(sentences, Vocab(sentences[:1]))[1]
        Counter({'rare': 1, 'word': 1})
    """
    words, ids, offsets = number_words(sentences)
    counts = np.bincount(ids, minlength=len(words))
    known = np.fromiter((vocab[word] != vocab.unk for word in words), np.bool_, len(words))
    counts[~known] = 0
    keep = sampling.keep_probabilities(counts, 1e-4)
    keep[~known] = 0.0
    kept = sampling.subsample(ids, offsets, keep, seed=draw_seed())
    counter = collections.Counter(
        {word: count for word, count in zip(words, counts.tolist(), strict=True) if count}
    )
    return split_list([words[i] for i in kept.ids.tolist()], kept.sentence_offsets.tolist()), counter


def get_centers_and_contexts(
    corpus: Sequence[Sequence[Any]], max_window_size: int
) -> tuple[list[Any], list[list[Any]]]:
    """Every word with the words around it, at most b places away; b is uniform in 1..max_window_size.

    Sentences of fewer than two words give nothing.

    Args:
        corpus: sentences, of indices or of anything.
        max_window_size: at least 1.

    Returns:
        The centers, and the contexts of each, in the order of the sentence.

    Raises:
        ValueError: `max_window_size` is below 1.

    Example:
        >>> get_centers_and_contexts([[7, 8, 9], [5]], 1)
        ([7, 8, 9], [[8], [7, 9], [8]])
    """
    flat = list(itertools.chain.from_iterable(corpus))
    offsets = np.zeros(len(corpus) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, corpus), np.int64, len(corpus)), out=offsets[1:])
    found = sampling.windows(np.arange(len(flat), dtype=np.int32), offsets, max_window_size, seed=draw_seed())
    contexts = [flat[i] for i in found.contexts.tolist()]
    return [flat[i] for i in found.centers.tolist()], split_list(contexts, found.context_offsets.tolist())


class RandomGenerator:
    """Draws from {1, ..., n} in proportion to n weights; 10,000 draws are made at a time.

    Args:
        sampling_weights: n numbers >= 0, not all 0.

    Raises:
        ValueError: a weight is negative or not finite, or all are 0.

    Example:
        >>> generator = RandomGenerator([0, 3, 0])
        >>> [generator.draw() for _ in range(4)]
        [2, 2, 2, 2]
    """

    def __init__(self, sampling_weights: Sequence[float]) -> None:
        self.population = list(range(1, len(sampling_weights) + 1))
        self.sampling_weights = sampling_weights
        self.candidates: list[int] = []
        self.i = 0
        self._table = sampling.AliasTable([0.0, *sampling_weights])

    def draw(self) -> int:
        """The next draw."""
        if self.i == len(self.candidates):
            self.candidates = self._table.draw(10_000, seed=draw_seed()).tolist()
            self.i = 0
        self.i += 1
        return self.candidates[self.i - 1]


def get_negatives(
    all_contexts: Sequence[Sequence[int]], vocab: Vocab, counter: collections.Counter[str], K: int
) -> list[list[int]]:
    """K noise words for each context word, drawn in proportion to count^0.75.

    None of them is among the contexts of the same center, nor index 0, the unknown word; the center itself
    may be. Where the contexts cover all words that could be drawn, the book's loop never ends; here it is an
    error.

    Args:
        all_contexts: the contexts of each center, indices into the vocabulary.
        vocab: index -> word.
        counter: counts of the words.
        K: noise words for each context word.

    Returns:
        The noise words of each center.

    Raises:
        ValueError: no word is left for a center, which is named.
        IndexError: a context lies outside the vocabulary.

    Example:
        >>> vocab = Vocab(["a", "b", "c"])
        >>> get_negatives([[1, 2], [3, 2]], vocab, collections.Counter("abc"), 1)
        [[3, 3], [1, 1]]
    """
    if K == 0:
        return [[] for _ in all_contexts]
    contexts, offsets = _flatten(all_contexts)
    if len(contexts) == 0:
        return [[] for _ in all_contexts]
    weights = [0.0, *(counter[vocab.to_tokens(i)] ** 0.75 for i in range(1, len(vocab)))]
    flat = sampling.negatives(contexts, offsets, sampling.AliasTable(weights), K, seed=draw_seed())
    return split_list(flat.tolist(), (offsets * K).tolist())


def batchify(data: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A minibatch: each row has a center's contexts, then its noise words, then zeros up to the longest row.

    Args:
        data: (center, contexts, negatives) for each row; what `load_data_ptb`'s data set hands over is not
            taken apart, but copied at once.

    Returns:
        int64 tensors: centers (B, 1), contexts and negatives (B, L), masks (B, L) with 1 for real words,
        labels (B, L) with 1 for contexts.

    Raises:
        ValueError: there is no row.

    Example:
        >>> batch = batchify([(1, [2, 2], [3, 3, 3, 3]), (1, [2, 2, 2], [3, 3])])
        >>> for name, tensor in zip(["centers", "contexts_negatives", "masks", "labels"], batch):
        ...     print(name, "=", tensor)
        centers = tensor([[1],
                [1]])
        contexts_negatives = tensor([[2, 2, 3, 3, 3, 3],
                [2, 2, 2, 3, 3, 0]])
        masks = tensor([[1, 1, 1, 1, 1, 1],
                [1, 1, 1, 1, 1, 0]])
        labels = tensor([[1, 1, 0, 0, 0, 0],
                [1, 1, 1, 0, 0, 0]])
    """
    if len(data) == 0:
        raise ValueError("data: expected at least one example, got none")
    if isinstance(data, Selection):
        batch = data.padded()
    else:
        centers, contexts, negatives = zip(*data, strict=True)
        flat_contexts, context_offsets = _flatten(contexts)
        flat_negatives, negative_offsets = _flatten(negatives)
        batch = sampling.padded_batch(
            np.asarray(centers),
            flat_contexts,
            context_offsets,
            flat_negatives,
            np.arange(len(data)),
            negative_offsets=negative_offsets,
            mask_dtype=np.int64,
        )
    tensors = [torch.from_numpy(array) for array in batch]
    return tensors[0], tensors[1], tensors[2], tensors[3]
