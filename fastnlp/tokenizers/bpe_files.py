"""Files of byte-pair encodings: which format a file has, and GPT-2's, tiktoken's and subword-nmt's own."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastnlp.io.atomic import atomic_write
from fastnlp.tokenizers import tokenizer_json
from fastnlp.tokenizers.byte_letters import from_letters
from fastnlp.tokenizers.definition import Definition, SpecialToken
from fastnlp.tokenizers.token_tables import (
    MOST_IDS,
    Specials,
    ids_by_string,
    merge_arrays,
    merge_lines,
    numbered,
    with_specials,
)

Format = Literal["tokenizer.json", "gpt2", "tiktoken", "subword-nmt"]

_FORMATS = ("tokenizer.json", "gpt2", "tiktoken", "subword-nmt")
_MERGES = ("merges.txt", "vocab.bpe")
_FEW = 16  # one token in so many may be none that a merge makes
# How many ranks the published files have. A .tiktoken file does not say it.
_PUBLISHED = {"r50k_base": 50_256, "p50k_base": 50_280, "cl100k_base": 100_256, "o200k_base": 199_998}


def load(
    path: str | os.PathLike[str],
    format: Format | None,  # noqa: A002
    merges: str | os.PathLike[str] | None,
    pretokenizer: str | None,
    special_tokens: Specials,
) -> Definition:
    """Reads a file of any known format.

    Args:
        path: as for `BPE.load`.
        format: as for `BPE.load`.
        merges: as for `BPE.load`.
        pretokenizer: as for `BPE.load`.
        special_tokens: as for `BPE.load`.

    Returns:
        What is in it.

    Raises:
        ValueError: as for `BPE.load`.
    """
    file = Path(path)
    if format is not None and format not in _FORMATS:
        raise ValueError(f"format: expected one of {', '.join(_FORMATS)}, got {format!r}")
    if file.is_dir():
        file = _in_folder(file)
    content = file.read_bytes()
    try:
        found = format or _format_of(file, content)
        if found == "tokenizer.json":
            if pretokenizer is not None or special_tokens is not None:
                raise ValueError("a tokenizer.json says itself how text is cut and which tokens are special")
            return tokenizer_json.read(_json(content))
        if found == "tiktoken":
            read = _read_tiktoken(content, _pattern_of(file, pretokenizer), special_tokens)
            _check_size(file.stem, read)
            return read
        if found == "subword-nmt":
            return _read_codes(_text(content), special_tokens)
        pairs = Path(merges) if merges is not None else _merges_beside(file)
        vocabulary = _json(content)
        return _read_gpt2(vocabulary, pairs, pretokenizer or "gpt2", special_tokens)
    except ValueError as error:
        raise ValueError(f"{os.fspath(file)}: {error}") from None


def save(definition: Definition, path: str | os.PathLike[str], format: Format | None) -> None:  # noqa: A002
    """Writes a file of a known format.

    Args:
        definition: what to write.
        path: as for `BPE.save`.
        format: as for `BPE.save`.

    Raises:
        ValueError: as for `BPE.save`.
    """
    file = Path(path)
    chosen = format or {".json": "tokenizer.json", ".tiktoken": "tiktoken"}.get(file.suffix)
    if chosen is None:
        raise ValueError(
            f"path: expected a name that ends with .json or .tiktoken, or format=..., got {os.fspath(path)!r}"
        )
    if chosen == "tokenizer.json":
        _write(file, json.dumps(tokenizer_json.write(definition), ensure_ascii=False, indent=2) + "\n")
    elif chosen == "tiktoken":
        _write(file, _tiktoken_lines(definition))
    elif chosen == "subword-nmt":
        _write(file, _code_lines(definition))
    elif chosen == "gpt2":
        vocabulary, merges = _gpt2_files(definition)
        file.mkdir(parents=True, exist_ok=True)
        _write(file / "vocab.json", vocabulary)
        _write(file / "merges.txt", merges)
    else:
        raise ValueError(f"format: expected one of {', '.join(_FORMATS)}, got {format!r}")


def _write(file: Path, text: str) -> None:
    with atomic_write(file, "w", encoding="utf-8", newline="\n") as out:
        out.write(text)


def _in_folder(folder: Path) -> Path:
    for name in ("tokenizer.json", "vocab.json", "encoder.json"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"path: expected a folder with tokenizer.json or vocab.json, got {folder}")


def _merges_beside(file: Path) -> Path:
    for name in _MERGES:
        if (file.parent / name).is_file():
            return file.parent / name
    raise ValueError(f"a vocabulary without merges; expected {' or '.join(_MERGES)} beside it, or merges=...")


def _format_of(file: Path, content: bytes) -> Format:
    if file.suffix == ".tiktoken":
        return "tiktoken"
    start = content[:64].lstrip()
    if start.startswith(b"{"):
        value = _json(content)
        return (
            "tokenizer.json"
            if isinstance(value, dict) and "model" in value and not isinstance(value["model"], int)
            else "gpt2"
        )
    if start.startswith(b"#version: 0.") and b"</w>" in content:
        return "subword-nmt"
    if start.startswith(b"#version: 0."):
        raise ValueError("merges without a vocabulary; load its vocab.json, with merges=... for this file")
    raise ValueError(
        f"no known format; expected tokenizer.json, vocab.json, .tiktoken or codes of subword-nmt, got a "
        f"file that begins with {content[:16]!r}"
    )


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"expected UTF-8, got {error}") from None


def _json(content: bytes) -> Any:
    try:
        return json.loads(_text(content))
    except json.JSONDecodeError as error:
        raise ValueError(f"damaged JSON, perhaps cut short: {error}") from None
    except RecursionError:
        raise ValueError("damaged JSON: nested too deeply") from None


def _pattern_of(file: Path, pretokenizer: str | None) -> str:
    if pretokenizer is not None:
        return pretokenizer
    name = file.name.lower()
    if "cl100k" in name:
        return "gpt4"
    if "o200k" in name:
        return "o200k"
    if any(known in name for known in ("gpt2", "r50k", "p50k")):
        return "gpt2"
    raise ValueError("expected pretokenizer=..., as a .tiktoken file does not say how text is cut")


def _read_gpt2(vocabulary: Any, merges: Path, pretokenizer: str, special_tokens: Specials) -> Definition:
    if not isinstance(vocabulary, dict):
        raise ValueError(f"expected an object of tokens and ids, got {type(vocabulary).__name__}")
    strings = numbered(vocabulary)
    if special_tokens is None:
        special_tokens = [name for name in ("<|endoftext|>",) if name in vocabulary]
    special = set(special_tokens)
    tokens = [
        None if text is None else text.encode() if text in special else from_letters(text) for text in strings
    ]
    try:
        lines = _text(merges.read_bytes())
        pairs = merge_lines(lines)
        arrays = merge_arrays(pairs, vocabulary)
        _check_all_are_made(vocabulary, pairs, special, ended=lines.endswith("\n"))
    except ValueError as error:
        raise ValueError(f"{merges}: {error}") from None
    all_tokens, found = with_specials(tokens, special_tokens)
    return Definition(
        tokens=all_tokens,
        merges=arrays[0],
        merged=arrays[1],
        special_tokens=found,
        pretokenizer=pretokenizer,
    )


def _check_all_are_made(
    vocabulary: dict[str, int], pairs: list[tuple[str, str]], special: set[str], ended: bool
) -> None:
    """A file of merges that was cut short is seen by the tokens that no merge makes.

    A few may have been put into the vocabulary otherwise, as RoBERTa's <mask>, which no two tokens put
    together are. `ended`: by a line end; a file without one may have lost few merges or none.
    """
    made = {left + right for left, right in pairs}
    others = [token for token in vocabulary if len(token) > 1 and token not in made and token not in special]
    lost = others
    if len(others) * _FEW <= len(vocabulary):
        lost = [] if ended or not pairs else [token for token in others if _splits(token, vocabulary)]
    if lost:
        raise ValueError(
            f"expected merges for the tokens of the vocabulary, got none for {len(lost)}, such as "
            f"{lost[-1]!r}; is the file cut short?"
        )


def _splits(token: str, vocabulary: dict[str, int]) -> bool:
    """Whether a merge of two tokens could make a token."""
    return any(token[:cut] in vocabulary and token[cut:] in vocabulary for cut in range(1, len(token)))


def _gpt2_files(definition: Definition) -> tuple[str, str]:
    if definition.kind != "byte":
        raise ValueError("format: expected byte-level tokens for 'gpt2', got characters; use tokenizer.json")
    strings = definition.strings()
    return json.dumps(ids_by_string(strings)) + "\n", "#version: 0.2\n" + _merge_text(definition, strings)


def _merge_text(definition: Definition, strings: list[str]) -> str:
    return "".join(f"{strings[a]} {strings[b]}\n" for a, b in definition.merges.tolist())


def _read_tiktoken(content: bytes, pretokenizer: str, special_tokens: Specials) -> Definition:
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line:
            continue
        try:
            packed, rank = line.split()
            token = base64.b64decode(packed, validate=True)
            ranks[token] = int(rank)
        except (ValueError, binascii.Error):
            raise ValueError(
                f"line {number}: expected a token in base64 and its rank, got {line[:80]!r}"
            ) from None
        if not 0 <= ranks[token] < MOST_IDS:
            raise ValueError(f"line {number}: expected a rank in [0, 2^28), got {ranks[token]}")
    tokens: list[bytes | None] = [None] * (max(ranks.values(), default=-1) + 1)
    for known, place in ranks.items():
        if tokens[place] is not None:
            raise ValueError(f"expected distinct ranks, got {place} for {tokens[place]!r} and {known!r}")
        tokens[place] = known
    merges, merged = _all_splits(tokens, ranks)
    everything, special = with_specials(tokens, special_tokens)
    return Definition(
        tokens=everything,
        merges=merges,
        merged=merged,
        special_tokens=special,
        pretokenizer=pretokenizer,
        whole_words=True,
        shared_ranks=True,
    )


def _check_size(name: str, definition: Definition) -> None:
    """A file of a published name that has fewer ranks than that encoding was cut short."""
    ranks = sum(token is not None for token in definition.tokens) - len(definition.special_tokens)
    if ranks < _PUBLISHED.get(name, 0):
        raise ValueError(
            f"expected the {_PUBLISHED[name]} ranks of {name}, got {ranks}; is the file cut short? Another "
            f"encoding needs another name and pretokenizer=..."
        )


def _all_splits(
    tokens: Sequence[bytes | None], ranks: dict[bytes, int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Tiktoken merges any two tokens that are one together, the one of the lowest id first."""
    merges: list[tuple[int, int]] = []
    merged: list[int] = []
    for rank, token in enumerate(tokens):
        for cut in range(1, len(token or b"")):
            assert token is not None
            left, right = ranks.get(token[:cut]), ranks.get(token[cut:])
            if left is not None and right is not None:
                merges.append((left, right))
                merged.append(rank)
    return np.array(merges, np.int32).reshape(-1, 2), np.array(merged, np.int32)


