"""Cutting by a regular expression of the user's: words are made here, one by one, and given to the core."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastnlp.tokenizers.pretokenizers import compile_pattern, split_by

if TYPE_CHECKING:
    from fastnlp.tokenizers.definition import Definition

_TEXT, _TOKEN, _REFUSED = 0, 1, 2
_SEPARATORS = re.compile("[\x1c-\x1f]")  # white space to Python, but not to Unicode


@dataclass(frozen=True)
class Pieces:
    """Texts cut into words, and how to put together what becomes of them.

    Attributes:
        pieces: the words of all texts.
        uses: for the core: what its special tokens are within words.
        starts: where each piece begins in its text, in bytes.
        bounds: the pieces of text i are those from bounds[i] to bounds[i + 1].
    """

    pieces: list[bytes]
    uses: list[int]
    starts: NDArray[np.int64]
    bounds: NDArray[np.int64]

    def regroup(
        self, ids: NDArray[np.int32], offsets: NDArray[np.int64], spans: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """What the texts become, out of what their words have become.

        Args:
            ids: of all words.
            offsets: of the words, in ids.
            spans: begin and end of each id in its word, in bytes; may be empty.

        Returns:
            ids, offsets of the texts in them, and spans in the texts.
        """
        if len(spans):
            spans = spans + np.repeat(np.repeat(self.starts, np.diff(offsets)), 2)
        return ids, offsets[self.bounds], spans


def cut_by_pattern(texts: list[str | bytes], definition: Definition, uses: list[int]) -> Pieces:
    """Cuts texts at special tokens, then into the matches of a pattern and what is between them.

    Args:
        texts: str, or bytes of UTF-8.
        definition: whose `pretokenizer` is a regular expression.
        uses: what each special token is: 0 text, 1 a token, 2 an error.

    Returns:
        The words. Of kind "char", those of white space alone are left out.

    Raises:
        ValueError: a special token stands in a text that may not, or bytes are not UTF-8.
    """
    pattern = compile_pattern(definition.pretokenizer)
    known = {s.text: use for s, use in zip(definition.special_tokens, uses, strict=True) if use}
    special = _special_pattern(tuple(known))
    pieces: list[bytes] = []
    starts: list[int] = []
    bounds = [0]
    spaces_too = definition.kind == "byte"
    for text in texts:
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"text: expected str or bytes, got {type(text).__name__}")
        try:
            string = text.decode() if isinstance(text, bytes) else text
        except UnicodeDecodeError as error:
            raise ValueError(f"text: expected UTF-8 for a pattern of your own, got {error}") from None
        at = 0
        for part in special.split(string) if special else [string]:
            if special and part in known:
                if known[part] == _REFUSED:
                    raise ValueError(f"text: expected no special token, got {part!r} at byte {at}")
                pieces.append(part.encode())
                starts.append(at)
                at += len(pieces[-1])
                continue
            for word in split_by(pattern, part):
                packed = word.encode()
                if spaces_too or not word.isspace() or _SEPARATORS.search(word):
                    pieces.append(packed)
                    starts.append(at)
                at += len(packed)
        bounds.append(len(pieces))
    return Pieces(
        pieces,
        [_TOKEN if use else _TEXT for use in uses],
        np.array(starts, np.int64),
        np.array(bounds, np.int64),
    )


@lru_cache(maxsize=32)
def _special_pattern(tokens: tuple[str, ...]) -> Any:
    if not tokens:
        return None
    return re.compile("(" + "|".join(map(re.escape, sorted(tokens, key=len, reverse=True))) + ")")
