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
from fastnlp.sampling.checks import at_least
from fastnlp.text import Corpus
from fastnlp.text.building import BuildOptions, Built, build
from fastnlp.text.sources import TextInBlocks

_ROWS = 256  # made at a time: so few that their memory is taken again from what was let go
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
        at_least("max_len", max_len, 5)
        self._make(_built(_lines(paragraphs)), max_len)

    @classmethod
    def _of_text(cls, paragraphs: Paragraphs, max_len: int) -> _WikiTextDataset:
        """The data set of paragraphs as `read_paragraphs` gives them.

        Their lines are sentences and their blank lines ends of paragraphs to a corpus as well, which numbers
        the text without a str of Python for each. A blank sentence would end a paragraph too, so then they
        are divided one by one.
        """
        at_least("max_len", max_len, 5)
        built = _built(TextInBlocks(paragraphs.blocks()))
        if len(built.document_offsets) - 1 != len(paragraphs):
            return cls(paragraphs.sentences(), max_len)
        dataset = cls.__new__(cls)
        dataset._make(built, max_len)
        return dataset

    def _make(self, built: Built, max_len: int) -> None:
        words = built.vocab
        assert built.found is not None and built.found_counts is not None
        self.vocab = Vocab._of(words.tokens, words.ids, built.found, built.found_counts)
        examples = BertExamples(
            Corpus(built.ids, built.sentence_offsets, built.document_offsets, words),
            max_len=max_len,
            pairs="adjacent",
            next_sentence_rule="book",
            long_pairs="drop",
            predict_unknown=True,
            pad_to="max_len",
            seed=draw_seed(),
        )
        self._narrow = _narrow_rows(examples, len(words))

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


def _narrow_rows(examples: BertExamples, words: int) -> Example:
    """All rows, in integers as small as they fit: a ninth of the memory of the book's dtypes.

    Memory that nothing has touched yet takes longer to get than rows take to make, so they are made some at a
    time in the same few pages.
    """
    size, width = len(examples), examples.max_len
    most = examples.rows(0, [0]).positions.shape[1]
    word, place = np.min_scalar_type(-words), np.min_scalar_type(-width - 1)  # signed, and up to `width`
    row = np.dtype(
        [
            ("tokens", word, width),
            ("segments", np.bool_, width),
            ("lengths", place),
            ("positions", place, most),
            ("weights", np.bool_, most),
            ("labels", word, most),
            ("is_next", np.bool_),
        ],
        align=True,
    )
    narrow = np.empty(size, row)
    for start in range(0, size, _ROWS):
        some = narrow[start : start + _ROWS]
        made = examples.rows(0, np.arange(start, start + len(some)))
        for name in row.names or ():
            some[name] = getattr(made, name)
    return tuple(torch.from_numpy(narrow[name]) for name in row.names or ())


def _widened(narrow: Example) -> Example:
    """With the dtypes of the book: for a batch, or for all when they are asked for."""
    tokens, segments, lengths, places, weights, labels, is_next = narrow
    return (
        tokens.long(),
        segments.long(),
        lengths.float(),
        places.long(),
        weights.float(),
        labels.long(),
        is_next.long(),
    )


def _built(source: Any) -> Built:
    """One thread counts: of so short a text two would take more time together, and the clock hardly less."""
    options = BuildOptions(min_count=5, unknown="<unk>", reserved=_RESERVED, threads=1)
    return build(source, options)


def _lines(paragraphs: Sequence[Sequence[str]]) -> Iterator[str]:
    """A sentence a line, and an empty line behind each paragraph."""
    for paragraph in paragraphs:
        yield from (line for line in paragraph if line and not line.isspace())
        yield ""
