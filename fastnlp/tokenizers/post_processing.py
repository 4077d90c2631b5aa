"""Special tokens around texts: what the post-processor of a `tokenizer.json` adds to one, or to a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KINDS = "BertProcessing, RobertaProcessing, ByteLevel, TemplateProcessing, Sequence"
_TEXTS = ("A", "B")


@dataclass(frozen=True)
class Part:
    """A part of what a model gets: the ids of a text, or special tokens.

    Attributes:
        text: 0 for the first text, 1 for the second; -1 for special tokens.
        type_id: the segment that goes with each id.
        ids: of the special tokens.
    """

    text: int
    type_id: int
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Template:
    """What one text, or two, become together with special tokens.

    Attributes:
        single: the parts, in order, for one text, which is one of them.
        pair: the parts for two.
    """

    single: tuple[Part, ...] = (Part(0, 0),)
    pair: tuple[Part, ...] = (Part(0, 0), Part(1, 1))

    @property
    def adds(self) -> bool:
        """Whether it adds special tokens."""
        return any(part.ids for part in (*self.single, *self.pair))

    def surround(
        self, ids: NDArray[np.int32], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.bool_]]:
        """Puts special tokens around each of several texts.

        Args:
            ids: (T,) of N texts, one after another.
            offsets: (N + 1,) where each begins and ends.

        Returns:
            (T + N * added,) int32 ids, (N + 1,) int64 offsets, and which of the ids are those of the texts.
        """
        at = next(i for i, part in enumerate(self.single) if part.text == 0)
        front, back = (
            np.array([number for part in parts for number in part.ids], np.int32)
            for parts in (self.single[:at], self.single[at + 1 :])
        )
        bounds = offsets + np.arange(len(offsets)) * (len(front) + len(back))
        found = np.empty(int(bounds[-1]), np.int32)
        inner = np.ones(len(found), np.bool_)
        for starts, special in ((bounds[:-1], front), (bounds[1:] - len(back), back)):
            for k, number in enumerate(special.tolist()):
                found[starts + k] = number
                inner[starts + k] = False
        found[inner] = ids
        return found, bounds, inner

    def join(
        self, texts: list[NDArray[np.int32]], add_special_tokens: bool = True, max_length: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Puts one text or two and special tokens together.

        Args:
            texts: the ids of each.
            add_special_tokens: False for texts alone, in the order and with the types that they have.
            max_length: at most so many ids in all (`shortened`).

        Returns:
            (N,) int32 ids, and (N,) int32 type ids.

        Raises:
            ValueError: `max_length` does not hold the special tokens.
        """
        parts = self.pair if len(texts) == 2 else self.single
        if not add_special_tokens:
            parts = tuple(part for part in parts if part.text >= 0)
        if max_length is not None:
            added = sum(len(part.ids) for part in parts)
            if max_length < added:
                raise ValueError(f"max_length: expected at least {added}, got {max_length}")
            texts = shortened(texts, max_length - added)
        rows = [texts[part.text] if part.text >= 0 else np.array(part.ids, np.int32) for part in parts]
        types = np.array([part.type_id for part in parts], np.int32)
        return np.concatenate(rows), np.repeat(types, [len(row) for row in rows])


def read(step: Any, vocab_size: int) -> Template:
    """What a post-processor adds.

    Args:
        step: the `post_processor` of a `tokenizer.json`; None for none.
        vocab_size: V; ids are below.

    Returns:
        The template that gives what the package tokenizers does.

    Raises:
        ValueError: it is damaged or of a kind that is not known; the message says where.
    """
    templates = [made for made in _templates(step, "post_processor") if made is not None]
    if len(templates) > 1:
        raise ValueError(
            f"post_processor: expected one step that adds special tokens, got {len(templates)} in a Sequence"
        )
    template = templates[0] if templates else Template()
    for part in (*template.single, *template.pair):
        for number in part.ids:
            if not 0 <= number < vocab_size:
                raise ValueError(
                    f"post_processor: expected ids of special tokens in [0, {vocab_size}), got {number}"
                )
    return template


