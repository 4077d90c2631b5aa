"""Byte-pair encoding step by step, as in the section on subwords.

The whole loop at once, some thousand times as fast, is `fastnlp.tokenizers.train_bpe` of a table of words.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Literal


def get_max_freq_pair(token_freqs: Mapping[str, int]) -> tuple[str, str]:
    """The most frequent pair of neighbouring symbols; among equals, the one that is met first.

    Args:
        token_freqs: words, spelled with a space between symbols, and their frequencies.

    Returns:
        The two symbols.

    Raises:
        ValueError: no word has two symbols.

    Example:
        >>> get_max_freq_pair({"f a s t _": 4, "f a s t e r _": 3, "t a l l _": 5, "t a l l e r _": 4})
        ('t', 'a')
    """
    pairs: dict[tuple[str, str], int] = {}
    for token, freq in token_freqs.items():
        symbols = token.split()
        for pair in itertools.pairwise(symbols):
            pairs[pair] = pairs.get(pair, 0) + freq
    if not pairs:
        raise ValueError("token_freqs: expected a word of two symbols or more, got none")
    return max(pairs, key=pairs.__getitem__)


def merge_symbols(
    max_freq_pair: tuple[str, str],
    token_freqs: Mapping[str, int],
    symbols: list[str],
    *,
    semantics: Literal["boundaries", "replace"] = "boundaries",
) -> dict[str, int]:
    """Makes one symbol of a pair, in all words.

    The book replaces "a b" by "ab" in the spelling, which also joins a longer symbol that ends with "a" to
    one that begins with "b": on the Penn Treebank it leaves byte-pair encoding at the 30th merge. Here
    symbols are merged whole; `semantics="replace"` is the book to the letter. The book's example comes out
    the same.

    Args:
        max_freq_pair: the two symbols.
        token_freqs: words, spelled with a space between symbols, and their frequencies.
        symbols: the list of symbols; the new one is appended.
        semantics: "boundaries" or "replace".

    Returns:
        The words, spelled anew, and their frequencies.

    Raises:
        ValueError: `semantics` is neither.

    Example:
        >>> symbols = ["t", "a", "l"]
        >>> merge_symbols(("t", "a"), {"t a l l": 5}, symbols), symbols
        ({'ta l l': 5}, ['t', 'a', 'l', 'ta'])
    """
    if semantics not in ("boundaries", "replace"):
        raise ValueError(f"semantics: expected 'boundaries' or 'replace', got {semantics!r}")
    before, after = " ".join(max_freq_pair), "".join(max_freq_pair)
    symbols.append(after)
    if semantics == "replace":
        return {token.replace(before, after): freq for token, freq in token_freqs.items()}
    return {
        _join(token.split(), max_freq_pair) if before in token else token: freq
        for token, freq in token_freqs.items()
    }


def _join(spelled: list[str], pair: tuple[str, str]) -> str:
    joined: list[str] = []
    at = 0
    while at < len(spelled):
        met = spelled[at] == pair[0] and at + 1 < len(spelled) and spelled[at + 1] == pair[1]
        joined.append(pair[0] + pair[1] if met else spelled[at])
        at += 2 if met else 1
    return " ".join(joined)


def segment_BPE(tokens: Iterable[str], symbols: Iterable[str]) -> list[str]:  # noqa: N802 (the book's name)
    """Spells words with the longest symbols that fit, from the left.

    Args:
        tokens: words, with their end-of-word marks.
        symbols: the symbols.

    Returns:
        The words with a space between symbols; "[UNK]" stands for a character that no symbol begins with.

    Example:
        >>> segment_BPE(["tallest_", "faAtAter_"], ["a", "e", "f", "s", "t", "_", "fa", "tall", "er_"])
        ['tall e s t _', 'fa [UNK] t [UNK] t er_']
    """
    known = set(symbols)
    longest = max(map(len, known), default=0)
    outputs = []
    for token in tokens:
        spelled: list[str] = []
        start = 0
        while start < len(token):
            end = min(len(token), start + longest)
            while end > start and token[start:end] not in known:
                end -= 1
            spelled.append(token[start:end] if end > start else "[UNK]")
            start = max(end, start + 1)
        outputs.append(" ".join(spelled))
    return outputs
