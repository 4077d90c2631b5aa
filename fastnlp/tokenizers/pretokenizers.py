"""Pre-tokenizers: what cuts a text into the pieces that merges stay within."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core

_UPPER, _LOWER = (rf"[{letters}\p{{Lm}}\p{{Lo}}\p{{M}}]" for letters in (r"\p{Lu}\p{Lt}", r"\p{Ll}"))
_SIGN = r"[^\r\n\p{L}\p{N}]"
_ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"

BUILT_IN = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "gpt4": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s+(?![\s\S])|\s*[\r\n]|\s+(?!\S)|\s",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": f"{_SIGN}?{_UPPER}*{_LOWER}+{_ENDING}|{_SIGN}?{_UPPER}+{_LOWER}*{_ENDING}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "whitespace": r"\s+|\S+",
    "none": r"[\s\S]+",
}
"""The names of those that are compiled, and the regular expressions whose matches they give (Unicode 16).

"gpt2" is GPT-2's, "gpt4" that of cl100k_base and "o200k" that of o200k_base (GPT-4o), as tiktoken has them.
"llama3" is Llama 3's, which cuts white space at the end of a text as elsewhere, and otherwise as "gpt4" does:
so many a `tokenizer.json` spells the pattern of cl100k_base too.
"whitespace" keeps runs of white space as pieces of their own, so that nothing of a text is lost; with "none"
a document is one piece.
"""


def check_pretokenizer(pretokenizer: str) -> str:
    """Refuses what is neither a name nor a pattern.

    Args:
        pretokenizer: a name of `BUILT_IN`, or a regular expression.

    Returns:
        The same.

    Raises:
        TypeError: it is no str.
        ValueError: it is no regular expression, or a misspelt name.
        ImportError: it is a pattern, and the package `regex` is missing.
    """
    if not isinstance(pretokenizer, str):
        raise TypeError(
            f"pretokenizer: expected a name or a pattern (str), got {type(pretokenizer).__name__}"
        )
    if pretokenizer not in BUILT_IN:
        if not pretokenizer or (pretokenizer.isidentifier() and pretokenizer.isascii()):
            names = ", ".join(map(repr, BUILT_IN))
            raise ValueError(f"pretokenizer: expected {names} or a pattern, got {pretokenizer!r}")
        compile_pattern(pretokenizer)
    return pretokenizer


def compile_pattern(pattern: str) -> Any:
    """A regular expression of the package `regex`, which knows Unicode's categories.

    Args:
        pattern: the expression.

    Returns:
        The compiled pattern.

    Raises:
        ValueError: it cannot be compiled.
        ImportError: the package is missing.
    """
    try:
        import regex
    except ImportError:
        raise ImportError(
            "pretokenizer: patterns need the package `regex`; pip install 'fastnlp[regex]'"
        ) from None
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"pretokenizer: expected a regular expression, got {pattern!r}: {error}") from None


def split_by(pattern: Any, text: str) -> Iterator[str]:
    """The matches of a pattern and what lies between them, none of them empty.

    Args:
        pattern: from `compile_pattern`.
        text: a document.

    Yields:
        Pieces, which make up the text.
    """
    at = 0
    for match in pattern.finditer(text):
        start, end = match.span()
        if start == end:
            continue
        if start > at:
            yield text[at:start]
        yield text[start:end]
        at = end
    if at < len(text):
        yield text[at:]


def pretokenize(text: str, pretokenizer: str = "gpt2") -> list[str]:
    """The pieces that a text is cut into.

    Args:
        text: a document.
        pretokenizer: a name of `BUILT_IN`, or a regular expression of the package `regex`.

    Returns:
        Pieces, which make up the text.

    Raises:
        ValueError: the pre-tokenizer is neither a name nor a pattern.

    Example:
        >>> pretokenize("It's 2026, isn't it?")
        ['It', "'s", ' 2026', ',', ' isn', "'t", ' it', '?']
    """
    if check_pretokenizer(pretokenizer) not in BUILT_IN:
        return list(split_by(compile_pattern(pretokenizer), text))
    data = text.encode()
    ends: NDArray[np.int64] = _core.piece_ends(pretokenizer, data)
    starts = [0, *ends.tolist()]
    return [data[a:b].decode() for a, b in itertools.pairwise(starts)]