def _tiktoken_lines(definition: Definition) -> str:
    if definition.kind != "byte" or definition.normalizers:
        raise ValueError(
            "format: expected byte-level tokens without normalizers for 'tiktoken'; use tokenizer.json"
        )
    if len(definition.merged) and (np.diff(definition.merged) < 0).any():
        raise ValueError(
            "format: expected merges in the order of their ids for 'tiktoken', which knows no other; use "
            "tokenizer.json"
        )
    special = {token.id for token in definition.special_tokens}
    return "".join(
        f"{base64.b64encode(token).decode()} {i}\n"
        for i, token in enumerate(definition.tokens)
        if token is not None and i not in special
    )


def _read_codes(text: str, special_tokens: Specials) -> Definition:
    """Codes have no ids and no alphabet.

    The unknown token gets 0, then come ASCII's printable characters, then what merges join and make, in their
    order.
    """
    attached = not text.startswith("#version: 0.1") and text.startswith("#version")
    pairs = merge_lines(text)
    unknown = "<unk>"
    ids = {unknown: 0}
    for code in range(0x21, 0x7F):
        ids.setdefault(chr(code), len(ids))
        if attached:
            ids.setdefault(chr(code) + "</w>", len(ids))
    for left, right in pairs:
        for symbol in (left, right):
            if symbol not in ids and len(symbol.removesuffix("</w>") or "x") > 1:
                raise ValueError(
                    f"merge {left!r} {right!r}: expected known symbols, but none before makes {symbol!r}"
                )
            ids.setdefault(symbol, len(ids))
            if attached:  # any character may end a word, or not
                other = symbol.removesuffix("</w>") if symbol.endswith("</w>") else symbol + "</w>"
                if len(symbol.removesuffix("</w>")) == 1:
                    ids.setdefault(other, len(ids))
        ids.setdefault(left + right, len(ids))
    merges, merged = merge_arrays(pairs, ids)
    if not attached:
        ids.setdefault("</w>", len(ids))
    tokens, special = with_specials([token.encode() for token in ids], special_tokens)
    return Definition(
        tokens=tokens,
        merges=merges,
        merged=merged,
        special_tokens=(SpecialToken(unknown, 0), *(s for s in special if s.text != unknown)),
        kind="char",
        pretokenizer="whitespace",
        end_of_word="</w>",
        mark_is_symbol=not attached,
        unknown=0,
    )


def _code_lines(definition: Definition) -> str:
    if definition.kind != "char" or definition.end_of_word != "</w>":
        raise ValueError(
            "format: expected characters and the mark '</w>' for 'subword-nmt'; use tokenizer.json"
        )
    version = "#version: 0.1\n" if definition.mark_is_symbol else "#version: 0.2\n"
    return version + _merge_text(definition, definition.strings())
