"""Making examples for BERT: tokens a second, beside the book's Python and transformers' collator.

    FASTNLP_DATA=... pytest benchmarks/bench_bert.py --benchmark-enable -s

In CPU time, one thread, in turns; see harness.py. The book's data set is compared with the book's own steps
in plain Python on the same paragraphs; batches with what transformers' collator makes of rows that are paired
and cut beforehand, which it does not do. With whole words it is still asked for single tokens, which is less.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import harness
import pytest
from oracles import d2l_bert_data as book

from fastnlp import Corpus, WordPiece, d2l
from fastnlp.sampling import BertExamples
from fastnlp.text import sentence_lines

DATA = Path(os.environ.get("FASTNLP_DATA", ""))
PARAGRAPHS = DATA / "enwiki" / "enwiki2015-docs-60MB.txt.gz"
WIKITEXT = DATA / "wikitext-2"
PIECES = DATA / "bert" / "bert-base-uncased-vocab.txt"
ROWS = 256
pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def corpus():
    if not (PARAGRAPHS.is_file() and PIECES.is_file()):
        pytest.skip("enwiki's paragraphs or BERT's vocabulary is not in the folder that FASTNLP_DATA names")
    return Corpus.from_text(sentence_lines(PARAGRAPHS), tokenizer=WordPiece.load(PIECES))


def test_the_books_data_set(benchmark):
    if not (WIKITEXT / "wiki.train.tokens").is_file():
        pytest.skip("wikitext-2/wiki.train.tokens is not in the folder that FASTNLP_DATA names")

    def ours():
        random.seed(1)
        return d2l.load_data_wiki(512, 64)[0].dataset

    def twin():
        random.seed(1)
        return book.dataset(book.read_wiki(WIKITEXT / "wiki.train.tokens"), 64)

    ratios, answers = harness.compare(benchmark, ours, {"the book": twin})
    tensors, vocab = answers["the book"]
    assert answers["fastnlp"].vocab.idx_to_token == vocab.idx_to_token
    assert abs(len(answers["fastnlp"]) - len(tensors[0])) < 600  # of 43,600; the standard deviation is 100
    assert ratios["the book"] > 10


FIRST_CALL = """
import resource, torch
from fastnlp import d2l
d2l.load_data_wiki
start = resource.getrusage(resource.RUSAGE_SELF)
d2l.load_data_wiki(512, 64)
end = resource.getrusage(resource.RUSAGE_SELF)
print(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime, end.ru_minflt - start.ru_minflt)
"""


def test_the_books_data_set_in_a_new_process(benchmark):
    """The first call after torch and `fastnlp.d2l` are imported, with memory that nothing has touched yet."""
    if not (WIKITEXT / "wiki.train.tokens").is_file():
        pytest.skip("wikitext-2/wiki.train.tokens is not in the folder that FASTNLP_DATA names")

    def first_call():
        done = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=True)
        return tuple(map(float, done.stdout.split()[-2:]))

    calls = sorted(first_call() for _ in range(11))
    seconds, faults = calls[len(calls) // 2]
    benchmark.extra_info["cpu_seconds"] = [each for each, _ in calls]
    print(f"\n  {seconds:.3f} CPU s, from {calls[0][0]:.3f} to {calls[-1][0]:.3f}; {faults:,.0f} page faults")
    benchmark.pedantic(lambda: None, rounds=1)
    assert seconds < 0.1


KINDS = {
    "packed-128": {"max_len": 128},
    "packed-512": {"max_len": 512},
    "adjacent-128": {"max_len": 128, "pairs": "adjacent"},
    "running-128": {"max_len": 128, "mode": "full"},
    "running-512": {"max_len": 512, "mode": "full"},
    "whole-words-128": {"max_len": 128, "whole_words": True},
    "unpadded-128": {"max_len": 128},
}


@pytest.mark.parametrize("kind", KINDS)
def test_batches(corpus, benchmark, kind):
    transformers = pytest.importorskip("transformers")
    examples = BertExamples(corpus, threads=1, **KINDS[kind])
    count = 40 if examples.max_len == 128 else 12
    unmasked = BertExamples(corpus, threads=1, replacement=(0, 0, 1), **KINDS[kind])
    rows = [
        [
            {"input_ids": row[:n].tolist(), "token_type_ids": segments[:n].tolist()}
            for row, segments, n in zip(batch.tokens, batch.segments, batch.lengths, strict=True)
        ]
        for batch in (unmasked.batch(0, index, ROWS) for index in range(count))
    ]
    tokenizer = transformers.BertTokenizerFast.from_pretrained(PIECES.parent / "bert-xsmall-dummy")
    collate = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    examples.batch(0, 0, ROWS)  # lays out the epoch: 30 ns a pair

    make = examples.unpadded_batch if kind.startswith("unpadded") else examples.batch

    def ours():
        batches = [make(0, index, ROWS) for index in range(count)]
        return sum(batch.n_tokens for batch in batches), sum(batch.tokens.size for batch in batches)

    def theirs():
        return sum(int(collate([dict(row) for row in batch])["attention_mask"].sum()) for batch in rows)

    ratios, answers = harness.compare(benchmark, ours, {"transformers": theirs}, turns=5)
    tokens, size = answers["fastnlp"]
    rate = tokens / benchmark.extra_info["cpu_seconds"]["fastnlp"]
    benchmark.extra_info["tokens_per_second"] = rate
    print(f"  {rate / 1e6:.1f} million tokens a CPU second, {1 - tokens / size:.2%} padding")
    assert answers["transformers"] == tokens
    assert ratios["transformers"] > 20
    assert size < tokens / 0.95
