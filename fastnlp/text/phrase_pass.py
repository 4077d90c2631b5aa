"""One pass of phrase detection over a corpus: finding the pairs that are phrases, and joining them."""

from __future__ import annotations

import itertools
import secrets
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.text.building import MEMORY_LIMIT, Built
from fastnlp.text.corpus import Corpus
from fastnlp.text.corpus_folder import FolderWriter, open_folder
from fastnlp.text.selection import select
from fastnlp.text.vocab import Vocab
from fastnlp.text.word_list import WordList

Scoring = Literal["word2phrase", "gensim", "npmi"]

SCORINGS: tuple[Scoring, ...] = ("word2phrase", "gensim", "npmi")
_SLICE = 0.05  # seconds between two looks for Ctrl-C


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that make a phrase, and why.

    Attributes:
        words: the first word, the connector words between, the second word. From the second pass on the first
            and the second may be phrases themselves, joined.
        count: how often they stand together, >= 1.
        score: how much they belong together, by the scoring that they were found with.
    """

    words: tuple[str, ...]
    count: int
    score: float


@dataclass(frozen=True, kw_only=True)
class CountingOptions:
    """What one pass is told."""

    scoring: Scoring
    min_count: int
    threshold: float
    connector_words: tuple[str, ...]
    threads: int
    memory: int


def longest_gap(connector_words: int) -> int:
    """How many connector words may stand inside a phrase: as many numbers as fit 64 bits.

    Args:
        connector_words: how many different ones there are.

    Returns:
        16 for up to 15 of them, 8 for up to 255; 0 for none.
    """
    return 64 // connector_words.bit_length() if connector_words else 0


def find_phrases(corpus: Corpus, options: CountingOptions) -> list[Phrase]:
    """Counts all neighbouring words of a corpus and gives those that score above the threshold.

    Args:
        corpus: the text. Its special tokens are in no phrase.
        options: the scoring and its bounds.

    Returns:
        The phrases, ordered by the ids of the first and of the second word.
    """
    vocab = corpus.vocab
    special = len(vocab.reserved) + (vocab.unknown is not None)
    counter = _core.PhraseCounter(
        corpus.ids,
        corpus.sentence_offsets,
        len(vocab),
        _places(vocab, options.connector_words),
        np.arange(special, dtype=np.int32),
        SCORINGS.index(options.scoring),
        options.min_count,
        options.threshold,
        options.threads,
        options.memory,
        secrets.randbits(64),
    )
    while not counter.advance(_SLICE):
        pass
    first, second, between, offsets, counts, scores, _, _ = counter.take()
    del counter  # and its tables
    tokens = vocab.tokens
    inner = [tokens[i] for i in between.tolist()]
    gaps = [inner[a:b] for a, b in itertools.pairwise(offsets.tolist())]
    return [
        Phrase((tokens[a], *gap, tokens[b]), count, score)
        for a, gap, b, count, score in zip(
            first.tolist(), gaps, second.tolist(), counts.tolist(), scores.tolist(), strict=True
        )
    ]


def join_phrases(
    corpus: Corpus,
    phrases: Iterable[Phrase],
    *,
    connector_words: tuple[str, ...],
    delimiter: str,
    min_count: int,
    threads: int,
    folder: Path | None = None,
) -> Built:
    """A corpus with one token in the place of each phrase.

    Args:
        corpus: the text.
        phrases: the phrases of one pass.
        connector_words: those that the phrases were found with.
        delimiter: stands between the words of a phrase in its token.
        min_count: tokens that occur less often are dropped, or become the unknown token.
        threads: how many threads join.
        folder: an empty folder to fill; None for memory, or a temporary folder where that is too small.

    Returns:
        The parts of the corpus. Who takes them removes the temporary folder.

    Raises:
        ValueError: no token is frequent enough.
    """
    vocab = corpus.vocab
    table = _PhraseTable(vocab, phrases, connector_words, delimiter)
    joiner = _core.PhraseJoiner(
        corpus.ids,
        corpus.sentence_offsets,
        corpus.document_offsets,
        len(vocab),
        len(table.tokens),
        table.connectors,
        table.first,
        table.second,
        table.between,
        table.between_offsets,
        table.becomes,
        threads,
    )
    while not joiner.tally(_SLICE):
        pass
    counts, places = joiner.counts(), joiner.places()
    present = np.flatnonzero(counts)
    present = present[np.argsort(places[present], kind="stable")]
    kept, kept_counts, ids = select(
        table.tokens.take(present),
        counts[present],
        min_count=min_count,
        unknown=vocab.unknown,
        reserved=vocab.reserved,
    )
    special = len(vocab.reserved) + (vocab.unknown is not None)
    if len(kept) == special and (present >= special).any():
        raise ValueError(
            f"min_count: with min_count={min_count} none of the {len(present):,} distinct tokens is left; "
            f"the most frequent occurs {counts.max():,} times"
        )
    final_ids = np.full(len(table.tokens), -1, np.int32)
    final_ids[present] = ids
    joined = Vocab.from_arrays(
        kept, kept_counts, unknown=vocab.unknown, reserved=vocab.reserved, min_count=min_count
    )
    joiner.number(final_ids, len(joined))
    total = int(counts[final_ids >= 0].sum())
    temporary = None
    if folder is None and total * 4 > MEMORY_LIMIT:
        folder = temporary = Path(tempfile.mkdtemp(prefix="fastnlp-corpus-"))
    if folder is None:
        return _in_memory(joiner, total, joined)
    with FolderWriter(folder) as writer:
        done = False
        while not done:
            ids, sentence_ends, document_ends, done = joiner.join()
            writer.write(ids, sentence_ends, document_ends)
    writer.describe(joined)
    return Built(*open_folder(folder), temporary)


def _in_memory(joiner: _core.PhraseJoiner, total: int, vocab: Vocab) -> Built:
    ids = np.empty(total, np.int32)
    sentences, documents = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    at, done = 0, False
    while not done:
        piece, sentence_ends, document_ends, done = joiner.join()
        ids[at : at + len(piece)] = piece
        at += len(piece)
        sentences.append(sentence_ends)
        documents.append(document_ends)
    return Built(ids, np.concatenate(sentences), np.concatenate(documents), vocab)


class _PhraseTable:
    """Phrases as ids of a vocabulary's words, and the tokens that they become behind it."""

    def __init__(
        self, vocab: Vocab, phrases: Iterable[Phrase], connector_words: tuple[str, ...], delimiter: str
    ) -> None:
        number, size = vocab.ids, len(vocab)
        new: dict[str, int] = {}
        rows: list[tuple[int, int, int]] = []
        between: list[int] = []
        ends = [0]
        for phrase in phrases:
            words = phrase.words
            ids = [number.get(word, -1) for word in words]
            if -1 in ids:  # not a word of this corpus
                continue
            token = delimiter.join(words)
            becomes = number.get(token, -1)  # a text may hold the joined word already
            if becomes < 0:
                becomes = new.setdefault(token, size + len(new))
            rows.append((ids[0], ids[-1], becomes))
            between.extend(ids[1:-1])
            ends.append(len(between))
        columns = np.array(rows, np.int32).reshape(-1, 3)
        self.first, self.second, self.becomes = (np.ascontiguousarray(column) for column in columns.T)
        self.between = np.array(between, np.int32)
        self.between_offsets = np.array(ends, np.int64)
        self.connectors = _places(vocab, connector_words)
        self.tokens = vocab.words + WordList.from_words("phrases", list(new))


def _places(vocab: Vocab, words: tuple[str, ...]) -> NDArray[np.int32]:
    """The ids of words, -1 for one that is none of the vocabulary's."""
    number = vocab.ids if words else {}
    return np.array([number.get(word, -1) for word in words], np.int32)
