"""word2vec (Mikolov et al. 2013): its configuration, its tables and its losses. No device, no thread."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fastnlp.models.tables import ParameterTables, padded_rows, uniform_rows
from fastnlp.sampling import HuffmanTree

__all__ = [
    "Word2VecConfig",
    "Word2VecTables",
    "hidden_vector",
    "negative_sampling_loss",
    "softmax_log_probabilities",
    "tree_log_probabilities",
]

_CHOICES = {
    "architecture": ("skipgram", "cbow"),
    "loss": ("ns", "hs"),
    "cbow_contexts": ("mean", "word2vec", "sum"),
    "subsample_rule": ("word2vec", "book"),
    "negatives_shared_by": (None, "distant", "group", "center", "pair"),
}
# name: (type, smallest, largest); the bounds belong to the range. `lr` is also checked to be above 0.
_RANGES: dict[str, tuple[type, float, float]] = {
    "dim": (int, 1, 65_536),
    "window": (int, 1, 10_000),
    "negatives": (int, 1, 10_000),
    "epochs": (int, 1, 1_000_000),
    "seed": (int, 0, 2**64 - 1),
    "lr": (float, 0, math.inf),
    "min_lr": (float, 0, math.inf),
    "subsample": (float, 0, 1),
    "noise_power": (float, -10, 10),
}


@dataclass(frozen=True)
class Word2VecConfig:
    """Everything that decides what a word2vec model becomes, apart from the corpus and the number of threads.

    Attributes:
        dim: D, the length of a vector.
        window: words on each side of a center, at most.
        architecture: "skipgram" pairs the center with each context, "cbow" with all of them combined.
        loss: "ns", negative sampling, or "hs", hierarchical softmax over a Huffman tree.
        negatives: K, noise words per positive pair.
        subsample: t, the frequency above which words are dropped at random; 0 keeps all.
        epochs: passes over the corpus.
        lr: learning rate at the start; falls linearly to `min_lr` at the end.
        min_lr: learning rate at the end; by default lr / 10,000, as in word2vec.c.
        seed: of every random draw, 64 bits.
        shrink_windows: draw each window from 1..window, so that near words count more.
        subsample_rule: "word2vec" or "book"; see `fastnlp.sampling.keep_probabilities`.
        noise_power: exponent of the counts in the noise distribution.
        negatives_shared_by: "pair" draws K negatives for each pair as word2vec.c does, "center" for all pairs
            of a center (one small matrix product, several times faster), "distant" for eight centers whose
            windows do not overlap (as good, and a sixth faster: their rows are met while they are in the
            cache), "group" for four centers in a row, of CBOW two, which are trained as one (fastest; in
            skip-gram a context of several of them meets each negative once, with their weight). In
            vocabularies of under 128 words "distant" is "center", and in those of under 64 "group" is. Of
            CBOW, whose contexts are one pair with their center, "pair" is "center".
            None is "distant" for skip-gram, and "group" for CBOW and for the kernels of a GPU.
        cbow_contexts: how the contexts make the hidden vector h, and what each of them learns from the error
            of h: "word2vec" averages h and gives each the whole error, as word2vec.c, gensim and fastText do;
            "mean" averages both, which is the gradient of the book's formula and wants about three times the
            learning rate; "sum" adds both.
        deterministic: give the same bits for any number of threads: stretches of 120 words are trained apart,
            eight at a time, and their changes added in order. Longer sentences are cut there: no window
            reaches over the end of a stretch.

    Raises:
        ValueError: a value is out of range; the message names it.
        TypeError: a value is of the wrong type.

    Example:
        >>> Word2VecConfig(dim=50).dim
        50
        >>> Word2VecConfig(window=0)
        Traceback (most recent call last):
        ...
        ValueError: window: expected a whole number from 1 to 10000, got 0
    """

    dim: int = 100
    window: int = 5
    architecture: Literal["skipgram", "cbow"] = "skipgram"
    loss: Literal["ns", "hs"] = "ns"
    negatives: int = 5
    subsample: float = 1e-3
    epochs: int = 5
    lr: float = 0.025
    min_lr: float | None = None
    seed: int = 1
    shrink_windows: bool = True
    subsample_rule: Literal["word2vec", "book"] = "word2vec"
    noise_power: float = 0.75
    negatives_shared_by: Literal["distant", "group", "center", "pair"] | None = None
    cbow_contexts: Literal["word2vec", "mean", "sum"] = "word2vec"
    deterministic: bool = False

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                expected = " or ".join(repr(choice) for choice in allowed)
                raise ValueError(f"{name}: expected {expected}, got {getattr(self, name)!r}")
        for name in ("shrink_windows", "deterministic"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}: expected True or False, got {getattr(self, name)!r}")
        if self.deterministic and self.loss == "ns" and self.negatives_shared_by == "pair":
            raise ValueError(
                "negatives_shared_by: expected 'distant', 'group' or 'center' with deterministic=True, "
                "got 'pair'"
            )
        for name, (kind, low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (name == "min_lr" and value is None):
                _check_number(name, value, kind, low, high)
        if self.lr <= 0:
            raise ValueError(f"lr: expected a number above 0, got {self.lr}")
        if self.final_lr > self.lr:
            raise ValueError(f"min_lr: expected at most lr ({self.lr}), got {self.min_lr}")

    @property
    def final_lr(self) -> float:
        """The learning rate that the decay ends at."""
        return self.lr * 1e-4 if self.min_lr is None else float(self.min_lr)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration that `to_dict` gave.

        Raises:
            ValueError: a field is unknown or out of range.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"configuration: expected the fields of {cls.__name__}, got also {unknown}")
        return cls(**values)


def _check_number(name: str, value: Any, kind: type, low: float, high: float) -> None:
    """Refuses what is not a number of the kind in [low, high]."""
    if isinstance(value, bool) or not isinstance(
        value, (int, np.integer) if kind is int else (int, float, np.number)
    ):
        raise TypeError(f"{name}: expected {'a whole number' if kind is int else 'a number'}, got {value!r}")
    if not low <= value <= high or (kind is float and not math.isfinite(value)):
        bounds = f"from {low} to {high}" if high < math.inf else f"of at least {low}, finite"
        raise ValueError(f"{name}: expected a {'whole ' if kind is int else ''}number {bounds}, got {value}")


class Word2VecTables(ParameterTables):
    """The parameters: an input vector v and an output vector u for each word.

    Rows are padded with zeros to a multiple of 16 floats; `input` and `output` are views without the padding.

    Attributes:
        padded_input: (V, pitch) float32, 64-byte aligned.
        padded_output: (V, pitch) float32, 64-byte aligned.
        tree: the words' tree, whose inner node i has row i of the output table; None for negative sampling.

    Example:
        >>> tables = Word2VecTables(vocabulary=3, dim=20, seed=1)
        >>> tables.input.shape, tables.padded_input.shape, bool(abs(tables.input).max() <= 0.5 / 20)
        ((3, 20), (3, 32), True)
    """

    def __init__(
        self, vocabulary: int, dim: int, seed: int, threads: int = 1, tree: HuffmanTree | None = None
    ) -> None:
        """As word2vec.c: v uniform in [-1/2D, 1/2D), u zero.

        Args:
            vocabulary: V, the number of words.
            dim: D.
            seed: of the input vectors.
            threads: to fill the tables with; the numbers do not depend on it.
            tree: of hierarchical softmax.
        """
        self.dim = dim
        self.tree = tree
        self.padded_input = uniform_rows(vocabulary, dim, seed, threads)
        self.padded_output = padded_rows(vocabulary, dim)
        self.padded_output.fill(0.0)

    @property
    def input(self) -> NDArray[np.float32]:
        """(V, D) float32 view: v, the vectors of words as centers, which are the result."""
        return self.padded_input[:, : self.dim]

    @property
    def output(self) -> NDArray[np.float32]:
        """(V, D) float32 view: u, the vectors of words as contexts and negatives, or of the tree's nodes."""
        return self.padded_output[:, : self.dim]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """`input` and `output`, and the links of the tree if there is one, by name."""
        links = {} if self.tree is None else {"tree": self.tree.links}
        return {"input": self.input, "output": self.output, **links}

    def loaded(self) -> None:
        """Finds the paths of the tree that was read."""
        if self.tree is not None:
            self.tree = HuffmanTree(self.tree.links, self.tree.vocabulary)


