"""The tokens of a vocabulary that a masked language model treats in a way of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastnlp.text.vocab import Vocab

_NAMES = {
    "cls": ("[CLS]", "<cls>", "<s>"),
    "sep": ("[SEP]", "<sep>", "</s>"),
    "mask": ("[MASK]", "<mask>"),
    "pad": ("[PAD]", "<pad>"),
}
_UNKNOWN = ("[UNK]", "<unk>")
_NEVER_PREDICTED, _BEGINS_WORD, _ENDS_WORD = 1, 2, 4  # csrc/sampling/masking.h


class SpecialTokens(NamedTuple):
    """Ids of the four tokens that rows are made with."""

    cls: int
    sep: int
    mask: int
    pad: int


def find_special_tokens(
    vocab: Vocab,
    *,
    cls: str | None = None,
    sep: str | None = None,
    mask: str | None = None,
    pad: str | None = None,
) -> SpecialTokens:
    """The ids of the classification, separator, mask and padding tokens.

    Args:
        vocab: where to look.
        cls: the token; None for the first of `[CLS]`, `<cls>`, `<s>` that the vocabulary has.
        sep: None for `[SEP]`, `<sep>` or `</s>`.
        mask: None for `[MASK]` or `<mask>`.
        pad: None for `[PAD]` or `<pad>`.

    Returns:
        The four ids, all different.

    Raises:
        ValueError: a token is missing, or one stands for two.

    Example:
        >>> find_special_tokens(Vocab(["a"], reserved=["<pad>", "<mask>", "<cls>", "<sep>"]))
        SpecialTokens(cls=2, sep=3, mask=1, pad=0)
    """
    given = {"cls": cls, "sep": sep, "mask": mask, "pad": pad}
    ids: dict[str, int] = {}
    for role, names in _NAMES.items():
        name = given[role]
        wanted = names if name is None else (name,)
        found = next((number for token in wanted if (number := vocab.get(token)) is not None), None)
        if found is None:
            raise ValueError(
                f"{role}: expected the token {' or '.join(wanted)} in the vocabulary, got {len(vocab):,} "
                f"words without; reserve it when the vocabulary is made, or pass {role}= with its name"
            )
        other = next((known for known, number in ids.items() if number == found), None)
        if other is not None:
            raise ValueError(f"{role}: expected a token other than that of {other}, got the same id {found}")
        ids[role] = found
    return SpecialTokens(**ids)


def token_flags(
    vocab: Vocab,
    special: SpecialTokens,
    *,
    whole_words: bool | Sequence[bool] | NDArray[np.bool_] = False,
    predict_unknown: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """What may be predicted, what may stand in at random, and where words begin.

    The four special tokens, those that the vocabulary reserves and its unknown token are special.

    Args:
        vocab: the V tokens.
        special: the four ids.
        whole_words: True finds from the tokens where words begin or end, by `##` in front of what goes on
            with a word, `Ġ` or `▁` in front of what begins one, or `</w>` behind what ends one; or (V,) bool,
            True for tokens that begin a word.
        predict_unknown: whether the unknown token may be chosen for prediction; it never stands in.

    Returns:
        (V,) uint8 flags as csrc/sampling/masking.h names them, and the ids that may stand in, int32.

    Raises:
        ValueError: no token marks words, `whole_words` has another length, or only special tokens are left.
        TypeError: `whole_words` does not hold bools.

    Example:
        >>> vocab = Vocab(["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "un", "##do"])
        >>> flags, drawable = token_flags(vocab, find_special_tokens(vocab), whole_words=True)
        >>> flags.tolist(), drawable.tolist()
        ([3, 3, 3, 3, 3, 2, 0], [5, 6])
    """
    tokens = vocab.tokens
    named = {vocab.unknown, *_UNKNOWN}
    unknown = [number for token in named if token is not None and (number := vocab.get(token)) is not None]
    apart = sorted({*special, *(vocab[token] for token in vocab.reserved)} - set(unknown))
    flags = np.zeros(len(vocab), np.uint8)
    flags[apart] |= _NEVER_PREDICTED
    if not predict_unknown:
        flags[unknown] |= _NEVER_PREDICTED
    stands_in = np.ones(len(vocab), np.bool_)
    stands_in[[*apart, *unknown]] = False
    if b"<unused " in vocab.words.data:  # numbers that were not given out
        stands_in[[i for i, token in enumerate(tokens) if token == f"<unused {i}>"]] = False
    drawable = np.flatnonzero(stands_in).astype(np.int32)
    if not len(drawable):
        raise ValueError(f"vocab: expected tokens that are not special, got {len(vocab)} special ones")
    if whole_words is True:
        flags |= _marks(tokens)
    elif whole_words is not False:
        begins = np.asarray(whole_words)
        if begins.dtype != np.bool_:
            raise TypeError(f"whole_words: expected a bool or an array of them, got {begins.dtype}")
        if begins.shape != (len(vocab),):
            raise ValueError(f"whole_words: expected the shape ({len(vocab)},), got {begins.shape}")
        flags[begins] |= _BEGINS_WORD
    return flags, drawable


def _marks(tokens: list[str]) -> NDArray[np.uint8]:
    """Where words begin or end, by the marks of the tokens."""
    if any(token.startswith("##") for token in tokens):
        begins = [not token.startswith("##") for token in tokens]
        return np.array(begins, np.uint8) * np.uint8(_BEGINS_WORD)
    for mark in ("Ġ", "▁"):
        if any(token.startswith(mark) for token in tokens):
            return np.array([token.startswith(mark) for token in tokens], np.uint8) * np.uint8(_BEGINS_WORD)
    if any(token.endswith("</w>") for token in tokens):
        return np.array([token.endswith("</w>") for token in tokens], np.uint8) * np.uint8(_ENDS_WORD)
    raise ValueError(
        "whole_words: expected tokens that mark words (##, Ġ, ▁ or </w>), got none; pass an array that says "
        "which tokens begin a word"
    )
