"""WikiText-2 as the book prepares it for BERT."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fastnlp.d2l.download import data_folders, download_extract
from fastnlp.d2l.examples import draw_seed
from fastnlp.d2l.paragraphs import TRAIN, Paragraphs, read_paragraphs
from fastnlp.d2l.vocabulary import Vocab
from fastnlp.sampling import BertExamples
from fastnlp.text import Corpus
from fastnlp.text import Vocab as Words
from fastnlp.text.selection import select
from fastnlp.text.sources import TextInMemory

_RESERVED = ("<pad>", "<mask>", "<cls>", "<sep>")

Example = tuple[torch.Tensor, ...]
"""Tokens, segments, valid length, places, weights, labels, is_next."""


class _WikiTextDataset(torch.utils.data.Dataset[Example]):
    """Examples for BERT from paragraphs: pairs of neighbouring sentences, or with a random one, and masks.

    The rules are the book's: pairs longer than `max_len` are left out, a random sentence is one of a random
    paragraph, words that occur fewer than 5 times are unknown. Random words that stand in are never special
    tokens, which in the book five of 20,256 are; empty sentences are passed over. Seeded by `random`.

    Args:
        paragraphs: lists of sentences, each a str.
        max_len: the tokens of each row.

    Attributes:
        vocab: with `<pad>`, `<mask>`, `<cls>` and `<sep>` as 1 to 4.

    Raises:
        ValueError: `max_len` is below 5, or no pair is that short.

    Example:
        >>> dataset = _WikiTextDataset([["a b c d", "e f g h"]] * 5, 12)
        >>> len(dataset), dataset.vocab.idx_to_token[:6], [tuple(x.shape) for x in dataset[0]]
        (5, ['<unk>', '<pad>', '<mask>', '<cls>', '<sep>', 'a'], [(12,), (12,), (), (2,), (2,), (2,), ()])
    """

    def __init__(self, paragraphs: Sequence[Sequence[str]], max_len: int) -> None:
        self._make(Corpus.from_text(_lines(paragraphs), min_count=1), max_len)

    @classmethod
    def _of_text(cls, paragraphs: Paragraphs, max_len: int) -> _WikiTextDataset:
        """The data set of paragraphs as `read_paragraphs` gives them.

        Their lines are sentences and their blank lines ends of paragraphs to a corpus as well, which numbers
        the text without a str of Python for each. A blank sentence would end a paragraph too, so then they
        are divided one by one.
        """
        corpus = Corpus.from_text(TextInMemory(paragraphs.text), min_count=1)
        if corpus.n_documents != paragraphs.count:
            return cls(paragraphs.sentences(), max_len)
        dataset = cls.__new__(cls)
        dataset._make(corpus, max_len)
        return dataset

    def _make(self, corpus: Corpus, max_len: int) -> None:
        """Examples from a corpus with every word of the text, by falling count."""
        words = corpus.vocab
        tokens = words.tokens  # made before `select`, which passes them on
        kept, counts, id_of = select(
            words.words, words.counts, min_count=5, unknown="<unk>", reserved=_RESERVED
        )
        known = Words.from_arrays(kept, counts, unknown="<unk>", reserved=_RESERVED, min_count=5)
        regular = np.flatnonzero(id_of > len(_RESERVED)).tolist()
        self.vocab = Vocab._of(
            ["<unk>", *_RESERVED, *map(tokens.__getitem__, regular)],
            tokens,
            words.counts.tolist(),
        )
        examples = BertExamples(
            Corpus.from_ids(
                np.take(id_of, corpus.ids), corpus.sentence_offsets, known, corpus.document_offsets
            ),
            max_len=max_len,
            pairs="adjacent",
            next_sentence_rule="book",
            long_pairs="drop",
            predict_unknown=True,
            pad_to="max_len",
            seed=draw_seed(),
        )
        batch = examples.rows(0, np.arange(len(examples)))
        assert batch.is_next is not None
        self._narrow = tuple(
            torch.from_numpy(array)
            for array in (
                batch.tokens,
                batch.segments,
                batch.lengths,
                batch.positions,
                batch.weights,
                batch.labels,
                batch.is_next,
            )
        )

    @cached_property
    def _wide(self) -> Example:
        return _widened(self._narrow)

    @property
    def all_token_ids(self) -> torch.Tensor:
        """(N, max_len) int64; a row is an example, in the order of the paragraphs."""
        return self._wide[0]

    @property
    def all_segments(self) -> torch.Tensor:
        """(N, max_len) int64."""
        return self._wide[1]

    @property
    def valid_lens(self) -> torch.Tensor:
        """(N,) float32."""
        return self._wide[2]

    @property
    def all_pred_positions(self) -> torch.Tensor:
        """(N, M) int64, with M = round(0.15 * max_len), at least 1."""
        return self._wide[3]

    @property
    def all_mlm_weights(self) -> torch.Tensor:
        """(N, M) float32."""
        return self._wide[4]

    @property
    def all_mlm_labels(self) -> torch.Tensor:
        """(N, M) int64."""
        return self._wide[5]

    @property
    def nsp_labels(self) -> torch.Tensor:
        """(N,) int64."""
        return self._wide[6]

    def tensors(self) -> Example:
        """All examples: the seven tensors in the order of a batch."""
        return self._wide

    def batch(self, rows: torch.Tensor) -> Example:
        """The seven tensors of some examples."""
        return _widened(tuple(tensor[rows] for tensor in self._narrow))

    def __getitem__(self, idx: int) -> Example:
        """One example."""
        return _widened(tuple(tensor[idx] for tensor in self._narrow))

    def __getitems__(self, indices: Sequence[int]) -> _Selection:
        """The examples of one batch; torch's DataLoader asks for them in this way."""
        return _Selection(self, indices)

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self._narrow[0])


