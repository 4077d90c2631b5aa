"""What training a byte-pair encoding gives: tokens, and the merges that make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TrainedMerges:
    """A vocabulary of byte-pair encoding, in the order in which it was learned.

    Attributes:
        tokens: V tokens by id, as bytes: special tokens, then the alphabet, then a token for each merge that
            made a new one. Of the kind "char" the bytes are UTF-8.
        merges: (M, 2) int32, the ids of the left and the right part of each merge, in the order of training;
            -1 for a part that is no token, which there is only after training with semantics="replace".
        merged: (M,) int32, the id of what each merge makes. Different merges may make the same token.
        counts: (M,) int64, how often each pair stood in the text when it was merged.
        pairs: the parts of each merge as bytes, where they may be no tokens; None where `merges` says all.
        special_tokens: the first tokens, which no text is merged to.
        kind: "byte", where the alphabet is the 256 bytes, or "char", where it is the characters of the text.
        pretokenizer: what cuts a text into the pieces that merges stay within: "gpt2", "gpt4", "llama3",
            "o200k", "whitespace", "none", or a regular expression.
        end_of_word: the mark that ends each word, or None.
    """

    tokens: list[bytes]
    merges: NDArray[np.int32]
    merged: NDArray[np.int32]
    counts: NDArray[np.int64]
    pairs: list[tuple[bytes, bytes]] | None
    special_tokens: tuple[str, ...]
    kind: Literal["byte", "char"]
    pretokenizer: str
    end_of_word: str | None = None
