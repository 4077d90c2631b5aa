"""What ids mean: the tokens of a byte-pair encoding, and the text of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from fastnlp.tokenizers import post_processing
from fastnlp.tokenizers.batch import Batch
from fastnlp.tokenizers.decoding import StreamingDecoder
from fastnlp.tokenizers.definition import Definition
from fastnlp.tokenizers.texts import checked_ids


class BpeTokens:
    """The tokens of a byte-pair encoding; `BPE` adds how a text becomes them.

    Args:
        definition: tokens, merges and how a text is cut.

    Raises:
        ValueError: tokens and merges do not fit together; the message says which.
    """

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._core = definition.compile()
        self._template = post_processing.read(definition.post_processor, len(definition.tokens))
        self._specials = {special.text: special.id for special in definition.special_tokens}

    @property
    def definition(self) -> Definition:
        """Tokens, merges and settings as plain data."""
        return self._definition

    @property
    def vocab_size(self) -> int:
        """V, one more than the highest id."""
        return len(self._definition.tokens)

    @cached_property
    def tokens(self) -> list[str]:
        """The V tokens as strings, as `tokenize` gives them."""
        return self._definition.strings()

    @property
    def special_tokens(self) -> dict[str, int]:
        """The special tokens and their ids."""
        return dict(self._specials)

    def token_bytes(self, number: int) -> bytes:
        """The bytes of a token.

        Args:
            number: its id, in [0, V).

        Returns:
            Its bytes.

        Raises:
            IndexError: there is no such token.
        """
        token = self._definition.tokens[number] if 0 <= number < self.vocab_size else None
        if token is None:
            raise IndexError(f"number: expected the id of a token in [0, {self.vocab_size}), got {number}")
        return token

    def token_id(self, token: str) -> int | None:
        """The id of a token.

        Args:
            token: as in `tokens`.

        Returns:
            Its id, or None where there is no such token.
        """
        return self._ids.get(token)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: i for i, token in enumerate(self.tokens) if token}

    def __len__(self) -> int:
        return self.vocab_size

    def decode_bytes(self, ids: ArrayLike, *, skip_special_tokens: bool = False) -> bytes:
        """The bytes of ids; for kind "byte" exactly those that were encoded.

        Args:
            ids: (N,) ints in [0, V).
            skip_special_tokens: leave special tokens out.

        Returns:
            The bytes of the tokens, one after another.

        Raises:
            IndexError: an id is out of range; the message says which and where.
            TypeError: they are no integers.
        """
        numbers = checked_ids(ids)
        if skip_special_tokens and self._specials:
            # Ids that are none stay, for the message.
            numbers = numbers[~np.isin(numbers, list(self._specials.values()))]
        return self._core.decode(numbers)

    def decode(
        self,
        ids: ArrayLike,
        *,
        skip_special_tokens: bool = False,
        errors: Literal["replace", "strict", "ignore"] = "replace",
    ) -> str:
        """The text of ids.

        Args:
            ids: (N,) ints in [0, V).
            skip_special_tokens: leave special tokens out.
            errors: what becomes of bytes that are no UTF-8, as in a text that is cut within a character.

        Returns:
            The text. Where words end with a mark, each mark but the last is a space.

        Raises:
            IndexError: an id is out of range; the message says which and where.
            UnicodeDecodeError: the bytes are no UTF-8, and errors are "strict".
        """
        found = self.decode_bytes(ids, skip_special_tokens=skip_special_tokens)
        mark = self._definition.end_of_word.encode()
        if mark:
            found = found.removesuffix(mark).replace(mark, b" ")
        return found.decode("utf-8", errors)

    def decode_batch(
        self,
        batch: Batch | Iterable[ArrayLike],
        *,
        skip_special_tokens: bool = False,
        errors: Literal["replace", "strict", "ignore"] = "replace",
    ) -> list[str]:
        """The texts of several rows of ids.

        Args:
            batch: what `encode_batch` gives, or rows of ids.
            skip_special_tokens: as for `decode`.
            errors: as for `decode`.

        Returns:
            N texts.

        Raises:
            IndexError: as for `decode`.
        """
        return [self.decode(ids, skip_special_tokens=skip_special_tokens, errors=errors) for ids in batch]

    def decoder(self, errors: Literal["replace", "strict", "ignore"] = "replace") -> StreamingDecoder:
        """A decoder for ids that come one by one; it never splits a character.

        Args:
            errors: as for `decode`.

        Returns:
            A new decoder, without state of others.
        """
        return StreamingDecoder(self._core.decode, errors, self._definition.end_of_word.encode())
