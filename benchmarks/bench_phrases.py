"""Phrases against gensim and word2phrase, from a text file to a text file with the phrases joined.

    FASTNLP_DATA=... FASTNLP_PEERS=... pytest benchmarks/bench_phrases.py --benchmark-enable -s

`FASTNLP_PEERS` names a folder with the program `word2phrase` (which comes with word2vec.c; compiled with -O3
-march=native); without it that peer is left out. Everybody gets the same lines of 10,000 words, min count 5
and one thread, and the texts that come out are compared: equal to gensim's; with word2phrase, which counts
pairs across the ends of lines, in all but one word of 10,000.
"""

import functools
import gzip
import os
import subprocess
from pathlib import Path

import pytest
from harness import compare

import fastnlp as fn
from fastnlp.text import ENGLISH_CONNECTOR_WORDS

TURNS = int(os.environ.get("FASTNLP_BENCH_TURNS", "3"))
WORDS = int(os.environ.get("FASTNLP_BENCH_WORDS", "17000000"))
LINE = 10_000  # words; gensim's LineSentence cuts longer ones


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    packed = Path(os.environ.get("FASTNLP_DATA", "/nowhere"), "enwiki", "enwiki2015-100M.txt.gz")
    if not packed.is_file():
        pytest.skip("enwiki/enwiki2015-100M.txt.gz is not in the folder that FASTNLP_DATA names")
    with gzip.open(packed, "rt") as source:
        words = source.read().split()[:WORDS]
    path = tmp_path_factory.mktemp("enwiki") / "text.txt"
    with path.open("w") as file:
        for start in range(0, len(words), LINE):
            file.write(" ".join(words[start : start + LINE]) + "\n")
    return path


def ours(text, out, **options):
    corpus = fn.Corpus.from_text(text, min_count=1, threads=1)
    fn.Phrases(min_count=5, threads=1, **options).fit(corpus).apply(corpus).save_text(out)
    return out


def gensim(text, out, **options):
    from gensim.models.phrases import Phrases
    from gensim.models.word2vec import LineSentence

    phrases = Phrases(LineSentence(text), min_count=5, **options).freeze()
    with out.open("w") as file:
        file.writelines(" ".join(sentence) + "\n" for sentence in phrases[LineSentence(text)])
    return out


def word2phrase(program, text, out, threshold):
    """Names of files longer than 59 bytes are beyond it."""
    command = f"{program} -train text.txt -output {out.name} -min-count 5 -debug 0 -threshold {threshold}"
    subprocess.run(command.split(), cwd=text.parent, check=True, stdout=subprocess.DEVNULL)
    return text.parent / out.name


@pytest.mark.parametrize("connectors", [frozenset(), ENGLISH_CONNECTOR_WORDS], ids=["plain", "connectors"])
def test_gensims_scoring(benchmark, text, tmp_path, connectors):
    pytest.importorskip("gensim")
    options = {"threshold": 10.0, "connector_words": connectors}
    ratios, answers = compare(
        benchmark,
        functools.partial(ours, text, tmp_path / "ours", scoring="gensim", **options),
        {"gensim": functools.partial(gensim, text, tmp_path / "gensim", **options)},
        TURNS,
    )
    benchmark.extra_info |= {"words": WORDS, "threads": 1}
    assert answers["fastnlp"].read_bytes() == answers["gensim"].read_bytes()
    assert ratios["gensim"] > 5


def test_word2phrases_scoring(benchmark, text, tmp_path):
    program = Path(os.environ.get("FASTNLP_PEERS", "/nowhere"), "word2phrase")
    if not program.is_file():
        pytest.skip("FASTNLP_PEERS names no folder with word2phrase")
    ratios, answers = compare(
        benchmark,
        functools.partial(ours, text, tmp_path / "ours", threshold=100),
        {"word2phrase": functools.partial(word2phrase, program, text, tmp_path / "theirs", 100)},
        TURNS,
    )
    benchmark.extra_info |= {"words": WORDS, "threads": 1}
    mine, theirs = (answers[name].read_text().split() for name in ("fastnlp", "word2phrase"))
    different = abs(len(mine) - len(theirs)) + len(set(mine) ^ set(theirs))
    assert different < len(mine) / 10_000
    assert ratios["word2phrase"] > 3
