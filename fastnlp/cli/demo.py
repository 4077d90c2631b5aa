"""`fastnlp demo`."""

from __future__ import annotations

import argparse
import platform
import time
from typing import TYPE_CHECKING

from fastnlp.cli.arguments import add_command
from fastnlp.cli.train import check_output

if TYPE_CHECKING:
    from fastnlp.cli.arguments import Commands

__all__ = ["add_to"]

_WORDS = ("list", "file", "string", "exception", "thread")
_ANALOGY = ("read", "reading", "write")


def add_to(commands: Commands) -> None:
    """Describes the command."""
    parser = add_command(
        commands,
        "demo",
        "train on the documentation inside this Python and show neighbours, in seconds",
        "  fastnlp demo\n  fastnlp demo -o demo.vec && fastnlp nearest demo.vec socket",
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="keep the vectors in this file")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Trains and prints neighbours."""
    if options.output:
        check_output(options.output, None)
    from fastnlp.datasets import python_docs
    from fastnlp.text import Corpus
    from fastnlp.training import Word2Vec

    started = time.perf_counter()
    corpus = Corpus.from_text(python_docs(), min_count=10)
    print(
        f"The documentation inside Python {platform.python_version()}: {corpus.n_tokens:,} words, "
        f"{len(corpus.vocab):,} different ones, read in {time.perf_counter() - started:.1f} s.",
        flush=True,
    )
    started = time.perf_counter()
    model = Word2Vec(lr=0.05, epochs=20).fit(corpus, progress=not options.quiet)
    seconds = time.perf_counter() - started
    print(f"Skip-gram with negative sampling, {model.config.epochs} epochs, trained in {seconds:.1f} s.\n")
    vectors = model.vectors
    for word in _WORDS:
        if word in vectors:
            near = ", ".join(found for found, _ in vectors.most_similar(word, topn=6))
            print(f"  nearest to {word + ':':<11} {near}")
    if all(word in vectors for word in _ANALOGY):
        a, b, c = _ANALOGY
        print(f"  {a} is to {b} as {c} is to {vectors.analogy(a, b, c)[0][0]}")
    if options.output:
        vectors.save(options.output)
    name = options.output or "my.vec"
    print(
        "\nOn a text of yours:\n"
        f"  fastnlp train word2vec my.txt -o my.vec\n"
        f"  fastnlp nearest {name} {_WORDS[0] if options.output else 'WORD'}\n"
        "or in Python:\n"
        "  import fastnlp as fn\n"
        '  vectors = fn.Word2Vec().fit(fn.Corpus.from_text("my.txt")).vectors\n'
        '  vectors.most_similar("WORD")'
    )
