"""Byte-pair encodings put together by hand."""

import numpy as np

from fastnlp.tokenizers.definition import Definition, SpecialToken

BYTES = [bytes([byte]) for byte in range(256)]


def byte_definition(merges, special=(), **settings):
    """A byte-level encoding with these merges, in the order of their ids."""
    tokens = [text.encode() for text in special] + BYTES
    tokens += [token for token in dict.fromkeys(a + b for a, b in merges) if token not in tokens]
    ids = {token: i for i, token in enumerate(tokens) if i >= len(special)}
    return Definition(
        tokens=tokens,
        merges=np.array([(ids[a], ids[b]) for a, b in merges], np.int32).reshape(-1, 2),
        merged=np.array([ids[a + b] for a, b in merges], np.int32),
        special_tokens=tuple(SpecialToken(text, i) for i, text in enumerate(special)),
        **settings,
    )


def char_definition(merges, characters, **settings):
    """An encoding of characters with these merges; token 0 is unknown."""
    tokens = ["<unk>", *characters]
    tokens += [token for token in dict.fromkeys(a + b for a, b in merges) if token not in tokens]
    ids = {token: i for i, token in enumerate(tokens)}
    settings = {"pretokenizer": "whitespace", "unknown": 0, "kind": "char"} | settings
    return Definition(
        tokens=[token.encode() for token in tokens],
        merges=np.array([(ids[a], ids[b]) for a, b in merges], np.int32).reshape(-1, 2),
        merged=np.array([ids[a + b] for a, b in merges], np.int32),
        special_tokens=(SpecialToken("<unk>", 0),),
        **settings,
    )
