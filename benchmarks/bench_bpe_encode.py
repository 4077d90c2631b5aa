"""Encoding with GPT-2's vocabulary beside tiktoken, Hugging Face tokenizers and gigatoken.

    FASTNLP_DATA=... pytest benchmarks/bench_bpe_encode.py --benchmark-enable -s

A first pass is that of a tokenizer just made, whose caches are empty; a warm one is the second over the same
text. Everybody gets one long document and one thread. The ids are compared: an encoder with others fails.
tiktoken and tokenizers get a str, gigatoken bytes. tokenizers, which is slow, gets the first part of a text,
and its ratio is by the byte.
"""

import base64
import gzip
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from harness import compare, ratios_to, report

from fastnlp import BPE, WordPiece

TURNS = int(os.environ.get("FASTNLP_BENCH_TURNS", "3"))
DATA = Path(os.environ.get("FASTNLP_DATA", "/nowhere"))
MEGABYTES = int(os.environ.get("FASTNLP_BENCH_MB", "60"))
SLOW_PART = 4_000_000  # characters that tokenizers gets


@pytest.fixture(scope="module")
def gpt2():
    folder = DATA / "bpe_ref"
    if not (folder / "gpt2.encoder.json").is_file():
        pytest.skip("bpe_ref/ is not in the folder that FASTNLP_DATA names")
    return BPE.load(folder / "gpt2.encoder.json", merges=folder / "gpt2.vocab.bpe")


@pytest.fixture(scope="module")
def makers(gpt2, tmp_path_factory):
    """For each peer, a function that makes its tokenizer anew."""
    folder = tmp_path_factory.mktemp("gpt2")
    gpt2.save(folder / "tokenizer.json")
    tokens = [gpt2.token_bytes(i) for i in range(50256)]
    ranks = "".join(f"{base64.b64encode(token).decode()} {i}\n" for i, token in enumerate(tokens))
    (folder / "r50k_base.tiktoken").write_text(ranks)
    tiktoken = pytest.importorskip("tiktoken")
    tokenizers = pytest.importorskip("tokenizers")
    found = {
        "fastnlp": lambda: BPE(gpt2.definition),
        "tiktoken": lambda: tiktoken.Encoding(
            "gpt2",
            pat_str=r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
            mergeable_ranks={token: i for i, token in enumerate(tokens)},
            special_tokens={"<|endoftext|>": 50256},
        ),
        "tokenizers": lambda: tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")),
    }
    try:
        import gigatoken
    except ImportError:
        return found
    return found | {"gigatoken": lambda: gigatoken.Tokenizer(folder / "tokenizer.json")}


def text_of(name):
    """A text as bytes."""
    if name == "10 MB of 'a'":
        return b"a" * 10_000_000
    if name == "random bytes":
        return random.Random(1).randbytes(20_000_000).decode("utf-8", "replace").encode()
    path = {"English": "enwiki/enwiki2015-docs-60MB.txt.gz", "Chinese": "text/zhwiki-8MB.txt.gz",
            "source code": "text/source_code_mix.txt"}[name]  # fmt: skip
    if not (DATA / path).is_file():
        pytest.skip(f"{path} is not in the folder that FASTNLP_DATA names")
    if path.endswith(".gz"):
        with gzip.open(DATA / path) as file:
            return file.read(MEGABYTES * 1_000_000).decode("utf-8", "ignore").encode()
    return (DATA / path).read_bytes()


def encoder(name, tokenizer):
    """A function that encodes one text."""
    if name == "fastnlp":
        return lambda text: tokenizer.encode(text, disallowed_special=())
    if name == "tiktoken":
        return lambda text: tokenizer.encode_ordinary(text)
    if name == "tokenizers":
        return lambda text: tokenizer.encode(text).ids
    return lambda text: tokenizer.encode_batch([text], parallel=False)


