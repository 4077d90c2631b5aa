"""Tokenizers of other packages, made to encode for a corpus."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ForeignTokenizer:
    """A tokenizer of the packages tokenizers or transformers with the `encode_pieces` that a corpus asks for.

    No special tokens are put around a text, and one that stands in the text is text like any other, as far as
    the tokenizer knows how to tell: text from outside is no command. Nothing is truncated or padded. The
    tokenizer given is not changed.

    Args:
        tokenizer: a `tokenizers.Tokenizer`, one of its ready-made kinds such as `BertWordPieceTokenizer`, or
            a tokenizer of transformers, fast or not.

    Raises:
        TypeError: it is none of these.
        ValueError: the tokenizer cannot be copied.
    """

    def __init__(self, tokenizer: Any) -> None:
        inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
        if hasattr(inner, "encode_batch") and hasattr(inner, "to_str"):
            self._encode = _fast(inner)
        elif callable(tokenizer) and hasattr(tokenizer, "get_vocab"):
            self._encode = _slow(tokenizer)
        else:
            raise TypeError(
                f"tokenizer: expected a BPE, a WordPiece, a tokenizer of the packages tokenizers or "
                f"transformers, or what has tokens and encode_pieces, got {type(tokenizer).__name__}"
            )
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        self.tokens = [""] * (max(vocabulary.values(), default=-1) + 1)
        for token, number in vocabulary.items():
            self.tokens[number] = token

    def encode_pieces(
        self, data: bytes, offsets: NDArray[np.int64], threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of texts that stand one after another.

        Args:
            data: the UTF-8 of N texts.
            offsets: (N + 1,) int64; text i is `data[offsets[i]:offsets[i + 1]]`.
            threads: not looked at; the other package has settings of its own.

        Returns:
            (T,) int32 ids, and (N + 1,) int64 offsets of the texts in them.
        """
        places = offsets.tolist()
        texts = [data[begin:end].decode() for begin, end in itertools.pairwise(places)]
        rows = self._encode(texts)
        bounds = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)), out=bounds[1:])
        ids = np.fromiter((number for row in rows for number in row), np.int32, int(bounds[-1]))
        return ids, bounds


def _fast(inner: Any) -> Any:
    try:
        own = _kind(inner).from_str(inner.to_str())
    except Exception as error:  # whatever a part written in Python raises
        raise ValueError(f"tokenizer: expected one that can be copied, got: {error}") from None
    own.no_truncation()
    own.no_padding()
    own.encode_special_tokens = True
    encode = getattr(own, "encode_batch_fast", own.encode_batch)
    return lambda texts: [found.ids for found in encode(texts, add_special_tokens=False)]


def _kind(inner: Any) -> Any:
    """What reads a tokenizer back; the ready-made ones of tokenizers are around a plain one."""
    if hasattr(inner, "from_str"):
        return type(inner)
    import tokenizers

    return tokenizers.Tokenizer


def _slow(tokenizer: Any) -> Any:
    def encode(texts: list[str]) -> Any:
        if not texts:
            return []
        return tokenizer(
            texts,
            add_special_tokens=False,
            split_special_tokens=True,
            truncation=False,
            padding=False,
            verbose=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]

    return encode
