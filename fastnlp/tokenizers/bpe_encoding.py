"""A call of the encoder: options checked, texts cut by a user's pattern, the core asked until it is done."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from fastnlp import _core
from fastnlp.tokenizers.definition import Definition
from fastnlp.tokenizers.patterns import Pieces, cut_by_pattern
from fastnlp.tokenizers.texts import checked_integer, checked_threads, surrogates_refused

Text = str | bytes
Specials = Collection[str] | Literal["all"]

STEP = 0.1  # seconds of work between two looks for Ctrl-C
_TEXT, _TOKEN, _REFUSED = 0, 1, 2


def special_uses(definition: Definition, allowed: Specials, disallowed: Specials) -> list[int]:
    """What each special token is in a text: text, a token, or an error.

    Args:
        definition: has the special tokens.
        allowed: those that become their ids.
        disallowed: of the others, those that are an error.

    Returns:
        For each special token a number that the core knows.

    Raises:
        ValueError: one is named that is none.
        TypeError: a str is given that is not "all".
    """
    specials = {special.text: special.id for special in definition.special_tokens}
    for name, given in (("allowed_special", allowed), ("disallowed_special", disallowed)):
        if isinstance(given, str) and given != "all":
            raise TypeError(f"{name}: expected 'all' or several tokens, got the str {given!r}")
        for token in () if given == "all" else given:
            if token not in specials:
                raise ValueError(
                    f"{name}: expected special tokens of this tokenizer "
                    f"({', '.join(map(repr, specials)) or 'it has none'}), got {token!r}"
                )
    uses = []
    for special in definition.special_tokens:
        if special.always or allowed == "all" or special.text in allowed:
            uses.append(_TOKEN)
        else:
            uses.append(_REFUSED if disallowed == "all" or special.text in disallowed else _TEXT)
    return uses


class EncodeOptions(TypedDict, total=False):
    """The arguments that all ways to encode share; `BPE.encode` says what they mean."""

    allowed_special: Specials
    disallowed_special: Specials
    method: Literal["merges", "longest"]
    dropout: float
    seed: int
    epoch: int


def encode_texts(
    core: _core.BpeEncoder,
    definition: Definition,
    texts: list[Text],
    threads: int | None = 1,
    *,
    spans: bool = False,
    allowed_special: Specials = (),
    disallowed_special: Specials = "all",
    method: Literal["merges", "longest"] = "merges",
    dropout: float = 0.0,
    seed: int = 1,
    epoch: int = 0,
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Encodes texts.

    Args:
        core: the compiled definition.
        definition: says how texts are brought to a form and cut.
        texts: N texts.
        threads: how many; None for one per processor, up to 16.
        spans: whether places are asked for.
        allowed_special: as for `BPE.encode`, like all that follow.
        disallowed_special: special tokens that are an error.
        method: "merges" or "longest".
        dropout: the probability that a merge is left out.
        seed: of dropout.
        epoch: of dropout.

    Returns:
        (T,) int32 ids, (N + 1,) int64 offsets of the texts in them, and (2 T,) int64 places in bytes, if any.

    Raises:
        ValueError: as for `BPE.encode`.
        TypeError: as for `BPE.encode`.
    """
    if method not in ("merges", "longest"):
        raise ValueError(f"method: expected 'merges' or 'longest', got {method!r}")
    if not isinstance(dropout, (int, float, np.floating)):
        raise TypeError(f"dropout: expected a number, got {dropout!r}")
    if not 0.0 <= dropout <= 1.0:
        raise ValueError(f"dropout: expected a probability in [0, 1], got {dropout}")
    if dropout and method == "longest":
        raise ValueError("dropout: expected 0 for method='longest', which merges nothing")
    seed = checked_integer("seed", seed)
    if not 0 <= checked_integer("epoch", epoch) < 1 << 32:
        raise ValueError(f"epoch: expected a number in [0, 2^32), got {epoch}")
    uses = special_uses(definition, allowed_special, disallowed_special)
    if definition.normalizers:
        texts = [definition.normalize(text) for text in texts]
    cut: Pieces | None = None
    if definition.core_pattern != definition.pretokenizer:
        cut = cut_by_pattern(texts, definition, uses)
        texts = cast("list[Text]", cut.pieces)
    mode = "dropout" if dropout else method
    try:
        job = _core.EncodingJob(
            core,
            texts,
            checked_threads(threads),
            mode,
            dropout,
            seed & (1 << 64) - 1,
            epoch,
            spans,
            cut.uses if cut else uses,
        )
    except UnicodeEncodeError as error:
        raise surrogates_refused(error) from None
    try:
        while not job.step(STEP):
            pass
    except ValueError as error:
        if "no special token" in str(error):
            raise ValueError(
                f"{error}; pass it in allowed_special to encode it as such, or disallowed_special=() to "
                f"encode it as text"
            ) from None
        raise
    ids, offsets, found = job.take()
    return cut.regroup(ids, offsets, found) if cut else (ids, offsets, found)
