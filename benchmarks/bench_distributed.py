"""Word vectors by several processes that torchrun starts: speed, and quality beside that of one process.

    FASTNLP_DATA=... pytest benchmarks/bench_distributed.py --benchmark-enable -s

On one machine, over gloo, one thread a process. FASTNLP_BENCH_WORDS and FASTNLP_BENCH_EPOCHS set the text.
"""

import json
import os
import subprocess
import sys

import pytest

import fastnlp as fn
from fastnlp import evaluate

pytest.importorskip("torch")

WORDS = int(os.environ.get("FASTNLP_BENCH_WORDS", "17000000"))
SETTINGS = {
    "dim": 100,
    "window": 5,
    "negatives": 5,
    "subsample": 1e-3,
    "epochs": int(os.environ.get("FASTNLP_BENCH_EPOCHS", "1")),
    "threads": 1,
    "engine": "native",
}
SCRIPT = """
import json, sys, time
import fastnlp as fn
from fastnlp.training.distributed import join
corpus, settings = fn.Corpus.open(sys.argv[1]), json.loads(sys.argv[2])
with join() as group:
    model = fn.Word2Vec(**settings)
    begun = time.perf_counter()
    model.fit(corpus, progress=False)
    seconds = time.perf_counter() - begun
if group.first:
    model.vectors.save("vectors.bin")
    open("seconds", "w").write(str(seconds))
"""


@pytest.fixture(scope="module")
def corpus(data, tmp_path_factory):
    corpus = fn.Corpus.from_text(data / "enwiki" / "enwiki2015-100M.txt.gz", min_count=5)
    if corpus.n_tokens > WORDS:
        tokens = corpus.vocab.tokens
        lines = [[tokens[i] for i in corpus.ids[at : at + 10_000]] for at in range(0, WORDS, 10_000)]
        corpus = fn.Corpus.from_text(lines, min_count=5)
    folder = tmp_path_factory.mktemp("corpus") / "corpus"
    corpus.save(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_quality(corpus, data, tmp_path, benchmark, processes, seed):
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    subprocess.run(
        [*command, str(processes), "train.py", str(corpus), json.dumps({**SETTINGS, "seed": seed})],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
    )
    vectors = fn.WordVectors.load(tmp_path / "vectors.bin")
    figures = {
        "seconds": float((tmp_path / "seconds").read_text()),
        "analogies": evaluate.analogies(vectors, data / "eval" / "questions-words.txt").accuracy,
        "wordsim353": evaluate.similarity(vectors, data / "eval" / "gensim_wordsim353.tsv").spearman,
        "simlex999": evaluate.similarity(vectors, data / "eval" / "gensim_simlex999.txt").spearman,
    }
    print(f"\n{benchmark.name}: {figures}")
    benchmark.extra_info.update(figures)
    benchmark.pedantic(lambda: None, rounds=1)