def negative_sampling_loss(
    v: NDArray[np.floating[Any]], u: NDArray[np.floating[Any]], negatives: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """-log s(u.v) - sum_k log s(-u_k.v), the loss of a pair (Mikolov et al. 2013, arXiv:1310.4546, eq. 4).

    Args:
        v: (..., D) input vectors.
        u: (..., D) output vectors of the positives.
        negatives: (..., K, D) output vectors of the noise words.

    Returns:
        (...) float64, in nats.

    Example:
        >>> float(negative_sampling_loss(np.zeros(4), np.zeros(4), np.zeros((5, 4))).round(4))  # 6 log 2
        4.1589
    """
    wide = v.astype(np.float64)
    positive = np.logaddexp(0.0, -(u * wide).sum(-1))
    noise = np.logaddexp(0.0, (negatives * wide[..., None, :]).sum(-1)).sum(-1)
    return np.asarray(positive + noise)


def hidden_vector(
    vectors: NDArray[np.floating[Any]], cbow_contexts: Literal["mean", "word2vec", "sum"] = "mean"
) -> NDArray[np.float64]:
    """h, what CBOW makes of the vectors of the contexts (Mikolov et al. 2013, arXiv:1301.3781, section 3.1).

    Args:
        vectors: (n, D) input vectors, n >= 1.
        cbow_contexts: "sum" adds them, the others average them.

    Returns:
        (D,) float64.

    Example:
        >>> hidden_vector(np.array([[1.0, 0.0], [0.0, 1.0]]))
        array([0.5, 0.5])
    """
    total = vectors.sum(0, dtype=np.float64)
    return np.asarray(total if cbow_contexts == "sum" else total / len(vectors))


def softmax_log_probabilities(
    h: NDArray[np.floating[Any]], u: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """The softmax that negative sampling stands in for: log P(w | h) = u_w.h - log sum_i exp(u_i.h).

    Args:
        h: (D,) input vector, or what CBOW makes of several.
        u: (V, D) output vectors.

    Returns:
        (V,) float64, in nats; the probabilities sum to 1.

    Example:
        >>> softmax_log_probabilities(np.zeros(2), np.ones((4, 2))).round(4)  # -log 4
        array([-1.3863, -1.3863, -1.3863, -1.3863])
    """
    scores = u.astype(np.float64) @ h.astype(np.float64)
    scores -= scores.max()
    return np.asarray(scores - np.log(np.exp(scores).sum()))


def tree_log_probabilities(
    h: NDArray[np.floating[Any]], u: NDArray[np.floating[Any]], tree: HuffmanTree
) -> NDArray[np.float64]:
    """Hierarchical softmax: log P(w | h) = sum over the path of w of log s(+-u_n.h), + where it turns left.

    Mikolov et al. 2013, arXiv:1310.4546, eq. 3.

    Args:
        h: (D,) input vector, or what CBOW makes of several.
        u: (V or more, D) vectors of the inner nodes.
        tree: of V words.

    Returns:
        (V,) float64, in nats; -inf for words outside of the tree. The probabilities sum to 1.

    Example:
        >>> tree = HuffmanTree.from_counts([2, 1, 1])
        >>> np.exp(tree_log_probabilities(np.zeros(2), np.zeros((3, 2)), tree))
        array([0.5 , 0.25, 0.25])
    """
    scores = u.astype(np.float64) @ h.astype(np.float64)
    signs = 1.0 - 2.0 * (tree.path & 1)
    steps = -np.logaddexp(0.0, -signs * scores[tree.path >> 1])
    sums = np.concatenate([[0.0], np.cumsum(steps)])
    found = sums[tree.path_offsets[1:]] - sums[tree.path_offsets[:-1]]
    found[np.diff(tree.path_offsets) == 0] = -np.inf
    return np.asarray(found)
