"""Tokenizers that tests share."""

import gzip
import os
import random
from pathlib import Path

import pytest
from oracles import bpe_encode as oracle
from oracles.bpe_parts import byte_definition

from fastnlp.tokenizers.bpe import BPE


@pytest.fixture(scope="session")
def english():
    """A small byte-level tokenizer with merges of English words, cut as GPT-2 does."""
    text = (
        "the quick brown fox jumps over the lazy dog and then the other foxes jump over lower and lowest "
        "newer newest wider widest dogs; don't they've we'll "
    )
    words = [(" " + word).encode() for word in text.split()] * 2 + "é ü ñ 中文 日本語".encode().split() * 2
    return BPE(byte_definition(oracle.learn(words, 120), special=["<|end|>", "<|endoftext|>"]))


@pytest.fixture(scope="session")
def data():
    """The folder of real data."""
    folder = Path(os.environ.get("FASTNLP_DATA", ""))
    if not (folder / "bpe_ref" / "gpt2.encoder.json").is_file():
        pytest.skip("bpe_ref/ is not in the folder that FASTNLP_DATA names")
    return folder


@pytest.fixture(scope="session")
def gpt2(data):
    """GPT-2's own vocabulary."""
    return BPE.load(data / "bpe_ref" / "gpt2.encoder.json", merges=data / "bpe_ref" / "gpt2.vocab.bpe")


@pytest.fixture(scope="session")
def stress(data):
    """Texts that are hard for tokenizers, by name, some hundred thousand characters each."""
    texts = {}
    for file in sorted((data / "text").iterdir()):
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        whole = file.name.startswith(("utf8", "blns"))
        texts[file.name] = content.decode()[: None if whole else 300_000]
    texts["every code point"] = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    draw = random.Random(1)
    texts["random bytes"] = draw.randbytes(300_000).decode("utf-8", "replace")
    texts["random Latin-1"] = draw.randbytes(200_000).decode("latin-1")
    texts["one letter"] = "a" * 20_000
    texts["random letters"] = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=20_000))
    return texts
