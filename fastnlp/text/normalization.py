"""Normalising words: case, Unicode normal forms, accents, and functions of one's own."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import Literal

NormalForm = Literal["NFC", "NFD", "NFKC", "NFKD"]
Transform = Callable[[str], str | Iterable[str] | None]


def normalizer(
    *,
    lowercase: bool = False,
    normalization: NormalForm | None = None,
    strip_accents: bool = False,
    transform: Transform | None = None,
) -> Callable[[str], list[str]] | None:
    """The function from a word to the words it becomes, or None where every word stays as it is.

    First the normal form, then lower case, then the accents, the normal form again (lower case can leave it),
    and `transform` last. White space that appears on the way cuts a word, unless the word held some before.

    Args:
        lowercase: apply `str.lower`.
        normalization: a Unicode normal form.
        strip_accents: drop combining marks (category Mn) of the NFD form; the result is NFC unless
            `normalization` says otherwise.
        transform: gives a word, several or None for none.

    Returns:
        A function of a word, or None.

    Raises:
        ValueError: `normalization` is no normal form.

    Example:
        >>> normalizer(lowercase=True, strip_accents=True)("Émigré")
        ['emigre']
        >>> normalizer(normalization="NFKC")("½\u00b4")
        ['1⁄2', '́']
    """
    if normalization not in (None, "NFC", "NFD", "NFKC", "NFKD"):
        raise ValueError(
            f"normalization: expected 'NFC', 'NFD', 'NFKC', 'NFKD' or None, got {normalization!r}"
        )
    if transform is not None and not callable(transform):
        raise TypeError(f"transform: expected a function of a word, got {type(transform).__name__}")
    if not (lowercase or normalization or strip_accents or transform):
        return None

    def normalize(word: str) -> list[str]:
        new = word
        if normalization:
            new = unicodedata.normalize(normalization, new)
        if lowercase:
            new = new.lower()
        if strip_accents:
            new = without_accents(new)
        if normalization and not unicodedata.is_normalized(normalization, new):
            new = unicodedata.normalize(normalization, new)
        if transform is None:
            return _pieces(word, new)
        return [piece for part in _pieces(word, new) for piece in _transformed(word, part, transform(part))]

    return normalize


def without_accents(word: str) -> str:
    """The word without its combining marks, in NFC.

    Args:
        word: any text.

    Returns:
        Its NFD form without characters of category Mn, composed again.

    Example:
        >>> without_accents("naïveté")
        'naivete'
    """
    if word.isascii():
        return word
    bare = "".join(c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) != "Mn")
    return unicodedata.normalize("NFC", bare)


def _pieces(word: str, new: str) -> list[str]:
    pieces = new.split()
    if pieces == [new] or not new:
        return pieces
    return [new] if word.split() != [word] else pieces


def _transformed(word: str, part: str, result: str | Iterable[str] | None) -> list[str]:
    if result is None:
        return []
    if isinstance(result, str):
        return _pieces(word, result)
    pieces = list(result)
    for piece in pieces:
        if not isinstance(piece, str) or not piece:
            raise ValueError(f"transform: expected words or None for {part!r}, got {piece!r}")
    return pieces
