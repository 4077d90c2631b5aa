"""Building a corpus: counting and encoding against the pure-Python twin and the peers' vocabulary passes.

    FASTNLP_DATA=... pytest benchmarks/bench_corpus.py --benchmark-enable

takes enwiki2015-100M where the data folder holds it, else Python's own documentation, repeated to 20 MB.
The passes of gensim and fastText count and do not encode. Everything runs on one thread; `test_ratios` runs
all of them in turn, so that each ratio comes from one and the same minute.
"""

import functools
import gzip
import hashlib
import os
import shutil
from collections import Counter
from pathlib import Path

import harness
import numpy as np
import pytest

from fastnlp import Corpus, datasets

ROUNDS = 3
MIN_COUNT = 5


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "text"
    packed = Path(os.environ.get("FASTNLP_DATA", "/nowhere")) / "enwiki" / "enwiki2015-100M.txt.gz"
    if packed.exists():
        with gzip.open(packed) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    else:
        docs = "".join(" ".join(sentence) + "\n" for sentence in datasets.python_docs()).encode()
        path.write_bytes(docs * (20_000_000 // len(docs)))
    return path


@pytest.fixture(scope="module")
def expected(text):
    return python_twin(text)


def python_twin(path):
    """The obvious way, in memory: words, counts, ids."""
    with path.open(encoding="utf-8") as file:
        lines = [line.split() for line in file]
    counts = Counter(word for line in lines for word in line)
    kept = sorted((word for word in counts if counts[word] >= MIN_COUNT), key=lambda word: -counts[word])
    number = {word: i for i, word in enumerate(kept)}
    ids = [number[word] for line in lines for word in line if word in number]
    return {word: counts[word] for word in kept}, np.array(ids, np.int32)


def fastnlp(path):
    return Corpus.from_text(path, min_count=MIN_COUNT, threads=1)


def fastnlp_folder(path):
    return Corpus.from_text(path, min_count=MIN_COUNT, threads=1, path=path.with_suffix(".corpus"))


def gensim(path):
    word2vec = pytest.importorskip("gensim.models.word2vec")
    model = word2vec.Word2Vec(min_count=MIN_COUNT, workers=1)
    model.scan_vocab(corpus_iterable=word2vec.LineSentence(path))
    return {word: count for word, count in model.raw_vocab.items() if count >= MIN_COUNT}


def fasttext(path):
    """No epoch, one dimension, one bucket: what is left is the reading of the dictionary."""
    peer = pytest.importorskip("fasttext")
    model = peer.train_unsupervised(
        str(path), epoch=0, dim=1, bucket=1, minn=0, maxn=0, minCount=MIN_COUNT, thread=1, verbose=0
    )
    words, counts = model.get_words(include_freq=True)
    return dict(zip(words, map(int, counts), strict=True))


def stamp(benchmark, path):
    megabytes = path.stat().st_size / 1e6
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    benchmark.extra_info.update(megabytes=megabytes, sha256=sha256, threads=1)
    if not benchmark.disabled:
        benchmark.extra_info["megabytes_per_second"] = megabytes / benchmark.stats.stats.median
    return megabytes


@pytest.mark.parametrize("build", [fastnlp, fastnlp_folder])
def test_corpus(benchmark, text, expected, build):
    corpus = benchmark.pedantic(build, (text,), rounds=ROUNDS, warmup_rounds=1)
    counts, ids = expected
    assert dict(zip(corpus.vocab.tokens, corpus.vocab.counts.tolist(), strict=True)) == counts
    assert corpus.vocab.tokens == list(counts)
    assert np.array_equal(corpus.ids, ids)
    stamp(benchmark, text)


def test_python_twin(benchmark, text, expected):
    counts, ids = benchmark.pedantic(python_twin, (text,), rounds=1)
    assert counts == expected[0]
    assert np.array_equal(ids, expected[1])
    stamp(benchmark, text)


@pytest.mark.parametrize("peer", [gensim, fasttext])
def test_vocabulary_pass_of_a_peer(benchmark, text, expected, peer):
    counts = benchmark.pedantic(peer, (text,), rounds=1)
    counts.pop("</s>", None)  # fastText counts the ends of lines
    assert counts == expected[0]
    stamp(benchmark, text)


def test_ratios(benchmark, text):
    """CPU seconds of each, in turns."""
    contenders = [fastnlp_folder, fasttext, gensim, python_twin]
    peers = {build.__name__: functools.partial(build, text) for build in contenders}
    ratios, _ = harness.compare(benchmark, functools.partial(fastnlp, text), peers, ROUNDS)
    megabytes = text.stat().st_size / 1e6
    rate = megabytes / benchmark.extra_info["cpu_seconds"]["fastnlp"]
    benchmark.extra_info |= {"megabytes": megabytes, "megabytes_per_cpu_second": rate}
    print(f"  {rate:.0f} MB a CPU second")
    assert min(ratios["fasttext"], ratios["gensim"], ratios["python_twin"]) > 1
