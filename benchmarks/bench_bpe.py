"""Training byte-pair encodings beside tokenizers, rustbpe, gigatoken, sentencepiece and YouTokenToMe.

    FASTNLP_DATA=... pytest benchmarks/bench_bpe.py --benchmark-enable -s

Everybody runs in a process of its own, on one thread, and reports the CPU seconds between the file on the
disk and the merges, and the most memory that the process held above what it held with the library imported.
The texts are files; GPT-2's pattern cuts them; a document is a line for us, tokenizers and rustbpe, and a
file for gigatoken, which knows no lines. `test_threads` gives two threads the wall's seconds.
"""

import gzip
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ratios_to, report

TURNS = int(os.environ.get("FASTNLP_BENCH_TURNS", "3"))
DATA = Path(os.environ.get("FASTNLP_DATA", "/nowhere"))
YOUTOKENTOME = ["youtokentome"] if importlib.util.find_spec("youtokentome") else []
LIMIT = int(os.environ.get("FASTNLP_BENCH_LIMIT", "60"))  # CPU seconds, after which a peer is given up

CHILD = r"""
import json, os, resource, sys, time
resource.setrlimit(resource.RLIMIT_CPU, (int(os.environ["LIMIT"]), -1))
name, path, size, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
os.environ |= {"RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": str(threads != "1").lower()}
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

def lines():
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        yield from file

def peak():  # ru_maxrss would begin with the parent's
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

if name == "fastnlp":
    import fastnlp.tokenizers
    def run():
        return len(fastnlp.tokenizers.train_bpe(path, size, threads=int(threads)).tokens)
elif name == "fastnlp-char":
    import fastnlp.tokenizers
    def run():
        options = {"kind": "char", "end_of_word": "_", "semantics": os.environ["SEMANTICS"]}
        return len(fastnlp.tokenizers.train_bpe(path, size, threads=int(threads), **options).tokens)
elif name == "tokenizers":
    import tokenizers as t
    def run():
        tokenizer = t.Tokenizer(t.models.BPE())
        tokenizer.pre_tokenizer = t.pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = t.pre_tokenizers.ByteLevel.alphabet()
        trainer = t.trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train([path], trainer)
        return tokenizer.get_vocab_size()
elif name == "rustbpe":
    import rustbpe
    def run():
        tokenizer = rustbpe.Tokenizer()
        tokenizer.train_from_iterator(lines(), size, pattern=GPT2)
        return tokenizer.vocab_size
elif name == "gigatoken":
    import gigatoken
    def run():
        source = gigatoken.TextFileSource([path])
        return len(gigatoken.train_bpe(source, size, [])[0])
elif name == "sentencepiece":
    import io, sentencepiece
    def run():
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            input=path, model_writer=model, vocab_size=size, model_type="bpe", num_threads=int(threads),
            character_coverage=1.0, max_sentence_length=1 << 30, minloglevel=2, hard_vocab_limit=False)
        return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).vocab_size()
elif name == "youtokentome":
    import tempfile, youtokentome
    def run():
        with tempfile.NamedTemporaryFile() as model:
            learned = youtokentome.BPE.train(
                data=path, vocab_size=size, model=model.name, n_threads=int(threads), coverage=1.0)
            return learned.vocab_size()
before, cpu, wall = peak(), time.process_time(), time.perf_counter()
tokens = run()
print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "tokens": tokens,
                  "megabytes": (peak() - before) / 1024, "peak": peak() / 1024}))
"""


