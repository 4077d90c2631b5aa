"""The book's vocabulary."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fastnlp.text.word_list import WordList


def tokenize(lines: Sequence[str], token: str = "word") -> list[list[str]]:
    """Splits lines of text into words or characters.

    Args:
        lines: of text.
        token: "word" splits on white space, "char" into characters.

    Returns:
        One list of tokens a line.

    Raises:
        ValueError: `token` is neither; the book prints a line and returns None.

    Example:
        >>> tokenize(["the time machine", ""])
        [['the', 'time', 'machine'], []]
        >>> tokenize(["the"], "char")
        [['t', 'h', 'e']]
    """
    if token == "word":
        return [line.split() for line in lines]
    if token == "char":
        return [list(line) for line in lines]
    raise ValueError(f"token: expected 'word' or 'char', got {token!r}")


def count_corpus(tokens: Sequence[Any]) -> collections.Counter[Any]:
    """How often each token occurs.

    Args:
        tokens: a list of tokens, or a list of lists of them.

    Returns:
        Counts, in the order of first appearance.

    Example:
        >>> count_corpus([["a", "b"], ["a"]])
        Counter({'a': 2, 'b': 1})
    """
    if len(tokens) == 0 or isinstance(tokens[0], list):
        return collections.Counter(itertools.chain.from_iterable(tokens))
    return collections.Counter(tokens)


class Vocab:
    """Tokens and their indices: `<unk>` is 0, then the reserved tokens, then the rest by falling frequency.

    Tokens that are equally frequent come in the order of their first appearance.

    Args:
        tokens: a list of tokens, or a list of lists of them.
        min_freq: tokens that occur less often count as unknown.
        reserved_tokens: tokens that have an index whether they occur or not.

    Example:
        >>> vocab = Vocab([["b", "a"], ["a", "c"]], min_freq=1, reserved_tokens=["<pad>"])
        >>> vocab.idx_to_token
        ['<unk>', '<pad>', 'a', 'b', 'c']
        >>> vocab[["a", "zebra"]], vocab.to_tokens([2, 0])
        ([2, 0], ['a', '<unk>'])
    """

    _token_freqs: list[tuple[str, int]] | None
    _counted: tuple[WordList, NDArray[np.int64]]

    def __init__(
        self,
        tokens: Sequence[Any] | None = None,
        min_freq: int = 0,
        reserved_tokens: Sequence[str] | None = None,
    ) -> None:
        counter = count_corpus([] if tokens is None else tokens)
        self._fill(counter, min_freq, reserved_tokens or ())

    @classmethod
    def from_counter(
        cls,
        counter: collections.Counter[str],
        min_freq: int = 0,
        reserved_tokens: Sequence[str] | None = None,
    ) -> Vocab:
        """The vocabulary of tokens that are counted already.

        Args:
            counter: counts, in the order of first appearance.
            min_freq: tokens that occur less often count as unknown.
            reserved_tokens: tokens that have an index whether they occur or not.

        Returns:
            What `Vocab` of the tokens themselves would be.

        Example:
            >>> Vocab.from_counter(collections.Counter("abb"), min_freq=2).idx_to_token
            ['<unk>', 'b']
        """
        vocab = cls.__new__(cls)
        vocab._fill(counter, min_freq, reserved_tokens or ())
        return vocab

    @classmethod
    def _of(
        cls,
        idx_to_token: list[str],
        token_to_idx: Mapping[str, int],
        found: WordList,
        counts: NDArray[np.int64],
    ) -> Vocab:
        """A vocabulary that is made already, both ways, and all tokens by first appearance with their counts.

        The pairs of `token_freqs` are made when they are asked for: so many tuples bring Python to look for
        garbage, which takes 0.1 s beside torch.
        """
        vocab = cls.__new__(cls)
        vocab.idx_to_token, vocab.token_to_idx = list(idx_to_token), dict(token_to_idx)
        vocab._token_freqs, vocab._counted = None, (found, counts)
        return vocab

    def _fill(self, counter: collections.Counter[str], min_freq: int, reserved: Sequence[str]) -> None:
        freqs = sorted(counter.items(), key=lambda item: item[1], reverse=True)
        self._token_freqs = freqs
        self.idx_to_token = ["<unk>", *reserved]
        self.token_to_idx = {token: index for index, token in enumerate(self.idx_to_token)}
        for token, count in freqs:
            if count < min_freq:
                break
            if token not in self.token_to_idx:
                self.token_to_idx[token] = len(self.idx_to_token)
                self.idx_to_token.append(token)

    def __len__(self) -> int:
        """How many tokens have an index."""
        return len(self.idx_to_token)

    @overload
    def __getitem__(self, tokens: str) -> int: ...
    @overload
    def __getitem__(self, tokens: list[Any] | tuple[Any, ...]) -> list[Any]: ...
    def __getitem__(self, tokens: Any) -> Any:
        """The index of a token, or the indices of a list of them, however deep; unknown ones have 0."""
        if isinstance(tokens, list | tuple):
            return [self[token] for token in tokens]
        return self.token_to_idx.get(tokens, self.unk)

    @overload
    def to_tokens(self, indices: int) -> str: ...
    @overload
    def to_tokens(self, indices: list[int] | tuple[int, ...]) -> list[str]: ...
    def to_tokens(self, indices: Any) -> Any:
        """The token of an index, or the tokens of a list of them.

        Args:
            indices: in [0, len(vocab)).

        Returns:
            A token, or a list of tokens.

        Raises:
            IndexError: an index is too large.
        """
        if isinstance(indices, list | tuple):
            return [self.idx_to_token[index] for index in indices]
        return self.idx_to_token[indices]

    @property
    def unk(self) -> int:
        """The index of the unknown token, 0."""
        return 0

    @property
    def token_freqs(self) -> list[tuple[str, int]]:
        """All tokens with their counts, most frequent first, below `min_freq` too."""
        if self._token_freqs is None:
            found, counts = self._counted
            order = np.argsort(-counts, kind="stable")
            self._token_freqs = list(zip(found.take(order).strings, counts[order].tolist(), strict=True))
        return self._token_freqs
