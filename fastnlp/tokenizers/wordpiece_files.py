"""WordPiece's `tokenizer.json`."""

from __future__ import annotations

from typing import Any

from fastnlp.tokenizers.token_tables import numbered


def written(ids: dict[str, int], special_tokens: dict[str, int], settings: dict[str, Any]) -> dict[str, Any]:
    """What `tokenizers` and `transformers` read.

    Args:
        ids: of all tokens.
        special_tokens: those of them that are special.
        settings: the other arguments of `WordPiece`.

    Returns:
        The object of the file.
    """
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
            for token, i in sorted(special_tokens.items(), key=lambda item: item[1])
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": settings["strip_accents"],
            "lowercase": settings["lowercase"],
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": settings["post_processor"],
        "decoder": {"type": "WordPiece", "prefix": settings["prefix"], "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": settings["unknown"],
            "continuing_subword_prefix": settings["prefix"],
            "max_input_chars_per_word": settings["longest_word"],
            "vocab": ids,
        },
    }  # fmt: skip


def read(content: Any) -> dict[str, Any]:
    """The arguments of `WordPiece` that a file says.

    Args:
        content: the object of the file.

    Returns:
        The arguments by their names.

    Raises:
        ValueError: it is no WordPiece as BERT has it; the message names the place.
    """
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict) or model.get("type") != "WordPiece":
        raise ValueError("expected a tokenizer.json with a model of type WordPiece")
    normalizer = content.get("normalizer") or {}
    pre_tokenizer = content.get("pre_tokenizer") or {}
    kinds = (normalizer.get("type"), pre_tokenizer.get("type"))
    if kinds != ("BertNormalizer", "BertPreTokenizer"):
        raise ValueError(f"expected BertNormalizer and BertPreTokenizer, got {kinds[0]} and {kinds[1]}")
    if not (normalizer.get("clean_text", True) and normalizer.get("handle_chinese_chars", True)):
        raise ValueError("normalizer: expected clean_text and handle_chinese_chars, got one switched off")
    if not isinstance(model.get("vocab"), dict):
        raise ValueError("model.vocab: expected an object of tokens and ids")
    tokens = numbered(model["vocab"], "model.vocab")
    if None in tokens:
        raise ValueError(f"model.vocab: expected a token for each id, got none for {tokens.index(None)}")
    post_processor = content.get("post_processor")
    return {
        "vocab": tokens,
        "lowercase": bool(normalizer.get("lowercase", True)),
        "strip_accents": normalizer.get("strip_accents"),
        "unknown": model.get("unk_token", "[UNK]"),
        "prefix": model.get("continuing_subword_prefix", "##"),
        "longest_word": model.get("max_input_chars_per_word", 100),
        # A file without one adds nothing, where a vocab.txt means BERT's.
        "post_processor": {"type": "Sequence", "processors": []}
        if post_processor is None
        else post_processor,
    }
