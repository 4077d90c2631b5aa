"""Tables of tokens and merges, as files give them: strings and numbers in, checked arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.tokenizers.definition import SpecialToken

Specials = Sequence[str] | Mapping[str, int] | None

MOST_IDS = 1 << 28
"""A number beyond this is damage, and no reason to make a list of that length."""


def numbered(vocabulary: dict[str, Any], what: str = "vocab") -> list[str | None]:
    """Tokens by id, out of ids by token.

    Args:
        vocabulary: what a file says.
        what: how the file calls it.

    Returns:
        V tokens; None where a number is not given out.

    Raises:
        ValueError: a number is none, or given out twice.
    """
    for token, number in vocabulary.items():
        if type(number) is not int or not 0 <= number < MOST_IDS:
            raise ValueError(f"{what}[{token!r}]: expected an id in [0, 2^28), got {number!r}")
    tokens: list[str | None] = [None] * (max(vocabulary.values(), default=-1) + 1)
    for token, number in vocabulary.items():
        if tokens[number] is not None:
            raise ValueError(
                f"{what}[{token!r}]: expected distinct ids, got {number}, which is {tokens[number]!r}"
            )
        tokens[number] = token
    return tokens


def ids_by_string(strings: list[str]) -> dict[str, int]:
    """Ids by token, out of tokens by id.

    Args:
        strings: V tokens as files spell them; "" where a number is not given out.

    Returns:
        What a file says.

    Raises:
        ValueError: two tokens are spelled alike, as a special token 'é' and the byte 0xE9.
    """
    ids: dict[str, int] = {}
    for number, text in enumerate(strings):
        if text and ids.setdefault(text, number) != number:
            raise ValueError(
                f"format: expected tokens that it can tell apart, got {text!r} for both {ids[text]} and "
                f"{number}; give the special one of them another text, or use the format 'tiktoken'"
            )
    return ids


def with_specials(
    tokens: list[bytes | None], special_tokens: Specials
) -> tuple[list[bytes | None], tuple[SpecialToken, ...]]:
    """Tokens with special ones among or behind them.

    Args:
        tokens: by id.
        special_tokens: as for `BPE.load`.

    Returns:
        All tokens, and the special ones.

    Raises:
        ValueError: two claim the same id.
    """
    tokens = list(tokens)
    known = {token: i for i, token in enumerate(tokens) if token is not None}
    found = []
    given = special_tokens or {}
    for text in given:
        packed = text.encode()
        number = given[text] if isinstance(given, Mapping) else known.get(packed, len(tokens))
        if not 0 <= number < MOST_IDS:
            raise ValueError(f"special_tokens[{text!r}]: expected an id in [0, 2^28), got {number}")
        tokens += [None] * (number + 1 - len(tokens))
        if tokens[number] not in (None, packed):
            raise ValueError(
                f"special_tokens[{text!r}]: expected a free id, got {number}, which is {tokens[number]!r}"
            )
        tokens[number] = packed
        found.append(SpecialToken(text, number))
    return tokens, tuple(found)


def merge_arrays(
    pairs: list[tuple[str, str]], ids: dict[str, int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Merges by id.

    Args:
        pairs: the parts of each.
        ids: the id of each token.

    Returns:
        (M, 2) and (M,) int32.

    Raises:
        ValueError: a part, or what it makes, is no token.
    """
    merges = np.empty((len(pairs), 2), np.int32)
    merged = np.empty(len(pairs), np.int32)
    for k, (left, right) in enumerate(pairs):
        for part in (left, right, left + right):
            if part not in ids:
                raise ValueError(
                    f"merges[{k}]: expected tokens of the vocabulary, got {left!r} and {right!r}: "
                    f"{part!r} is none"
                )
        merges[k] = ids[left], ids[right]
        merged[k] = ids[left + right]
    return merges, merged


def merge_lines(text: str, first_line: int = 1) -> list[tuple[str, str]]:
    """The merges in a file with one a line.

    Args:
        text: lines of two tokens and a space between; one with `#version` may come first.
        first_line: its number, for messages.

    Returns:
        The parts of each.

    Raises:
        ValueError: a line has not two parts; the message has its number.
    """
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    pairs = []
    for number, line in enumerate(lines, first_line):
        line = line.removesuffix("\r")
        if number == first_line and line.startswith("#version"):
            continue
        parts = line.split(" ")
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"line {number}: expected two tokens with a space between, got {line[:80]!r}")
        pairs.append((parts[0], parts[1]))
    return pairs
