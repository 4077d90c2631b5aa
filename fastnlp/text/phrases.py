"""Phrases: words that stand together more often than by chance, joined into tokens."""

from __future__ import annotations

import math
import operator
import os
import shutil
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

from fastnlp.io.atomic import atomic_directory
from fastnlp.text import phrase_file
from fastnlp.text.building import Built, checked_threads
from fastnlp.text.corpus import Corpus
from fastnlp.text.corpus_folder import DESCRIPTION
from fastnlp.text.phrase_pass import (
    SCORINGS,
    CountingOptions,
    Phrase,
    Scoring,
    find_phrases,
    join_phrases,
    longest_gap,
)

ENGLISH_CONNECTOR_WORDS = frozenset(
    ("a", "an", "the", "for", "of", "with", "without", "at", "from", "to", "in", "on", "by", "and", "or")
)
"""English articles, prepositions and conjunctions that may stand inside a phrase; gensim's list."""

_THRESHOLDS: dict[Scoring, float] = {"word2phrase": 100.0, "gensim": 10.0, "npmi": 0.5}
_LEAST_MEMORY = 16 << 20


class Phrases:
    r"""Collocations of a text (Mikolov et al. 2013, arXiv:1310.4546, section 4), such as `new_york`.

    Two neighbouring words a, b of a sentence are a phrase where their score is above the threshold. With
    counts n(a), n(b) and n(ab), m = `min_count`, T tokens and E different words and pairs in the text:

    - "word2phrase": (n(ab) - m) / (n(a) n(b)) * T, as word2vec's `word2phrase` has it, in float32 like there;
    - "gensim": (n(ab) - m) / (n(a) n(b)) * E, the default of gensim's `Phrases`;
    - "npmi": ln(p(ab) / (p(a) p(b))) / -ln p(ab) with p = n / T (Bouma 2009), in [-1, 1].

    Connector words may stand between a and b; the phrase then contains them, and pairs with other connector
    words between are other pairs. There may be as many as fit 64 bits: 16 of a list of up to 15 words, 8 of
    up to 255. Special tokens of a corpus are in no phrase.

    In a sentence phrases are joined from the left, and no word is in two of them. Each further pass counts
    the text that the pass before has joined, so phrases grow: `new_york` + `times`.

    Counting is exact. Pairs are told apart by the ids of their words, not by how they are spelled; where a
    text holds the delimiter inside words, or in later passes, gensim adds up what is spelled alike.

    Args:
        min_count: pairs that occur less often are no phrases, and m of the scores; >= 1.
        threshold: phrases score above it; one number, or one for each pass. None for 100 ("word2phrase"), 10
            ("gensim") or 0.5 ("npmi"). Above 0; of "npmi" in [-1, 1].
        scoring: "word2phrase", "gensim" or "npmi".
        connector_words: words that may stand inside a phrase, never at its ends;
            `ENGLISH_CONNECTOR_WORDS` for English.
        delimiter: stands between the words of a phrase; not empty, without white space.
        passes: how often the text is counted, each time with the phrases found before joined; >= 1.
        threads: how many threads count and join; None for one per processor, up to 16. The result does not
            depend on it.
        memory: bytes for the pairs and their counts, at least 16 MiB. Where they need more, the corpus is
            read several times, a part of the pairs at a time; the result is the same. Beside them there are 8
            bytes for each word and thread, and 24 for each pair that may still be a phrase.

    Raises:
        ValueError: an argument is out of range.
        TypeError: an argument is of another type.

    Example:
        >>> lines = ["new york is big", "i like new york", "big apple", "is it new", "i like york"]
        >>> phrases = Phrases(min_count=1, threshold=1).fit(lines)
        >>> phrases.join(["new", "york", "and", "i", "like", "it"])
        ['new_york', 'and', 'i_like', 'it']
        >>> phrases.scores["i_like"]  # (2 - 1) / (2 * 2) * 16
        4.0
    """

    def __init__(
        self,
        *,
        min_count: int = 5,
        threshold: float | list[float] | tuple[float, ...] | None = None,
        scoring: Scoring = "word2phrase",
        connector_words: Iterable[str] = (),
        delimiter: str = "_",
        passes: int = 1,
        threads: int | None = None,
        memory: int = 1 << 30,
    ) -> None:
        if scoring not in SCORINGS:
            raise ValueError(f"scoring: expected 'word2phrase', 'gensim' or 'npmi', got {scoring!r}")
        self.scoring: Scoring = scoring
        self.min_count = _whole("min_count", min_count, 1)
        self.passes = _whole("passes", passes, 1)
        self.thresholds = _thresholds(threshold, scoring, self.passes)
        self.connector_words = _connectors(connector_words)
        self.delimiter = _delimiter(delimiter)
        self.threads = checked_threads(threads)
        self.memory = _whole("memory", memory, _LEAST_MEMORY)
        self._found: list[list[Phrase]] | None = None
        self._joining: list[_Joining] = []

    def fit(self, source: Any) -> Phrases:
        """Finds the phrases of a text; those found before are forgotten.

        Ctrl-C is answered within 0.2 s, and then nothing is changed.

        Args:
            source: a Corpus, or a text as for `Corpus.from_text`, of which every word counts. A corpus that
                left rare words out counts as the text that it is now: with `unknown` they keep their places.

        Returns:
            This object.

        Raises:
            ValueError: the text is empty or not UTF-8, or an id of the corpus is out of range.
            FileNotFoundError: a file is missing.
        """
        corpus = self._corpus(source)
        found: list[list[Phrase]] = []
        for i, threshold in enumerate(self.thresholds):
            options = CountingOptions(
                scoring=self.scoring,
                min_count=self.min_count,
                threshold=threshold,
                connector_words=self.connector_words,
                threads=self.threads,
                memory=self.memory,
            )
            found.append(find_phrases(corpus, options))
            if i + 1 < self.passes:
                corpus = self._joined(corpus, found[-1], 1)
        self._set(found)
        return self

    def apply(self, source: Any, *, min_count: int = 1, path: str | os.PathLike[str] | None = None) -> Corpus:
        """A corpus with a token in the place of each phrase.

        Its vocabulary is what `Corpus.from_text` would make of the joined text: by falling count, ties by
        first appearance. Memory does not grow with the text: ids beyond 128 MiB go to a temporary folder that
        goes when the corpus goes.

        Args:
            source: a Corpus or a text as for `fit`, the one that was counted or another.
            min_count: tokens that occur less often after the joining are dropped, or become the unknown token
                of the corpus.
            path: a folder to write the corpus to, as `Corpus.save` does.

        Returns:
            The new corpus; the one in the folder, opened, if `path` is given.

        Raises:
            RuntimeError: `fit` has not been called.
            ValueError: no token is frequent enough, or the text is empty or not UTF-8.
        """
        least = _whole("min_count", min_count, 0)
        *before, last = self.found
        corpus = self._corpus(source)
        for phrases in before:
            corpus = self._joined(corpus, phrases, 1)
        if path is None:
            return self._joined(corpus, last, least)
        with atomic_directory(path, mark=DESCRIPTION) as folder:
            join_phrases(
                corpus,
                last,
                connector_words=self.connector_words,
                delimiter=self.delimiter,
                min_count=least,
                threads=self.threads,
                folder=folder,
            )
        return Corpus.open(path)

    def _corpus(self, source: Any) -> Corpus:
        if isinstance(source, Corpus):
            return source
        return Corpus.from_text(source, min_count=1, threads=self.threads)

    def _joined(self, corpus: Corpus, phrases: list[Phrase], min_count: int) -> Corpus:
        built: Built = join_phrases(
            corpus,
            phrases,
            connector_words=self.connector_words,
            delimiter=self.delimiter,
            min_count=min_count,
            threads=self.threads,
        )
        joined = Corpus(built.ids, built.sentence_offsets, built.document_offsets, built.vocab)
        if built.temporary is not None:
            weakref.finalize(joined, shutil.rmtree, built.temporary, ignore_errors=True)
        return joined

    def join(self, sentence: Iterable[str]) -> list[str]:
        """The words of one sentence, phrases joined.

        Args:
            sentence: its words.

        Returns:
            The tokens.

        Raises:
            RuntimeError: `fit` has not been called.
            TypeError: the sentence is a str; split it first.
        """
        if isinstance(sentence, str):
            raise TypeError(f"sentence: expected its words one by one, got the str {sentence!r}; split it")
        self.found  # noqa: B018 (refuses before fit)
        tokens = list(sentence)
        for joining in self._joining:
            tokens = joining(tokens)
        return tokens

    def join_all(self, sentences: Iterable[Iterable[str]]) -> Iterator[list[str]]:
        """Sentences with their phrases joined, one after another as they are asked for.

        Args:
            sentences: lists of words.

        Yields:
            The tokens of each.
        """
        return map(self.join, sentences)

    @property
    def found(self) -> list[list[Phrase]]:
        """The phrases of each pass: their words, counts and scores.

        Raises:
            RuntimeError: `fit` has not been called.
        """
        if self._found is None:
            raise RuntimeError("Phrases: expected `fit` to be called first")
        return self._found

    @property
    def scores(self) -> dict[str, float]:
        """The score of each phrase as it is joined; of one that several passes found, the first."""
        scores: dict[str, float] = {}
        for phrases in self.found:
            for phrase in phrases:
                scores.setdefault(self.delimiter.join(phrase.words), phrase.score)
        return scores

    def _set(self, found: list[list[Phrase]]) -> None:
        self._joining = [_Joining(phrases, self.connector_words, self.delimiter) for phrases in found]
        self._found = found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the phrases and what they were found with to a file, whole or not at all.

        The file is text: a header, then a line for each phrase, in JSON.

        Args:
            path: the file to create or replace.

        Raises:
            RuntimeError: `fit` has not been called.
            OSError: writing failed; a file that stood there is as it was.
        """
        settings = {
            "scoring": self.scoring,
            "min_count": self.min_count,
            "threshold": list(self.thresholds),
            "connector_words": list(self.connector_words),
            "delimiter": self.delimiter,
            "passes": self.passes,
        }
        phrase_file.save(path, settings, self.found)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, threads: int | None = None, memory: int = 1 << 30
    ) -> Phrases:
        """Reads phrases that `save` wrote.

        Args:
            path: the file.
            threads: as for `Phrases`.
            memory: as for `Phrases`.

        Returns:
            Phrases that join as the saved ones do.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged or holds something else; the message says where.
        """
        settings, found = phrase_file.load(path)
        try:
            phrases = cls(**settings, threads=threads, memory=memory)
            if len(found) != phrases.passes:
                raise ValueError(f"passes: expected {phrases.passes}, got {len(found)}")
        except (TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: damaged phrases: line 1: {error}") from None
        phrases._set(found)
        return phrases

    def __repr__(self) -> str:
        counts = "not fitted" if self._found is None else " + ".join(f"{len(each):,}" for each in self._found)
        return f"Phrases({counts}, scoring={self.scoring!r}, min_count={self.min_count})"


class _Joining:
    """Joins the phrases of one pass in lists of words, as the core does in a corpus."""

    def __init__(self, phrases: list[Phrase], connector_words: tuple[str, ...], delimiter: str) -> None:
        self._tokens = {phrase.words: delimiter.join(phrase.words) for phrase in phrases}
        self._begins = {phrase.words[0] for phrase in phrases}
        self._connectors = frozenset(connector_words)
        self._longest = longest_gap(len(self._connectors))

    def __call__(self, words: list[str]) -> list[str]:
        joined: list[str] = []
        held: list[str] = []  # a word that may begin a phrase, and the connector words after it
        for word in words:
            if held:
                if word in self._connectors:
                    if len(held) <= self._longest:
                        held.append(word)
                        continue
                elif (token := self._tokens.get((*held, word))) is not None:
                    joined.append(token)
                    held = []
                    continue
                joined += held
                held = []
            if word in self._begins:
                held.append(word)
            else:
                joined.append(word)
        return joined + held


def _whole(name: str, value: int, least: int) -> int:
    number = operator.index(value)
    if number < least:
        raise ValueError(f"{name}: expected a whole number >= {least}, got {number}")
    return number


def _thresholds(
    threshold: float | list[float] | tuple[float, ...] | None, scoring: Scoring, passes: int
) -> tuple[float, ...]:
    if threshold is None:
        threshold = _THRESHOLDS[scoring]
    given = tuple(threshold) if isinstance(threshold, (list, tuple)) else (threshold,) * passes
    if len(given) != passes:
        raise ValueError(
            f"threshold: expected one number, or one for each of {passes} passes, got {len(given)}"
        )
    for number in given:
        if isinstance(number, (str, bool)) or not math.isfinite(number):
            raise ValueError(f"threshold: expected a finite number, got {number!r}")
        if scoring == "npmi" and not -1 <= number <= 1:
            raise ValueError(f"threshold: expected a number in [-1, 1] for npmi, got {number}")
        if scoring != "npmi" and number <= 0:
            raise ValueError(f"threshold: expected a number above 0, got {number}")
    return tuple(map(float, given))


def _connectors(words: Iterable[str]) -> tuple[str, ...]:
    if isinstance(words, str):
        raise TypeError(f"connector_words: expected the words one by one, got the str {words!r}")
    distinct = set(words)
    for word in distinct:
        if not isinstance(word, str) or not word:
            raise TypeError(f"connector_words: expected words, got {word!r}")
    if len(distinct) > 10_000:
        raise ValueError(f"connector_words: expected at most 10,000, got {len(distinct):,}")
    return tuple(sorted(distinct))


def _delimiter(delimiter: str) -> str:
    if not isinstance(delimiter, str):
        raise TypeError(f"delimiter: expected a str, got {type(delimiter).__name__}")
    if not delimiter or delimiter.split() != [delimiter]:
        raise ValueError(f"delimiter: expected characters without white space, got {delimiter!r}")
    return delimiter
