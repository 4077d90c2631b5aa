"""Bytes as letters: how GPT-2's files write tokens, each byte as one printable character.

Printable characters of Latin-1 stand for their own bytes; the other 68 bytes are the characters from U+0100
on, in their order. So a space is "Ġ" and a line feed "Ċ".
"""

from __future__ import annotations

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = sorted(set(range(256)) - set(_PRINTABLE))

LETTERS: tuple[str, ...] = tuple(
    chr(byte) if byte in _PRINTABLE else chr(0x100 + _OTHERS.index(byte)) for byte in range(256)
)
"""The letter of each byte."""

_TABLE = dict(enumerate(LETTERS))
_BYTES = {ord(letter): byte for byte, letter in enumerate(LETTERS)}


def to_letters(token: bytes) -> str:
    """A token as it stands in GPT-2's files.

    Args:
        token: bytes.

    Returns:
        A letter for each byte.

    Example:
        >>> to_letters(" naïve".encode())
        'ĠnaÃ¯ve'
    """
    return token.decode("latin-1").translate(_TABLE)


def from_letters(letters: str) -> bytes:
    """The bytes of a token in GPT-2's files.

    Args:
        letters: the token as it is written.

    Returns:
        A byte for each letter.

    Raises:
        ValueError: a character stands for no byte.

    Example:
        >>> from_letters("Ġthe")
        b' the'
    """
    try:
        return bytes(_BYTES[ord(letter)] for letter in letters)
    except KeyError as error:
        raise ValueError(
            f"token: expected the letters of byte-level tokens, got {letters!r}, of which "
            f"{chr(error.args[0])!r} stands for no byte"
        ) from None
