"""Definition: all that a byte-pair encoding is, as plain data, checked and given to the core."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.tokenizers.byte_letters import to_letters
from fastnlp.tokenizers.pretokenizers import BUILT_IN, check_pretokenizer
from fastnlp.tokenizers.trained_merges import TrainedMerges

NORMALIZERS = ("NFC", "NFD", "NFKC", "NFKD", "lowercase")


@dataclass(frozen=True)
class SpecialToken:
    """A token that is found in a text as it stands, before anything is merged.

    Attributes:
        text: the token; not empty.
        id: its number.
        always: it is read as a token in every text, and needs no leave to be one.
        takes_space_before: white space in front belongs to it.
        takes_space_behind: white space behind belongs to it.
    """

    text: str
    id: int
    always: bool = False
    takes_space_before: bool = False
    takes_space_behind: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Definition:
    """All that a byte-pair encoding is.

    Attributes:
        tokens: V tokens by id, as bytes; None where a number is not given out.
        merges: (M, 2) int32, the parts of each merge, in the order of preference.
        merged: (M,) int32, what each makes: the parts put together.
        special_tokens: tokens that are found in a text as they stand.
        kind: "byte", where every byte has a token, or "char", where characters have.
        pretokenizer: "gpt2", "gpt4", "llama3", "o200k", "whitespace", "none", or a regular expression for
            the package `regex`, whose matches, and what is between them, are the words.
        normalizers: forms that a text is brought to first: "NFC", "NFD", "NFKC", "NFKD", "lowercase".
        end_of_word: the mark behind each word of kind "char"; "" for none.
        mark_is_symbol: the mark is a symbol of its own, as in the book, and not part of the last character's,
            as in subword-nmt.
        unknown: the id that stands for characters without a token; -1 for none.
        byte_fallback: the bytes of such characters become the tokens <0x00> to <0xFF>.
        fuse_unknown: neighbouring unknown characters become one token.
        whole_words: a word that is a token is not merged from its parts.
        shared_ranks: neighbouring merges into the same token are equal (tiktoken's rule).
        post_processor: what a `tokenizer.json` says of special tokens around a text or pair, as it stands
            there; None for none.
    """

    tokens: Sequence[bytes | None]
    merges: NDArray[np.int32]
    merged: NDArray[np.int32]
    special_tokens: tuple[SpecialToken, ...] = ()
    kind: Literal["byte", "char"] = "byte"
    pretokenizer: str = "gpt2"
    normalizers: tuple[str, ...] = ()
    end_of_word: str = ""
    mark_is_symbol: bool = False
    unknown: int = -1
    byte_fallback: bool = False
    fuse_unknown: bool = False
    whole_words: bool = False
    shared_ranks: bool = False
    post_processor: dict[str, Any] | None = None

    @classmethod
    def from_training(cls, trained: TrainedMerges, unknown: str | None = None) -> Definition:
        """The encoding that training has found.

        After semantics="replace" some merges have parts that are no tokens; these are left out, and the
        longest match, as the book does it, needs none.

        Args:
            trained: what `train_bpe` gives.
            unknown: the special token for characters that the text did not have, of kind "char".

        Returns:
            The definition.

        Raises:
            ValueError: the unknown token is none of the special ones.
        """
        special = trained.special_tokens
        if unknown is not None and unknown not in special:
            raise ValueError(f"unknown: expected one of the special tokens {list(special)}, got {unknown!r}")
        learned = (trained.merges >= 0).all(axis=1)
        fallback = trained.kind == "char" and _has_bytes(trained.tokens)
        return cls(
            tokens=trained.tokens,
            merges=trained.merges[learned],
            merged=trained.merged[learned],
            special_tokens=tuple(SpecialToken(text, i) for i, text in enumerate(special)),
            kind=trained.kind,
            pretokenizer=trained.pretokenizer,
            end_of_word=trained.end_of_word or "",
            mark_is_symbol=trained.end_of_word is not None,
            unknown=-1 if unknown is None else special.index(unknown),
            byte_fallback=fallback,
        )

    @property
    def core_pattern(self) -> str:
        """The pre-tokenizer of the core: "none" where a regular expression does the cutting."""
        return self.pretokenizer if self.pretokenizer in BUILT_IN else "none"

    def compile(self) -> _core.BpeEncoder:
        """Checks everything and lays it out for encoding.

        Returns:
            The encoder.

        Raises:
            ValueError: tokens or merges do not fit together; the message says which.
            IndexError: a merge names an id that is none.
        """
        check_pretokenizer(self.pretokenizer)
        for name in self.normalizers:
            if name not in NORMALIZERS:
                raise ValueError(f"normalizers: expected some of {', '.join(NORMALIZERS)}, got {name!r}")
        offsets = np.zeros(len(self.tokens) + 1, np.int64)
        np.cumsum([0 if token is None else len(token) for token in self.tokens], out=offsets[1:])
        missing = [i for i, token in enumerate(self.tokens) if token is None]
        for special in self.special_tokens:
            if not 0 <= special.id < len(self.tokens) or self.tokens[special.id] != special.text.encode():
                raise ValueError(
                    f"special_tokens: expected {special.text!r} to be token {special.id}, which it is not"
                )
        return _core.BpeEncoder(
            b"".join(token or b"" for token in self.tokens),
            offsets,
            np.ascontiguousarray(self.merges, np.int32).reshape(-1),
            np.ascontiguousarray(self.merged, np.int32),
            self.core_pattern,
            [(s.text, s.id, s.takes_space_before, s.takes_space_behind) for s in self.special_tokens],
            missing,
            self.kind == "char",
            self.end_of_word,
            self.mark_is_symbol,
            self.unknown,
            self.byte_fallback,
            self.fuse_unknown,
            self.whole_words,
            self.shared_ranks,
        )

    def normalize(self, text: str | bytes) -> str | bytes:
        """The text in the forms of `normalizers`.

        Args:
            text: any text; bytes that are not UTF-8 are refused if there is a form to bring them to.

        Returns:
            The same object where there is nothing to do.
        """
        if not self.normalizers:
            return text
        changed = text.decode() if isinstance(text, bytes) else text
        for name in self.normalizers:
            form: Any = name
            changed = changed.lower() if name == "lowercase" else unicodedata.normalize(form, changed)
        return changed

    def strings(self) -> list[str]:
        """The tokens as tokenizer files write them: bytes as GPT-2's letters, characters as themselves.

        Returns:
            V strings; "" where a number is not given out.
        """
        texts = {special.id: special.text for special in self.special_tokens}
        spell = to_letters if self.kind == "byte" else bytes.decode
        return [
            texts.get(i) or ("" if token is None else spell(token)) for i, token in enumerate(self.tokens)
        ]


def _has_bytes(tokens: Sequence[bytes]) -> bool:
    known = set(tokens)
    return all(f"<0x{byte:02X}>".encode() in known for byte in range(256))
