"""tokenizer.json, the file of Hugging Face `tokenizers`, for models of type BPE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnlp.io.source_files import SURROGATES
from fastnlp.tokenizers import post_processing
from fastnlp.tokenizers.byte_letters import from_letters
from fastnlp.tokenizers.definition import Definition, SpecialToken
from fastnlp.tokenizers.pretokenizers import BUILT_IN
from fastnlp.tokenizers.token_tables import MOST_IDS, ids_by_string, merge_arrays, numbered

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
WORDS = r"\w+|[^\w\s]+"

_PATTERNS = {
    GPT2: "gpt2",
    BUILT_IN["gpt4"]: "gpt4",
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|"
    r"\s*[\r\n]|\s+(?!\S)|\s": "gpt4",
    BUILT_IN["llama3"]: "llama3",
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"
    r"\s+(?!\S)|\s+": "llama3",
    BUILT_IN["o200k"]: "o200k",
    r"\s+": "whitespace",
    r"\s+|\S+": "whitespace",
}
_WORD_END = {"Regex": r"(?<=\S)(?=\s|$)"}
_STAND_IN = "\ufdd0"
"""No character. It stands for a mark of several, which a model of characters would take apart."""
_NORMALIZERS = {"NFC": "NFC", "NFD": "NFD", "NFKC": "NFKC", "NFKD": "NFKD", "Lowercase": "lowercase"}


def write(definition: Definition) -> dict[str, Any]:
    """The content of the file.

    Args:
        definition: tokens, merges and how a text is cut.

    Returns:
        What JSON can hold.

    Raises:
        ValueError: the file cannot say how this tokenizer works.
    """
    strings = _with_stand_in(definition)
    unknown = strings[definition.unknown] if definition.unknown >= 0 else None
    attached = definition.end_of_word if not definition.mark_is_symbol else ""
    byte = definition.kind == "byte"
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(token) for token in definition.special_tokens],
        "normalizer": _normalizer(definition),
        "pre_tokenizer": _pre_tokenizer(definition),
        "post_processor": definition.post_processor or (_byte_level(False) if byte else None),
        "decoder": _byte_level(True) if byte else _decoder(definition),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": unknown,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": attached or None,
            "fuse_unk": definition.fuse_unknown,
            "byte_fallback": definition.byte_fallback,
            "ignore_merges": definition.whole_words,
            "vocab": ids_by_string(strings),
            "merges": [[strings[a], strings[b]] for a, b in definition.merges.tolist()],
        },
    }


def _added(token: SpecialToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "content": token.text,
        "single_word": False,
        "lstrip": token.takes_space_before,
        "rstrip": token.takes_space_behind,
        "normalized": False,
        "special": not token.always,
    }


def _byte_level(regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": regex}


def _split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def _mark_in_file(definition: Definition) -> str:
    """How the file spells a mark that is a symbol."""
    return definition.end_of_word if len(definition.end_of_word) == 1 else _STAND_IN


def _with_stand_in(definition: Definition) -> list[str]:
    strings, mark = definition.strings(), definition.end_of_word
    if not (mark and definition.mark_is_symbol) or len(mark) == 1:
        return strings
    if any(_STAND_IN in text for text in strings):
        raise ValueError(
            f"format: a tokenizer.json needs {_STAND_IN!r} for the mark, and it stands in a token"
        )
    return [text.removesuffix(mark) + _STAND_IN if text.endswith(mark) else text for text in strings]


def _normalizer(definition: Definition) -> dict[str, Any] | None:
    names = {ours: theirs for theirs, ours in _NORMALIZERS.items()}
    parts: list[dict[str, Any]] = [{"type": names[name]} for name in definition.normalizers]
    if definition.mark_is_symbol and definition.end_of_word:
        # The mark is written behind each word before words are told apart.
        parts.append({"type": "Replace", "pattern": _WORD_END, "content": _mark_in_file(definition)})
    if len(parts) > 1:
        return {"type": "Sequence", "normalizers": parts}
    return parts[0] if parts else None


def _pre_tokenizer(definition: Definition) -> dict[str, Any] | None:
    pattern = definition.pretokenizer
    if definition.kind == "char":
        if pattern == "whitespace":
            return {"type": "WhitespaceSplit"}
        if pattern == WORDS:
            return {"type": "Whitespace"}
        if pattern == "none":
            return None
        raise ValueError(
            f"format: a tokenizer.json of characters holds the pre-tokenizers 'whitespace' and 'none', got "
            f"{pattern!r}"
        )
    if pattern == "gpt2":
        return _byte_level(True)
    if pattern == "none":
        return _byte_level(False)
    expression = (BUILT_IN | {"whitespace": r"\s+"}).get(pattern, pattern)
    return {"type": "Sequence", "pretokenizers": [_split(expression), _byte_level(False)]}


def _decoder(definition: Definition) -> dict[str, Any] | None:
    parts: list[dict[str, Any]] = []
    if definition.byte_fallback:
        parts.append({"type": "ByteFallback"})
    if definition.end_of_word and not definition.mark_is_symbol and not parts:
        return {"type": "BPEDecoder", "suffix": definition.end_of_word}
    if definition.end_of_word:
        if definition.mark_is_symbol and len(definition.end_of_word) > 1:
            parts.append(_replace(_STAND_IN, definition.end_of_word))
        parts.append(_replace(definition.end_of_word, " "))
        parts.append({"type": "Fuse"})
        parts.append({"type": "Strip", "content": " ", "start": 0, "stop": 1})
    else:
        parts.append({"type": "Fuse"})
    return {"type": "Sequence", "decoders": parts}


def _replace(text: str, by: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": text}, "content": by}


def read(content: Any) -> Definition:
    """What a file says.

    Args:
        content: its JSON.

    Returns:
        The definition.

    Raises:
        ValueError: a part is missing or damaged, or asks for what is not supported; the message names it.
    """
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise ValueError("expected a tokenizer.json, an object with a model")
    model = content["model"]
    kind = model.get("type", "BPE")  # files of the first years do not say it
    if kind != "BPE":
        raise ValueError(f"model.type: expected 'BPE', got {kind!r}")
    if model.get("continuing_subword_prefix"):
        raise ValueError(
            f"model.continuing_subword_prefix: expected none, got {model['continuing_subword_prefix']!r}, "
            f"which is not supported"
        )
    vocabulary = model.get("vocab")
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise ValueError("model.vocab: expected an object of tokens and ids")
    byte, pretokenizer = _read_pre_tokenizer(content)
    normalizers, stand_in = _read_normalizers(content.get("normalizer"))
    mark = stand_in and _read_mark(content.get("decoder"), stand_in)
    if mark != stand_in:
        vocabulary = {_named(text, stand_in, mark): number for text, number in vocabulary.items()}
    special, strings = _read_tokens(vocabulary, content.get("added_tokens") or [])
    texts = {token.id: token.text for token in special}
    spell = from_letters if byte else str.encode
    tokens = [
        texts[i].encode() if i in texts else None if text is None else _spelled(spell, text)
        for i, text in enumerate(strings)
    ]
    pairs = _read_merges(model.get("merges"))
    if mark != stand_in:
        pairs = [(_named(left, stand_in, mark), _named(right, stand_in, mark)) for left, right in pairs]
    merges, merged = merge_arrays(pairs, vocabulary)
    unknown = model.get("unk_token")
    if unknown is not None and (not isinstance(unknown, str) or unknown not in vocabulary):
        raise ValueError(f"model.unk_token: expected a token of the vocabulary, got {unknown!r}")
    suffix = model.get("end_of_word_suffix") or ""
    if not isinstance(suffix, str) or SURROGATES.search(suffix):
        raise ValueError(f"model.end_of_word_suffix: expected a text or none, got {suffix!r}")
    post_processor = content.get("post_processor")
    post_processing.read(post_processor, len(tokens))
    return Definition(
        tokens=tokens,
        merges=merges,
        merged=merged,
        special_tokens=special,
        kind="byte" if byte else "char",
        pretokenizer=pretokenizer,
        normalizers=normalizers,
        end_of_word=suffix or mark,
        mark_is_symbol=bool(mark) and not suffix,
        unknown=-1 if unknown is None or byte else vocabulary[unknown],
        byte_fallback=bool(model.get("byte_fallback")) and not byte,
        fuse_unknown=bool(model.get("fuse_unk")),
        whole_words=bool(model.get("ignore_merges")),
        post_processor=post_processor,
    )


def _spelled(spell: Any, text: str) -> bytes:
    try:
        packed: bytes = spell(text)
    except UnicodeEncodeError:
        raise ValueError(
            f"model.vocab: expected Unicode text, got {text!r} with half a surrogate pair"
        ) from None
    except ValueError as error:
        raise ValueError(f"model.vocab: {error}") from None
    return packed


def _read_tokens(vocabulary: dict[str, Any], added: Any) -> tuple[tuple[SpecialToken, ...], list[str | None]]:
    strings = numbered(vocabulary, "model.vocab")
    special = []
    if not isinstance(added, list):
        raise ValueError(f"added_tokens: expected a list, got {type(added).__name__}")
    for k, token in enumerate(added):
        text, number = (token.get("content"), token.get("id")) if isinstance(token, dict) else (None, None)
        if not isinstance(text, str) or not text or type(number) is not int or not 0 <= number < MOST_IDS:
            raise ValueError(f"added_tokens[{k}]: expected content and id, got {str(token)[:80]}")
        if token.get("single_word"):
            raise ValueError(f"added_tokens[{k}]: {text!r} asks for single_word, which is not supported")
        strings += [None] * (number + 1 - len(strings))
        if strings[number] not in (None, text):
            raise ValueError(
                f"added_tokens[{k}]: expected a free id for {text!r}, got {number}, "
                f"which is {strings[number]!r}"
            )
        strings[number] = text
        special.append(
            SpecialToken(
                text,
                number,
                always=not token.get("special"),
                takes_space_before=bool(token.get("lstrip")),
                takes_space_behind=bool(token.get("rstrip")),
            )
        )
    return tuple(special), strings


def _read_merges(merges: Any) -> list[tuple[str, str]]:
    if not isinstance(merges, list):
        raise ValueError(f"model.merges: expected a list, got {type(merges).__name__}")
    pairs = []
    for k, merge in enumerate(merges):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(p, str) and p for p in parts):
            raise ValueError(f"model.merges[{k}]: expected two tokens, got {str(merge)[:80]!r}")
        pairs.append((parts[0], parts[1]))
    return pairs


def _parts(step: Any, key: str) -> Sequence[Any]:
    if step is None:
        return ()
    if not isinstance(step, dict):
        raise ValueError(f"{key}: expected an object, got {type(step).__name__}")
    if step.get("type") == "Sequence":
        steps = step.get(key)
        return steps if isinstance(steps, list) else ()
    return (step,)


def _read_normalizers(step: Any) -> tuple[tuple[str, ...], str]:
    """The normal forms, and the mark that is written behind each word."""
    names: list[str] = []
    mark = ""
    for part in _parts(step, "normalizers"):
        name = part.get("type") if isinstance(part, dict) else None
        if name in _NORMALIZERS:
            names.append(_NORMALIZERS[name])
        elif name == "Replace" and part.get("pattern") == _WORD_END:
            mark = part.get("content")
            if not isinstance(mark, str) or len(mark) != 1:
                raise ValueError(
                    f"normalizer: expected one character behind each word, got {mark!r}, which a model of "
                    f"characters takes apart"
                )
        else:
            raise ValueError(f"normalizer: expected some of {', '.join(_NORMALIZERS)}, got {name!r}")
    return tuple(names), mark


def _read_mark(decoder: Any, stand_in: str) -> str:
    """The mark of several characters that one stands for, as the decoder says; else that one itself."""
    for part in _parts(decoder, "decoders"):
        if isinstance(part, dict) and part.get("pattern") == {"String": stand_in}:
            mark = part.get("content")
            return mark if isinstance(mark, str) and len(mark) > 1 and stand_in not in mark else stand_in
    return stand_in


def _named(text: str, stand_in: str, mark: str) -> str:
    return text.removesuffix(stand_in) + mark if text.endswith(stand_in) else text


def _read_pre_tokenizer(content: dict[str, Any]) -> tuple[bool, str]:
    """Whether tokens are bytes, and what cuts the text."""
    steps = _parts(content.get("pre_tokenizer"), "pretokenizers")
    names = [step.get("type") if isinstance(step, dict) else None for step in steps]
    if "ByteLevel" in names:
        last = steps[-1]
        if names[-1] != "ByteLevel" or last.get("add_prefix_space"):
            what = "add_prefix_space" if names[-1] == "ByteLevel" else f"{names[-1]} behind ByteLevel"
            raise ValueError(f"pre_tokenizer: expected ByteLevel at the end, as it is, got {what}")
        regex = last.get("use_regex", True)
        if len(steps) == 1:
            return True, "gpt2" if regex else "none"
        if len(steps) == 2 and names[0] == "Split" and not regex:
            return True, _read_split(steps[0])
    if names == []:
        return False, "none"
    if names == ["WhitespaceSplit"]:
        return False, "whitespace"
    if names == ["Whitespace"]:
        return False, WORDS
    raise ValueError(
        f"pre_tokenizer: expected ByteLevel, Split and ByteLevel, WhitespaceSplit, Whitespace or none, got "
        f"{', '.join(map(str, names))}"
    )


def _read_split(step: dict[str, Any]) -> str:
    pattern = step.get("pattern")
    expression = pattern.get("Regex") if isinstance(pattern, dict) else None
    inverted = (step.get("behavior"), bool(step.get("invert"))) == ("Removed", True)
    isolated = (step.get("behavior"), bool(step.get("invert"))) == ("Isolated", False)
    if not isinstance(expression, str) or not (isolated or inverted):
        raise ValueError(
            f"pre_tokenizer: expected Split by a Regex, Isolated, got {step.get('behavior')!r} by {pattern!r}"
        )
    found = _PATTERNS.get(expression, expression)
    if inverted and found not in BUILT_IN:
        raise ValueError("pre_tokenizer: expected Split to keep what is between the matches, got Removed")
    return found