def around_texts(cls: int, sep: int, *, roberta: bool = False) -> Template:
    """[CLS] A [SEP] and [CLS] A [SEP] B [SEP], as BERT takes them.

    Args:
        cls: the id of [CLS].
        sep: the id of [SEP].
        roberta: two [SEP] stand in the middle, and all is of the first segment.

    Returns:
        The template.
    """
    front, behind = Part(-1, 0, (cls,)), Part(-1, 0, (sep,))
    single = (front, Part(0, 0), behind)
    if roberta:
        return Template(single, (*single, behind, Part(1, 0), behind))
    return Template(single, (*single, Part(1, 1), Part(-1, 1, (sep,))))


def _templates(step: Any, key: str) -> list[Template | None]:
    """Of each step what it adds; None where that is nothing."""
    if step is None:
        return [None]
    if not isinstance(step, dict):
        raise ValueError(f"{key}: expected an object or null, got {type(step).__name__}")
    kind = step.get("type")
    if kind == "Sequence":
        steps = step.get("processors")
        if not isinstance(steps, list):
            raise ValueError(f"{key}.processors: expected a list, got {type(steps).__name__}")
        return [made for k, inner in enumerate(steps) for made in _templates(inner, f"{key}.processors[{k}]")]
    if kind == "ByteLevel":  # trims offsets, in the package tokenizers
        return [None]
    if kind in ("BertProcessing", "RobertaProcessing"):
        return [_bert(step, key, roberta=kind == "RobertaProcessing")]
    if kind == "TemplateProcessing":
        special = step.get("special_tokens")
        if not isinstance(special, dict):
            raise ValueError(f"{key}.special_tokens: expected an object, got {type(special).__name__}")
        return [Template(*(_parts(step.get(name), special, f"{key}.{name}") for name in ("single", "pair")))]
    raise ValueError(f"{key}.type: expected one of {_KINDS}, got {kind!r}")


def _bert(step: dict[str, Any], key: str, roberta: bool) -> Template:
    ids = []
    for name in ("cls", "sep"):
        token = step.get(name)
        if not isinstance(token, list) or len(token) != 2 or type(token[1]) is not int:
            raise ValueError(f"{key}.{name}: expected a token and its id, got {str(token)[:80]}")
        ids.append(token[1])
    return around_texts(*ids, roberta=roberta)


def _parts(pieces: Any, special: dict[str, Any], key: str) -> tuple[Part, ...]:
    texts = _TEXTS[:1] if key.endswith("single") else _TEXTS
    parts = []
    for k, piece in enumerate(pieces if isinstance(pieces, list) else ()):
        kind, value = next(iter(piece.items())) if isinstance(piece, dict) and len(piece) == 1 else ("", None)
        name, number = (value.get("id"), value.get("type_id")) if isinstance(value, dict) else (None, None)
        if kind == "Sequence" and name in texts and type(number) is int:
            parts.append(Part(_TEXTS.index(name), number))
            continue
        token = special.get(name) if kind == "SpecialToken" and isinstance(name, str) else None
        ids = token.get("ids") if isinstance(token, dict) else None
        if not isinstance(ids, list) or any(type(i) is not int for i in ids) or type(number) is not int:
            raise ValueError(
                f"{key}[{k}]: expected Sequence {' or '.join(texts)}, or a SpecialToken with ids in "
                f"special_tokens, got {str(piece)[:80]}"
            )
        parts.append(Part(-1, number, tuple(ids)))
    if sorted(part.text for part in parts if part.text >= 0) != list(range(len(texts))):
        raise ValueError(
            f"{key}: expected a list with Sequence {' and '.join(texts)} once, got {str(pieces)[:80]}"
        )
    return tuple(parts)


def shortened(parts: list[NDArray[np.int32]], room: int) -> list[NDArray[np.int32]]:
    """Texts of `room` tokens together: the longer one gives way first, then both in turns.

    Args:
        parts: the ids of one text or two.
        room: how many tokens there may be.

    Returns:
        The beginning of each.
    """
    if len(parts) == 1:
        return [parts[0][:room]]
    lengths = [len(part) for part in parts]
    if sum(lengths) > room:
        longer = int(lengths[1] >= lengths[0])
        shorter = 1 - longer
        lengths[shorter] = min(lengths[shorter], room // 2)
        lengths[longer] = room - lengths[shorter]
    return [part[:length] for part, length in zip(parts, lengths, strict=True)]