def ids_of(found):
    """What a peer returns, as one array."""
    if not isinstance(found, (list, np.ndarray)):
        found = found.to_list() if hasattr(found, "to_list") else list(found)
    while len(found) == 1 and not isinstance(found[0], (int, np.integer)):
        found = found[0]
    return np.asarray(found, np.int64)


@pytest.mark.parametrize("warm", [False, True], ids=["first pass", "warm"])
@pytest.mark.parametrize("name", ["English", "source code", "Chinese", "random bytes", "10 MB of 'a'"])
def test_one_document(benchmark, makers, name, warm):
    os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
    data = text_of(name)
    text = data.decode()
    given = {"gigatoken": data, "tokenizers": text[:SLOW_PART]}
    peers = [peer for peer in makers if not (peer == "tokenizers" and (warm or "'a'" in name))]
    seconds = {peer: [] for peer in peers}
    wall = {peer: [] for peer in peers}
    ids = {}
    for _ in range(TURNS):
        for peer in peers:
            run = encoder(peer, makers[peer]())
            source = given.get(peer, text)
            size = len(source if isinstance(source, bytes) else source.encode())
            if warm:
                run(source)
            start, clock = time.process_time(), time.perf_counter()
            found = run(source)
            share = size / len(data)
            seconds[peer].append((time.process_time() - start) / share)
            wall[peer].append((time.perf_counter() - clock) / share)
            ids[peer] = ids_of(found)
    for peer, found in ids.items():
        same = found[:-20] if peer == "tokenizers" else found  # a part may end within a word
        assert np.array_equal(same, ids["fastnlp"][: len(same)]), peer
        if peer != "tokenizers":
            assert len(found) == len(ids["fastnlp"]), peer
    ratios = ratios_to(seconds)
    report(benchmark, seconds, wall, ratios)
    for peer in peers:
        print(f"  {peer:<24} {len(data) / sorted(seconds[peer])[len(seconds[peer]) // 2] / 1e6:8.1f} MB/s")
    benchmark.extra_info["bytes"] = len(data)


def test_two_threads_on_a_batch(benchmark, gpt2):
    """The wall's seconds; a batch of documents, caches warm."""
    documents = text_of("English").split(b"\n\n")
    tokenizer = BPE(gpt2.definition)
    tokenizer.encode_batch(documents, threads=2)
    found = compare(
        benchmark,
        lambda: tokenizer.encode_batch(documents, threads=2).ids,
        {"one thread": lambda: tokenizer.encode_batch(documents, threads=1).ids},
        turns=max(5, TURNS),
        clock=time.perf_counter,
    )
    assert np.array_equal(found.answers["fastnlp"], found.answers["one thread"])


def test_decoding(benchmark, gpt2, makers):
    ids = gpt2.encode(text_of("English"), disallowed_special=())
    tiktoken = makers["tiktoken"]()
    numbers = ids.tolist()
    found = compare(
        benchmark,
        lambda: gpt2.decode_bytes(ids),
        {"tiktoken": lambda: tiktoken.decode_bytes(numbers)},
        turns=TURNS,
    )
    assert found.answers["fastnlp"] == found.answers["tiktoken"]


def test_word_pieces(benchmark, tmp_path):
    """BERT's vocabulary, a batch of lines: the time of tokenizers is not linear in a long text."""
    tokenizers = pytest.importorskip("tokenizers")
    os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
    path = DATA / "bert" / "bert-base-uncased-vocab.txt"
    if not path.is_file():
        pytest.skip("bert/ is not in the folder that FASTNLP_DATA names")
    pieces = WordPiece.load(path)
    pieces.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    lines = text_of("English")[:SLOW_PART].decode("utf-8", "ignore").split("\n")
    found = compare(
        benchmark,
        lambda: WordPiece(pieces.tokens).encode_batch(lines, threads=1).tolist(),
        {"tokenizers": lambda: [e.ids for e in theirs.encode_batch(lines, add_special_tokens=False)]},
        turns=TURNS,
    )
    assert found.answers["fastnlp"] == found.answers["tokenizers"]