class _Selection(Sequence[Example]):
    """Some examples of a data set: one by one for any collate function, and a batch at once for ours."""

    def __init__(self, dataset: _WikiTextDataset, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Example:  # type: ignore[override]
        return self.dataset[self.indices[operator.index(index)]]

    def batch(self) -> list[torch.Tensor]:
        return list(self.dataset.batch(torch.as_tensor(self.indices)))


def _collate(selection: Any) -> list[torch.Tensor]:
    rows: list[torch.Tensor] = selection.batch()
    return rows


def load_data_wiki(batch_size: int, max_len: int) -> tuple[torch.utils.data.DataLoader[Example], Vocab]:
    """Shuffled minibatches of WikiText-2 for BERT, and the vocabulary.

    The data set is made once, by the book's rules; see `_WikiTextDataset`. After `random.seed` and
    `torch.manual_seed` everything repeats. Batches are cut from tensors in this process: that takes less time
    than handing them over from another, so the book's worker processes are not started. WikiText-2 is looked
    for as `wikitext-2/wiki.train.tokens` or as the archive in ../data and in FASTNLP_DATA, then fetched.
    The vocabulary is also left in `d2l.vocab`.

    Args:
        batch_size: examples a batch; the last batch of an epoch may have fewer.
        max_len: the tokens of each row.

    Returns:
        A DataLoader whose batches are seven tensors: tokens, segments, valid lengths, places, weights,
        labels, and whether the second sentence is the next one; the vocabulary.

    Raises:
        ValueError: an argument is too small.
        ConnectionError: the text is neither here nor to be fetched; see `download`.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
    train_set = _WikiTextDataset._of_text(read_paragraphs(_data_dir()), max_len)
    data_iter = torch.utils.data.DataLoader(
        train_set, batch_size, shuffle=True, collate_fn=_collate, num_workers=0
    )
    sys.modules["fastnlp.d2l"].__dict__["vocab"] = train_set.vocab
    return data_iter, train_set.vocab


def _data_dir() -> Path:
    """Where the text lies already unpacked, or else the unpacked archive."""
    for folder in data_folders():
        if (folder / "wikitext-2" / TRAIN).is_file():
            return folder / "wikitext-2"
    return Path(download_extract("wikitext-2", "wikitext-2"))


def _widened(narrow: Example) -> Example:
    """With the dtypes of the book, four times as large: for a batch, or for all when they are asked for."""
    tokens, segments, lengths, places, weights, labels, is_next = narrow
    return (
        tokens.long(),
        segments.long(),
        lengths.float(),
        places.long(),
        weights,
        labels.long(),
        is_next.long(),
    )


def _lines(paragraphs: Sequence[Sequence[str]]) -> Iterator[str]:
    """A sentence a line, and an empty line behind each paragraph."""
    for paragraph in paragraphs:
        yield from (line for line in paragraph if line and not line.isspace())
        yield ""
