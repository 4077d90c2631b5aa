"""Decoding a stream of ids, as a language model gives them: text comes out in whole characters."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class StreamingDecoder:
    """Turns ids into text as they come; a character is given out when its last byte is there.

    Made by `BPE.decoder`. All that `push` and `finish` give is together what `BPE.decode` gives for all ids.

    Args:
        to_bytes: gives the bytes of ids.
        errors: what becomes of bytes that are no UTF-8: "replace", "strict" or "ignore".
        mark: the end-of-word mark, which becomes a space between words; b"" for none.

    Example:
        >>> from fastnlp import BPE
        >>> bpe = BPE.train(["a"], vocab_size=256)
        >>> decoder = bpe.decoder()
        >>> [decoder.push(id) for id in bpe.encode("éa").tolist()], decoder.finish()
        (['', 'é', 'a'], '')
    """

    def __init__(
        self, to_bytes: Callable[[NDArray[np.int32]], bytes], errors: str = "replace", mark: bytes = b""
    ) -> None:
        self._to_bytes = to_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors)
        self._mark = mark
        self._held = b""

    def push(self, ids: int | Iterable[int]) -> str:
        """Takes the next id, or several.

        Args:
            ids: an id or ids in [0, V).

        Returns:
            The characters that are complete now; often "".

        Raises:
            IndexError: an id is out of range.
            UnicodeDecodeError: the bytes are no UTF-8, and errors are "strict".
        """
        numbers = np.atleast_1d(np.asarray(ids if isinstance(ids, int) else list(ids), np.int64))
        if len(numbers) and not (int(numbers.min()) >= 0 and int(numbers.max()) < 1 << 31):
            raise IndexError(f"ids: expected ids of the vocabulary, got {numbers.tolist()}")
        found = self._to_bytes(numbers.astype(np.int32))
        if not self._mark:
            return self._decoder.decode(found)
        # A mark is a space only if another word follows, and may come in parts.
        found = self._held + found
        keep = next((n for n in range(len(self._mark), 0, -1) if found.endswith(self._mark[:n])), 0)
        found, self._held = found[: len(found) - keep], found[len(found) - keep :]
        return self._decoder.decode(found.replace(self._mark, b" "))

    def finish(self) -> str:
        """Ends the stream; the decoder may then be used for another.

        Returns:
            What is left: a replacement for bytes of an incomplete character, or "".

        Raises:
            UnicodeDecodeError: a character is incomplete, and errors are "strict".
        """
        rest, self._held = self._held, b""
        text = self._decoder.decode(b"" if rest == self._mark else rest, final=True)
        self._decoder.reset()
        return text
