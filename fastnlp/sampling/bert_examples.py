"""Examples for BERT's pretraining, made from a corpus as they are needed."""

from __future__ import annotations

import collections
import operator
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp import _core
from fastnlp.sampling.arrays import as_integers, as_threads, as_unsigned
from fastnlp.sampling.bert_batch import BertBatch, UnpaddedBertBatch
from fastnlp.sampling.bert_epochs import BertEpochs, without_empty
from fastnlp.sampling.checks import at_least, fraction, one_of, three_parts
from fastnlp.sampling.special_tokens import SpecialTokens, find_special_tokens, token_flags
from fastnlp.text.corpus import Corpus

_Batch = TypeVar("_Batch", BertBatch, UnpaddedBertBatch)


class BertExamples:
    """Rows for a masked language model with next-sentence prediction (Devlin et al. 2019), batch by batch.

    Nothing is written down: a batch is a function of (seed, epoch, index), whatever came before it and
    however many threads fill it, so training goes on at any batch at once. Each epoch has other pairs, other
    masks and another order. Beside the corpus, which stays mapped, memory holds 24 bytes for each pair of an
    epoch; beyond 256 MiB they lie in an unnamed file (in `TMPDIR`).

    `batch`, `batches` and `rows` give padded arrays, `unpadded_batch`, `unpadded_batches` and `unpadded_rows`
    the same sequences one after another.

    With mode "nsp" a row is `[CLS] A [SEP] B [SEP]`; B follows A, or, half of the time, is random. The last
    sentence of a document follows another or is a random B, but begins no pair. With mode "full" a row is
    `[CLS] ... [SEP]` with exactly `max_len` tokens of running text, a `[SEP]` between documents, cut where
    the row is full; each epoch cuts elsewhere.

    Of a row's n tokens, max(1, round(mask_fraction * n)) are predicted (halves are rounded to the even
    number, n counts the special tokens), but never a special token. Rows in which nothing else stands have
    no predictions. Empty sentences and documents are passed over.

    Args:
        corpus: sentences in documents; its vocabulary has the special tokens.
        max_len: the tokens of a row at most, special ones too; at least 5, or 3 with mode "full".
        mode: "nsp" for pairs, "full" for running text without next-sentence prediction.
        pairs: "packed" fills rows up to `max_len` with several sentences, as BERT's own code does but for
            sentences that are left alone, to which that gives a random B too; "adjacent" takes each sentence
            and its neighbour, as the book does.
        next_sentence_rule: a random B is from another document ("document"), or, as in the book, from any
            ("book"); documents are all as likely, and then their sentences.
        long_pairs: "truncate" takes tokens from the longer segment, at its front or back at random, as BERT's
            own code does; "drop" leaves the pair out, as the book does, and goes with "adjacent".
        short_fraction: the part of packed pairs that aims at a random length in 2..max_len - 3 instead.
        mask_fraction: the part of the tokens that is predicted, in (0, 1].
        replacement: how likely the mask stands in for such a token, another token, or itself.
        whole_words: True predicts all tokens of a word together; or (V,) bool; see `token_flags`. A word that
            would be too many is passed over, so a row may have fewer predictions, or none.
        max_predictions: of a row at most; None for what `mask_fraction` gives.
        predict_unknown: whether the unknown token may be predicted, as in the book.
        cls: name of the token in front; None for `[CLS]`, `<cls>` or `<s>`.
        sep: name of the separator; None for `[SEP]`, `<sep>` or `</s>`.
        mask: name of the mask; None for `[MASK]` or `<mask>`.
        pad: name of the padding; None for `[PAD]` or `<pad>`.
        seed: 64 bits.
        pad_to: "longest" pads to the longest row of a batch, "max_len" to the same width always.
        pad_multiple: widths are multiples of it, or `max_len`; tensor cores like 8.
        pool: so many batches are sorted by length together, so that rows of a batch are about as long; 1 for
            none. The order of the batches stays random. An epoch of few batches is padded more; one that
            is read unpadded never is.
        drop_last: leave out what fills no batch at the end of an epoch.
        rank: which part of each batch this process takes, in [0, world_size).
        world_size: how many processes share the batches; together they have the rows of one process with a
            batch `world_size` times as large.
        threads: for a batch; None for one a core. The result is the same for any number.

    Raises:
        ValueError: an argument is out of range, a special token is missing, the corpus is empty or gives no
            pair, or there is no other document to draw from.
        TypeError: the corpus is none.

    Example:
        >>> text = ["a b c", "d e f", "", "g h i", "j k l"]
        >>> special = ["<pad>", "<mask>", "<cls>", "<sep>"]
        >>> corpus = Corpus.from_text(text, min_count=1, reserved=special)
        >>> examples = BertExamples(corpus, max_len=16, pairs="adjacent")
        >>> batch = examples.batch(epoch=0, index=0, batch_size=2)
        >>> batch.tokens.shape, batch.lengths.tolist(), batch.weights.sum(axis=1).tolist()
        ((2, 9), [9, 9], [1.0, 1.0])
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        max_len: int = 128,
        mode: Literal["nsp", "full"] = "nsp",
        pairs: Literal["packed", "adjacent"] = "packed",
        next_sentence_rule: Literal["document", "book"] = "document",
        long_pairs: Literal["truncate", "drop"] = "truncate",
        short_fraction: float = 0.1,
        mask_fraction: float = 0.15,
        replacement: tuple[float, float, float] = (0.8, 0.1, 0.1),
        whole_words: bool | Sequence[bool] | NDArray[np.bool_] = False,
        max_predictions: int | None = None,
        predict_unknown: bool = False,
        cls: str | None = None,
        sep: str | None = None,
        mask: str | None = None,
        pad: str | None = None,
        seed: int = 1,
        pad_to: Literal["longest", "max_len"] = "longest",
        pad_multiple: int = 1,
        pool: int = 256,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        threads: int | None = None,
    ) -> None:
        options = {name: value for name, value in locals().items() if name not in ("self", "corpus")}
        self._options = options  # what another process makes the same examples with
        if not isinstance(corpus, Corpus):
            raise TypeError(f"corpus: expected a Corpus, got {type(corpus).__name__}")
        one_of("mode", mode, ("nsp", "full"))
        one_of("pairs", pairs, ("packed", "adjacent"))
        one_of("next_sentence_rule", next_sentence_rule, ("document", "book"))
        one_of("long_pairs", long_pairs, ("truncate", "drop"))
        one_of("pad_to", pad_to, ("longest", "max_len"))
        self.max_len = at_least("max_len", max_len, 3 if mode == "full" else 5)
        if self.max_len > 1 << 20:
            raise ValueError(f"max_len: expected at most 2^20 tokens, got {max_len}")
        fraction("short_fraction", short_fraction)
        if not 0 < mask_fraction <= 1:
            raise ValueError(f"mask_fraction: expected a part in (0, 1], got {mask_fraction}")
        hidden, replaced, _ = three_parts("replacement", replacement)
        if long_pairs == "drop" and pairs == "packed" and mode == "nsp":
            raise ValueError(
                "long_pairs: expected 'truncate' with pairs='packed', whose pairs are full, got 'drop'"
            )
        most = self.max_len if max_predictions is None else at_least("max_predictions", max_predictions, 1)
        self.mode = mode
        self.seed = as_unsigned("seed", seed, 64)
        self.pad_multiple = self.max_len if pad_to == "max_len" else at_least("pad_multiple", pad_multiple, 1)
        self.pool = at_least("pool", pool, 1)
        self.drop_last = bool(drop_last)
        self.world_size = at_least("world_size", world_size, 1)
        if not 0 <= operator.index(rank) < self.world_size:
            raise ValueError(f"rank: expected one in [0, {world_size}), got {rank}")
        self.rank = operator.index(rank)
        self.threads = as_threads(threads)
        self.corpus = corpus
        self.special_tokens: SpecialTokens = find_special_tokens(
            corpus.vocab, cls=cls, sep=sep, mask=mask, pad=pad
        )
        flags, drawable = token_flags(
            corpus.vocab, self.special_tokens, whole_words=whole_words, predict_unknown=predict_unknown
        )
        if not corpus.n_tokens:
            raise ValueError("corpus: expected tokens, got an empty corpus")
        sentences, documents = without_empty(corpus)
        if mode == "nsp" and next_sentence_rule == "document" and len(documents) == 2:
            raise ValueError(
                "corpus: expected several documents, of which another gives the random sentences, got one; "
                "divide the text, or use next_sentence_rule='book' or mode='full'"
            )
        self._core = _core.MaskedLm(
            corpus.ids,
            sentences,
            documents,
            flags,
            drawable,
            self.max_len,
            list(self.special_tokens),
            full=mode == "full",
            packed=pairs == "packed",
            other_document=next_sentence_rule == "document",
            drop_long=long_pairs == "drop",
            short_fraction=short_fraction,
            random_fraction=0.5,
            mask_fraction=mask_fraction,
            most=min(most, self.max_len),
            hidden=hidden,
            replaced=replaced,
            whole_words=whole_words is not False,
            seed=self.seed,
        )
        self._epochs = BertEpochs(
            self._core,
            pairs=mode == "nsp",
            pool=self.pool,
            drop_last=self.drop_last,
            max_len=self.max_len,
            seed=self.seed,
            threads=self.threads,
        )
        if not self.n_examples(0):
            raise ValueError(
                f"corpus: expected pairs of sentences, got none: of {len(documents) - 1:,} documents none "
                f"has two sentences that go into max_len={self.max_len} together"
            )

    def n_examples(self, epoch: int) -> int:
        """How many rows an epoch has, those of all ranks together; epochs differ a little.

        Args:
            epoch: 32 bits.

        Returns:
            The number.
        """
        return self._epochs.n_examples(epoch)

    def __len__(self) -> int:
        """How many rows the first epoch has."""
        return self.n_examples(0)

    def n_batches(self, epoch: int, batch_size: int) -> int:
        """How many batches an epoch has, the same for each rank.

        Args:
            epoch: 32 bits.
            batch_size: rows a batch and rank, at least 1.

        Returns:
            The number.
        """
        together = at_least("batch_size", batch_size, 1) * self.world_size
        return self._epochs.n_batches(epoch, together)

    def batch(self, epoch: int, index: int, batch_size: int) -> BertBatch:
        """One batch of an epoch, without making those before it.

        Args:
            epoch: 32 bits.
            index: in [0, n_batches(epoch, batch_size)).
            batch_size: rows a batch and rank; the last batch may have fewer, or none for some ranks.

        Returns:
            The batch; the part of this rank.

        Raises:
            IndexError: there is no such batch, or an id of the corpus is not in the vocabulary.
            ValueError: an argument is out of range.
        """
        return self.rows(epoch, self._numbers_of_rank(epoch, index, batch_size))

    def unpadded_batch(self, epoch: int, index: int, batch_size: int) -> UnpaddedBertBatch:
        """The same batch as `batch` gives, without padding; `pad_to` and `pad_multiple` mean nothing here.

        Args:
            epoch: 32 bits.
            index: in [0, n_batches(epoch, batch_size)).
            batch_size: sequences a batch and rank; the last batch may have fewer, or none for some ranks.

        Returns:
            The batch; the part of this rank.

        Raises:
            IndexError, ValueError: as `batch`.

        Example:
            >>> text = ["a b c", "d e f", "", "g h i j k", "l"]
            >>> special = ["<pad>", "<mask>", "<cls>", "<sep>"]
            >>> corpus = Corpus.from_text(text, min_count=1, reserved=special)
            >>> batch = BertExamples(corpus, pairs="adjacent").unpadded_batch(0, 0, batch_size=2)
            >>> len(batch), batch.lengths.tolist(), batch.tokens.shape, batch.segments.shape
            (2, [9, 11], (20,), (20,))
        """
        return self.unpadded_rows(epoch, self._numbers_of_rank(epoch, index, batch_size))

    def rows(self, epoch: int, numbers: ArrayLike) -> BertBatch:
        """Rows by their number in the order of the corpus, as a data set with random access has them.

        Args:
            epoch: 32 bits.
            numbers: (B,) integers in [0, n_examples(epoch)).

        Returns:
            The rows.

        Raises:
            IndexError: there is no such row, or an id of the corpus is not in the vocabulary.
            TypeError: the numbers are no integers.
        """
        wanted = as_integers("numbers", numbers, np.int64)
        pairs = self._epochs.pairs(epoch)
        return BertBatch(*self._core.fill(pairs, wanted, epoch, self.pad_multiple, self.threads))

    def unpadded_rows(self, epoch: int, numbers: ArrayLike) -> UnpaddedBertBatch:
        """The same as `rows` without padding, in the order of their lengths and then of `numbers`.

        Args:
            epoch: 32 bits.
            numbers: (B,) integers in [0, n_examples(epoch)).

        Returns:
            The sequences.

        Raises:
            IndexError, TypeError: as `rows`.
        """
        wanted = as_integers("numbers", numbers, np.int64)
        pairs = self._epochs.pairs(epoch)
        return UnpaddedBertBatch(*self._core.fill_unpadded(pairs, wanted, epoch, self.threads))

    def batches(
        self, epoch: int, batch_size: int, start: int = 0, *, prefetch: int = 2
    ) -> Iterator[BertBatch]:
        """The batches of an epoch from one of them on; others are made meanwhile, on a thread.

        Args:
            epoch: 32 bits.
            batch_size: rows a batch and rank.
            start: the first batch, in [0, n_batches(epoch, batch_size)].
            prefetch: how many batches are made ahead; 0 for none and no thread.

        Yields:
            `batch(epoch, start, batch_size)` and those behind it.

        Raises:
            ValueError: an argument is out of range.
        """
        return self._batches(self.batch, epoch, batch_size, start, prefetch)

    def unpadded_batches(
        self, epoch: int, batch_size: int, start: int = 0, *, prefetch: int = 2
    ) -> Iterator[UnpaddedBertBatch]:
        """The same as `batches` without padding.

        Args:
            epoch: 32 bits.
            batch_size: sequences a batch and rank.
            start: the first batch, in [0, n_batches(epoch, batch_size)].
            prefetch: how many batches are made ahead; 0 for none and no thread.

        Yields:
            `unpadded_batch(epoch, start, batch_size)` and those behind it.

        Raises:
            ValueError: an argument is out of range.
        """
        return self._batches(self.unpadded_batch, epoch, batch_size, start, prefetch)

    def _batches(
        self, make: Callable[[int, int, int], _Batch], epoch: int, batch_size: int, start: int, prefetch: int
    ) -> Iterator[_Batch]:
        count = self.n_batches(epoch, batch_size)
        if not 0 <= operator.index(start) <= count:
            raise ValueError(f"start: expected a batch in [0, {count}], got {start}")
        if at_least("prefetch", prefetch, 0) == 0:
            return (make(epoch, i, batch_size) for i in range(start, count))
        return self._ahead(make, epoch, batch_size, range(start, count), prefetch)

    def _ahead(
        self,
        make: Callable[[int, int, int], _Batch],
        epoch: int,
        batch_size: int,
        indices: range,
        prefetch: int,
    ) -> Iterator[_Batch]:
        waiting: collections.deque[Future[_Batch]] = collections.deque()
        coming = iter(indices)
        with ThreadPoolExecutor(1, "bert-batches") as worker:
            try:
                for _ in indices:
                    while len(waiting) <= prefetch and (i := next(coming, None)) is not None:
                        waiting.append(worker.submit(make, epoch, i, batch_size))
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _numbers_of_rank(self, epoch: int, index: int, batch_size: int) -> NDArray[np.int64]:
        """The numbers of this rank's examples of a batch."""
        count = self.n_batches(epoch, batch_size)
        if not 0 <= operator.index(index) < count:
            raise IndexError(f"index: expected a batch in [0, {count}), got {index}")
        numbers = self._epochs.numbers(epoch, operator.index(index), batch_size * self.world_size)
        ends = [len(numbers) * part // self.world_size for part in (self.rank, self.rank + 1)]
        return numbers[ends[0] : ends[1]]

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (self.corpus, self._options)

    def __repr__(self) -> str:
        return f"BertExamples({len(self):,} rows of up to {self.max_len} tokens, mode={self.mode!r})"


def _made_again(corpus: Corpus, options: dict[str, Any]) -> BertExamples:
    return BertExamples(corpus, **options)
