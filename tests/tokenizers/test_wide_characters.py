"""Characters of three bytes in UTF-8 are encoded by themselves where no merge reaches beyond them."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import bpe_encode as oracle
from oracles.bpe_parts import byte_definition

from fastnlp import _core
from fastnlp.tokenizers.bpe import BPE

# Letters, signs, a number and a space of three bytes, two that share their last bytes, and what stands beside
# them: other lengths, half a character, a surrogate, and an `A` that is written in three bytes.
PIECES = [
    *(c.encode() for c in "中丮世。，①\u3000aZ 1'é😀\n"),
    b"\xe4\xb8",
    b"\xad",
    b"\xed\xa0\x80",
    b"\xe0\x81\x81",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


def merged(definition, text, pattern):
    """The ids of a text, cut by the core and merged the obvious way."""
    tokens = definition.tokens
    ranks = {(tokens[a], tokens[b]): k for k, (a, b) in enumerate(definition.merges.tolist())}
    ids = {token: i for i, token in enumerate(tokens)}
    ends = _core.piece_ends(pattern, text).tolist()
    words = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    return [
        ids[t] for word in words for t in oracle.merge([word[i : i + 1] for i in range(len(word))], ranks)
    ]


@pytest.mark.parametrize("pattern", ["gpt2", "gpt4", "llama3", "o200k", "whitespace", "none"])
@settings(max_examples=150)
@given(learned=TEXTS, count=st.integers(0, 40), text=TEXTS)
def test_merges_within_and_across_characters_are_those_of_the_definition(pattern, learned, count, text):
    # What is learned from uncut texts reaches over all bounds.
    definition = byte_definition(oracle.learn([learned, text], count), pretokenizer=pattern)
    tokenizer = BPE(definition)
    wanted = merged(definition, text, pattern)
    assert tokenizer.encode(text).tolist() == wanted
    assert tokenizer.encode(text).tolist() == wanted  # from the cache


# Blocks of 64 bytes of which some are not ASCII are cut at a look.
MIXED = st.lists(
    st.sampled_from([*PIECES, *(c.encode() for c in "aB1. '\n\ufffd²Ⅷéж"), b"'s", b"'re", b" the", b"\xff"]),
    min_size=40,
    max_size=150,
).map(b"".join)


@settings(max_examples=150)
@given(learned=TEXTS, count=st.integers(0, 40), text=MIXED)
def test_a_mixture_of_ascii_and_others_is_merged_by_the_definition(learned, count, text):
    definition = byte_definition(oracle.learn([learned, text], count))
    tokenizer = BPE(definition)
    wanted = merged(definition, text, "gpt2")
    assert tokenizer.encode(text).tolist() == wanted
    assert tokenizer.encode(text).tolist() == wanted  # from the cache


@pytest.mark.parametrize("pattern", ["gpt2", "gpt4", "llama3", "o200k"])
def test_long_texts_are_too(pattern):
    draw = random.Random(3)
    text = b"".join(draw.choices(PIECES, k=30_000)) + "中文字，".encode() * 5_000
    definition = byte_definition(oracle.learn([text[:3_000]], 60), pretokenizer=pattern)
    wanted = merged(definition, text, pattern)
    assert BPE(definition).encode(text).tolist() == wanted
    assert BPE(definition).encode(text, threads=3).tolist() == wanted


def test_every_character_alone_and_beside_another():
    characters = [chr(c) for c in range(0x800, 0x10000) if not 0xD800 <= c < 0xE000]
    draw = random.Random(4)
    texts = [*characters, *("".join(draw.choices(characters, k=2)) for _ in range(20_000))]
    definition = byte_definition(oracle.learn([t.encode() for t in texts[::400]], 150), pretokenizer="none")
    tokenizer = BPE(definition)
    batch = tokenizer.encode_batch(texts, threads=1)
    for i in range(0, len(texts), 37):
        assert batch[i].tolist() == merged(definition, texts[i].encode(), "none"), texts[i]
    one = np.concatenate([batch[i] for i in range(2_000)])
    assert tokenizer.decode(one) == "".join(texts[:2_000])