def child(name, path, size, threads=1, **environment):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, name, str(path), str(size), str(threads)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment, "LIMIT": str(LIMIT)},
    )
    if done.returncode == -signal.SIGXCPU:
        return {"cpu": LIMIT, "wall": LIMIT, "tokens": None, "megabytes": None, "peak": None}
    if done.returncode != 0:
        pytest.fail(f"{name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(benchmark, path, size, peers, threads=1, turns=TURNS, **environment):
    """Everybody in turns; a peer that was given up once is not asked again."""
    ours = peers[0]
    seconds = {name: [] for name in peers}
    wall = {name: [] for name in peers}
    facts = {}
    for _ in range(turns):
        for name in peers:
            if name in facts and facts[name]["tokens"] is None:
                found = facts[name]
            else:
                found = facts[name] = child(name, path, size, threads, **environment)
            seconds[name].append(found["cpu"])
            wall[name].append(found["wall"])
    named = {("fastnlp" if name == ours else name): each for name, each in seconds.items()}
    ratios = ratios_to(named)
    report(
        benchmark, named, {("fastnlp" if name == ours else name): each for name, each in wall.items()}, ratios
    )
    for name in peers:
        fact = facts[name]
        given_up = "" if fact["tokens"] is not None else f"   given up after {LIMIT} CPU s"
        memory = (
            "" if given_up else f"{fact['megabytes']:8.0f} MB above {fact['peak'] - fact['megabytes']:.0f}"
        )
        print(f"  {name:<24} {memory}{given_up}")
    benchmark.extra_info["facts"] = facts
    return ratios, facts


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A function that writes a text once and gives its path."""
    folder = tmp_path_factory.mktemp("bpe")
    made = {}

    def unpacked(name):
        packed = DATA / name
        if not packed.is_file():
            pytest.skip(f"{name} is not in the folder that FASTNLP_DATA names")
        return gzip.decompress(packed.read_bytes())

    def write(name):
        rng = random.Random(1)
        if name == "english":  # with case and punctuation, then a-z alone; lines as in the first part
            clean = unpacked("enwiki/enwiki2015-100M.txt.gz").split(b" ")
            lines = (b" ".join(clean[i : i + 60]) for i in range(0, len(clean), 60))
            return (unpacked("enwiki/enwiki2015-docs-60MB.txt.gz") + b"\n".join(lines))[:100_000_000]
        if name == "chinese":
            return unpacked("text/zhwiki-8MB.txt.gz").decode(errors="ignore").encode()
        if name == "wikitext-2":
            path = DATA / "wikitext-2" / "wiki.train.tokens"
            if not path.is_file():
                pytest.skip("wikitext-2 is not in the folder that FASTNLP_DATA names")
            return path.read_bytes()
        if name == "one letter":
            return b"a" * 10_000_000
        if name == "distinct words":
            words = {
                "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(4, 12)))
                for _ in range(1_050_000)
            }
            return "\n".join(sorted(words)[:1_000_000]).encode()
        if name == "emoji":
            return "".join(chr(rng.randint(0x1F300, 0x1F64F)) for _ in range(500_000)).encode()
        if name == "random bytes":  # as far as they are UTF-8, which all but gigatoken and we insist on
            return rng.randbytes(2_000_000).decode("latin-1").encode()
        raise ValueError(name)

    def path_of(name):
        if name not in made:
            made[name] = folder / name.replace(" ", "-")
            made[name].write_bytes(write(name))
        return made[name]

    return path_of


@pytest.mark.parametrize(
    ("size", "bars"),
    [(32_000, {"tokenizers": 18, "gigatoken": 3}), (100_000, {"tokenizers": 16, "rustbpe": 8})],
    ids=["32000", "100000"],
)
def test_english(benchmark, texts, size, bars):
    ratios, facts = compare(
        benchmark, texts("english"), size, ["fastnlp", "tokenizers", "rustbpe", "gigatoken"]
    )
    assert facts["fastnlp"]["tokens"] == facts["tokenizers"]["tokens"] == size
    for peer, bar in bars.items():
        assert ratios[peer] >= bar
    assert facts["fastnlp"]["megabytes"] <= facts["rustbpe"]["megabytes"]


def test_chinese(benchmark, texts):
    ratios, _ = compare(
        benchmark, texts("chinese"), 32_000, ["fastnlp", "gigatoken", "rustbpe", "tokenizers"]
    )
    assert ratios["gigatoken"] >= 3


@pytest.mark.parametrize("name", ["one letter", "distinct words", "emoji", "random bytes"])
def test_texts_that_are_none(benchmark, texts, name):
    peers = ["fastnlp", "rustbpe", "sentencepiece", *YOUTOKENTOME, "gigatoken"]
    ratios, _ = compare(benchmark, texts(name), 32_000, peers, turns=1)
    assert min(ratios.values()) > 1


@pytest.mark.parametrize("semantics", ["boundaries", "replace"])
def test_characters(benchmark, texts, semantics):
    peers = ["fastnlp-char", "sentencepiece", *YOUTOKENTOME]
    ratios, _ = compare(benchmark, texts("wikitext-2"), 32_000, peers, SEMANTICS=semantics)
    assert ratios["sentencepiece"] >= 1.8


def test_two_threads(benchmark, texts):
    one, two = (child("fastnlp", texts("english"), 32_000, threads) for threads in (1, 2))
    report(
        benchmark,
        {"one thread": [one["cpu"]], "two threads": [two["cpu"]]},
        {"one thread": [one["wall"]], "two threads": [two["wall"]]},
        {"two threads": two["cpu"] / one["cpu"]},
    )
    assert one["tokens"] == two["tokens"]


def test_the_books_python(benchmark):
    """5,000 merges of the words of the Penn Treebank, by the book's loop and by training."""
    import collections
    import time

    from oracles import bpe as book

    from fastnlp import datasets
    from fastnlp.tokenizers import train_bpe

    merges = int(os.environ.get("FASTNLP_BENCH_MERGES", "5000"))
    table = collections.Counter(token for line in datasets.ptb() for token in line.split())
    seconds = {"fastnlp": [], "the book": []}

    def timed(name, run):
        start = time.process_time()
        answer = run()
        seconds[name].append(time.process_time() - start)
        return answer

    options = {"num_merges": merges, "kind": "char", "end_of_word": "_", "semantics": "replace", "threads": 1}
    for _ in range(5):
        trained = timed("fastnlp", lambda: train_bpe(table, **options))
    theirs = timed("the book", lambda: book.learn(table, merges, book.replace, "_"))
    seconds["the book"] *= 5
    ratios = ratios_to(seconds)
    report(benchmark, seconds, seconds, ratios)
    assert [(a.decode(), b.decode()) for a, b in trained.pairs] == [pair[:2] for pair in theirs]
    assert ratios["the book"] >= 300
