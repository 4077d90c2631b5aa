"""Vocab: the words of a corpus, their ids and their counts."""

from __future__ import annotations

import operator
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnlp.text import vocab_file
from fastnlp.text.selection import (
    checked_counts,
    checked_min_count,
    refuse_duplicate,
    select,
    special_tokens,
)
from fastnlp.text.word_list import WordList


class Vocab:
    """The words of a corpus, numbered: the unknown token, the reserved tokens, then the words.

    Words stand as they are given; `from_counts` and `from_sentences` put the most frequent first, and of
    equally frequent ones the one that appears first. Strings and the look-up table are made when they are
    first needed, so that opening a vocabulary of millions of words takes milliseconds.

    Args:
        tokens: V distinct, non-empty words in the order of their ids. Special tokens stand at their place,
            in front, or are left out altogether: then they are put there, with count 0.
        counts: (V,) int, how often each word occurs, >= 0; None for zeros.
        unknown: the token that stands for words that are not in the vocabulary; gets id 0.
        reserved: further special tokens, such as `<pad>`; follow the unknown token.
        min_count: the smallest count with which a word was taken, for the record; >= 0.

    Raises:
        ValueError: a word is empty or occurs twice, a count is negative, lengths differ, or special tokens
            stand anywhere but in front.
        TypeError: a word is not a str.

    Example:
        >>> vocab = Vocab.from_counts({"the": 7, "cat": 3, "sat": 1}, min_count=2, unknown="<unk>")
        >>> vocab["cat"], vocab["dog"], vocab.tokens
        (2, 0, ['<unk>', 'the', 'cat'])
        >>> vocab.counts
        array([1, 7, 3])
    """

    __slots__ = ("_ids", "_words", "counts", "min_count", "reserved", "unknown")

    _ids: dict[str, int] | None
    _words: WordList
    counts: NDArray[np.int64]
    min_count: int
    unknown: str | None
    reserved: tuple[str, ...]

    def __init__(
        self,
        tokens: Iterable[str],
        counts: ArrayLike | None = None,
        *,
        unknown: str | None = None,
        reserved: Iterable[str] = (),
        min_count: int = 1,
    ) -> None:
        if isinstance(tokens, str):
            raise TypeError(f"tokens: expected the words one by one, got the str {tokens!r}")
        words = list(tokens)
        numbers = checked_counts(counts, len(words))
        special = special_tokens(unknown, reserved)
        if words[: len(special)] != special:
            words = special + words
            numbers = np.concatenate([np.zeros(len(special), np.int64), numbers])
        ids = {token: i for i, token in enumerate(words)}
        if len(ids) < len(words):
            refuse_duplicate(words, len(special))
        self._set(WordList.from_words("tokens", words), numbers, unknown, special, min_count)
        self._ids = ids

    def _set(
        self,
        words: WordList,
        counts: NDArray[np.int64],
        unknown: str | None,
        special: list[str],
        min_count: int,
    ) -> None:
        self._words = words
        self._ids = None
        counts.flags.writeable = False
        self.counts = counts
        self.unknown = unknown
        self.reserved = tuple(special if unknown is None else special[1:])
        self.min_count = checked_min_count(min_count)

    @classmethod
    def from_arrays(
        cls,
        words: WordList,
        counts: NDArray[np.int64],
        *,
        unknown: str | None = None,
        reserved: Iterable[str] = (),
        min_count: int = 1,
    ) -> Vocab:
        """Wraps words and counts as they are, special tokens in front; makes no strings.

        Args:
            words: V distinct words.
            counts: (V,) int64, >= 0.
            unknown: the first of the words, or None.
            reserved: the words after it that are special.
            min_count: as for `Vocab`.

        Returns:
            The vocabulary over the same memory.

        Raises:
            ValueError: lengths differ, a count is negative, or the special tokens do not stand in front.
        """
        special = special_tokens(unknown, reserved)
        numbers = checked_counts(counts, len(words))
        for i, token in enumerate(special):
            if i >= len(words) or words[i] != token:
                raise ValueError(f"words[{i}]: expected the special token {token!r}")
        vocab = cls.__new__(cls)
        vocab._set(words, numbers, unknown, special, min_count)
        return vocab

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, int] | Iterable[tuple[str, int]],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        unknown: str | None = None,
        reserved: Iterable[str] = (),
    ) -> Vocab:
        """Numbers counted words: the most frequent first, equally frequent ones in the order given.

        Args:
            counts: how often each word occurs, as a mapping (a `collections.Counter`) or as pairs.
            min_count: words that occur less often are left out; their occurrences count for `unknown`.
            max_size: at most so many words besides the special tokens, the most frequent; None for all.
            unknown: as for `Vocab`.
            reserved: as for `Vocab`.

        Returns:
            The vocabulary.

        Raises:
            ValueError: as for `Vocab`, or `max_size` is negative.

        Example:
            >>> Vocab.from_counts({"a": 1, "b": 2, "c": 2}, max_size=2).tokens
            ['b', 'c']
        """
        pairs = list(counts.items() if isinstance(counts, Mapping) else counts)
        words = [word for word, _ in pairs]
        if len(set(words)) < len(words):
            refuse_duplicate(words, 0)
        numbers = checked_counts([number for _, number in pairs], len(pairs))
        kept, numbers = select(
            WordList.from_words("counts", words),
            numbers,
            min_count=min_count,
            max_size=max_size,
            unknown=unknown,
            reserved=reserved,
        )[:2]
        return cls.from_arrays(kept, numbers, unknown=unknown, reserved=reserved, min_count=min_count)

    @classmethod
    def from_sentences(
        cls,
        sentences: Iterable[Iterable[str]],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        unknown: str | None = None,
        reserved: Iterable[str] = (),
    ) -> Vocab:
        """Counts the words of sentences and numbers them as `from_counts` does.

        Args:
            sentences: lists of words.
            min_count: as for `from_counts`.
            max_size: as for `from_counts`.
            unknown: as for `Vocab`.
            reserved: as for `Vocab`.

        Returns:
            The vocabulary.

        Raises:
            TypeError: a sentence is a str instead of a list of words.

        Example:
            >>> Vocab.from_sentences([["a", "rose"], ["is", "a", "rose"]]).tokens
            ['a', 'rose', 'is']
        """
        counter: Counter[str] = Counter()
        for i, sentence in enumerate(sentences):
            if isinstance(sentence, str):
                raise TypeError(f"sentences[{i}]: expected a list of words, got a str; split it first")
            counter.update(sentence)
        return cls.from_counts(
            counter, min_count=min_count, max_size=max_size, unknown=unknown, reserved=reserved
        )

    @property
    def tokens(self) -> list[str]:
        """The words in the order of their ids."""
        return self._words.strings

    @property
    def words(self) -> WordList:
        """The words as one piece of memory."""
        return self._words

    @property
    def unknown_id(self) -> int | None:
        """The id of the unknown token (0), or None where the vocabulary has none."""
        return None if self.unknown is None else 0

    @property
    def ids(self) -> Mapping[str, int]:
        """The id of each word."""
        return self._table()

    def _table(self) -> dict[str, int]:
        if self._ids is None:
            self._ids = {token: i for i, token in enumerate(self.tokens)}
        return self._ids

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._table()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocab):
            return NotImplemented
        return (
            self._words == other._words
            and np.array_equal(self.counts, other.counts)
            and (self.unknown, self.reserved, self.min_count)
            == (other.unknown, other.reserved, other.min_count)
        )

    def __repr__(self) -> str:
        shown = ", ".join(repr(self._words[i]) for i in range(min(5, len(self))))
        return f"Vocab({len(self):,} words: {shown}{', ...' if len(self) > 5 else ''})"

    def __reduce__(self) -> tuple[Any, ...]:
        special = (self.unknown, self.reserved, self.min_count)
        return _restore, (self._words.data, self._words.offsets, self.counts, *special)

    @overload
    def __getitem__(self, token: str) -> int: ...
    @overload
    def __getitem__(self, token: list[str] | tuple[str, ...]) -> list[int]: ...
    def __getitem__(self, token: str | list[str] | tuple[str, ...]) -> int | list[int]:
        if isinstance(token, str):
            return self._number(token, self.unknown_id)
        table, unknown = self._table(), self.unknown_id
        if unknown is not None:
            return [table.get(word, unknown) for word in token]
        return [table[word] if word in table else self._number(word, None) for word in token]

    def _number(self, token: str, missing: int | None) -> int:
        found = self._table().get(token, missing)
        if found is None:
            raise KeyError(f"{token!r} is not among the {len(self):,} words, and there is no unknown token")
        return found

    def get(self, token: str, default: int | None = None) -> int | None:
        """The id of a word, or `default` where it is not in the vocabulary (never that of the unknown token).

        Args:
            token: the word.
            default: what to give for a word that is missing.

        Returns:
            Its id, in [0, V), or `default`.
        """
        return self._table().get(token, default)

    def encode(self, tokens: Iterable[str]) -> NDArray[np.int32]:
        """The ids of words.

        Args:
            tokens: T words.

        Returns:
            (T,) int32, in [0, V).

        Raises:
            KeyError: a word is missing, and there is no unknown token.
        """
        if isinstance(tokens, str):
            raise TypeError(f"tokens: expected the words one by one, got the str {tokens!r}")
        return np.array(self[list(tokens)], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words of ids.

        Args:
            ids: T ints in [0, V).

        Returns:
            T words.

        Raises:
            IndexError: an id is out of range; the message says which and where.
        """
        numbers = list(map(operator.index, ids))
        for i, number in enumerate(numbers):
            if not 0 <= number < len(self):
                raise IndexError(f"ids[{i}]: expected an id in [0, {len(self)}), got {number}")
        tokens = self.tokens
        return [tokens[number] for number in numbers]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the vocabulary to a file, whole or not at all.

        Args:
            path: the file to create or replace.

        Raises:
            OSError: writing failed; a file that stood there is as it was.
        """
        vocab_file.save(
            path,
            self._words,
            self.counts,
            {"unknown": self.unknown, "reserved": list(self.reserved), "min_count": self.min_count},
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocab:
        """Reads a vocabulary that `save` wrote.

        Args:
            path: the file.

        Returns:
            An equal vocabulary.

        Raises:
            ValueError: the file is damaged or no vocabulary; the message says where.
            FileNotFoundError: there is no such file.

        Example:
            >>> import tempfile, pathlib
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "words.vocab"
            >>> Vocab(["New York", "Rome"], [2, 3]).save(path)
            >>> Vocab.load(path).tokens
            ['New York', 'Rome']
        """
        words, counts, about = vocab_file.load(path)
        try:
            return cls.from_arrays(words, counts, **about)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: damaged vocabulary: {error}") from None


def _restore(
    data: bytes,
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    unknown: str | None,
    reserved: tuple[str, ...],
    min_count: int,
) -> Vocab:
    words = WordList(data, offsets)
    return Vocab.from_arrays(words, counts, unknown=unknown, reserved=reserved, min_count=min_count)
