"""fastText (Bojanowski et al. 2017, arXiv:1607.04606): configuration and tables. No device, no thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.models.tables import ParameterTables, padded_rows
from fastnlp.models.word2vec import Word2VecConfig
from fastnlp.sampling import hashed_ngrams
from fastnlp.text import Vocab

__all__ = ["FastTextConfig", "FastTextTables"]


@dataclass(frozen=True)
class FastTextConfig(Word2VecConfig):
    """Everything that decides what a fastText model becomes, apart from the corpus and the number of threads.

    The settings of `Word2VecConfig` with the defaults of the fastText program, and those of the n-grams.

    Attributes:
        subsample: t.
        lr: learning rate at the start.
        noise_power: exponent of the counts in the noise distribution; fastText draws by their square roots.
        negatives_shared_by: "center", which is no slower than "group" here and answers more analogies.
        min_n: characters in the shortest n-gram, `<` and `>` included.
        max_n: characters in the longest.
        buckets: rows that n-grams are hashed into. Only those that a word of the vocabulary reaches take
            memory.
        composition: a word is the "mean" of its row and those of its n-grams, as in fastText, or their "sum",
            as in the paper and the book. Either way each row moves as far as the word does.

    Raises:
        ValueError: a value is out of range; the message names it.
        TypeError: a value is of the wrong type.

    Example:
        >>> FastTextConfig(dim=50).lr
        0.05
        >>> FastTextConfig(min_n=5, max_n=4)
        Traceback (most recent call last):
        ...
        ValueError: max_n: expected a whole number from min_n (5) to 64, got 4
    """

    subsample: float = 1e-4
    lr: float = 0.05
    noise_power: float = 0.5
    negatives_shared_by: Literal["distant", "group", "center", "pair"] | None = "center"
    min_n: int = 3
    max_n: int = 6
    buckets: int = 2_000_000
    composition: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss != "ns":
            raise ValueError(f"loss: expected 'ns' with subwords, got {self.loss!r}")
        if self.composition not in ("mean", "sum"):
            raise ValueError(f"composition: expected 'mean' or 'sum', got {self.composition!r}")
        for name, low, high, bounds in (
            ("min_n", 1, 64, "1 to 64"),
            ("max_n", self.min_n, 64, f"min_n ({self.min_n}) to 64"),
            ("buckets", 1, 2**31 - 1, "1 to 2^31 - 1"),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise TypeError(f"{name}: expected a whole number, got {value!r}")
            if not low <= value <= high:
                raise ValueError(f"{name}: expected a whole number from {bounds}, got {value}")


def _numbered(
    vocab: Vocab, config: FastTextConfig, threads: int, all_buckets: bool
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """The bucket of each n-gram row, and the rows of each word: ids and offsets."""
    ids, offsets = hashed_ngrams(vocab, config.min_n, config.max_n, config.buckets, threads=threads)
    words = len(vocab)
    reached = np.full(config.buckets, all_buckets)
    reached[ids] = True
    rows = words - 1 + np.cumsum(reached, dtype=np.int32)
    part_offsets = offsets + np.arange(words + 1)
    own = np.zeros(part_offsets[-1], bool)
    own[part_offsets[:-1]] = True
    parts = np.empty(len(own), np.int32)
    parts[own] = np.arange(words)
    parts[~own] = rows[ids]
    return np.flatnonzero(reached).astype(np.int32), parts, part_offsets


class FastTextTables(ParameterTables):
    """The parameters: an input row for each word and each bucket, and an output vector for each word.

    Buckets that no word of the vocabulary reaches would never be trained; they have no row, and stand for
    zeros.

    Attributes:
        padded_input: (V + U, pitch) float32, 64-byte aligned: the words, then the buckets in rising order.
        padded_output: (V, pitch) float32.
        row_bucket: (U,) int32, the bucket of each row behind the words.
        parts: int32, flat: the input rows of each word, its own first.
        part_offsets: (V + 1,) int64 into `parts`.
        mean: whether a word is the mean of its rows; else their sum.
        tree: None: negatives are sampled.

    Example:
        >>> tables = FastTextTables(Vocab(["where"]), FastTextConfig(dim=20, min_n=3, max_n=3))
        >>> tables.parts
        array([0, 1, 2, 4, 5, 3], dtype=int32)
        >>> tables.row_bucket
        array([ 167652,  420941,  867498, 1473420, 1529033], dtype=int32)
    """

    tree = None

    def __init__(
        self, vocab: Vocab, config: FastTextConfig, threads: int = 1, *, all_buckets: bool = False
    ) -> None:
        """As fastText: input rows uniform in [-1/D, 1/D), output vectors zero.

        Args:
            vocab: the V words.
            config: dimension, n-grams and seed.
            threads: to fill the tables with; the numbers do not depend on it.
            all_buckets: give every bucket a row, as a model of the fastText program has them.
        """
        self.dim = config.dim
        self.mean = config.composition == "mean"
        self.words = len(vocab)
        self.row_bucket, self.parts, self.part_offsets = _numbered(vocab, config, threads, all_buckets)
        self.padded_input = padded_rows(self.words + len(self.row_bucket), config.dim)
        self.padded_output = padded_rows(self.words, config.dim)
        _core.fill_uniform(self.padded_input, config.dim, 1 / config.dim, config.seed, threads)
        self.padded_output.fill(0.0)

    @property
    def word_rows(self) -> NDArray[np.float32]:
        """(V, D) float32 view: the row that each word has for itself."""
        return self.padded_input[: self.words, : self.dim]

    @property
    def ngram_rows(self) -> NDArray[np.float32]:
        """(U, D) float32 view: the rows of the buckets in `row_bucket`."""
        return self.padded_input[self.words :, : self.dim]

    @property
    def output(self) -> NDArray[np.float32]:
        """(V, D) float32 view: u, the vectors of words as contexts and negatives."""
        return self.padded_output[:, : self.dim]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Word, n-gram and output rows."""
        return {"words": self.word_rows, "ngrams": self.ngram_rows, "output": self.output}

    def composition(self) -> dict[str, Any]:
        """How input vectors are made of rows, as the core takes it."""
        return {
            "parts": self.parts,
            "part_offsets": self.part_offsets,
            "input_rows": len(self.padded_input),
            "mean": self.mean,
        }

    def take(self, other: FastTextTables) -> None:
        """Copies the rows that another model has: its words come first here too, and its buckets are a part.

        Args:
            other: tables of the same dimension over the first of the words.
        """
        self.word_rows[: other.words] = other.word_rows
        self.output[: other.words] = other.output
        self.ngram_rows[np.searchsorted(self.row_bucket, other.row_bucket)] = other.ngram_rows
