"""`fastnlp nearest` and `fastnlp analogy`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastnlp.cli.arguments import add_command, add_loading, load, positive

if TYPE_CHECKING:
    from fastnlp.cli.arguments import Commands

__all__ = ["add_to", "format_words"]


def add_to(commands: Commands) -> None:
    """Describes the two commands."""
    nearest = add_command(
        commands,
        "nearest",
        "the nearest words of words, by cosine",
        "  fastnlp nearest wiki.vec chip\n  fastnlp nearest wiki.bin --topn 3 king queen",
    )
    nearest.add_argument("vectors", metavar="VECTORS", help="file of word vectors")
    nearest.add_argument("words", metavar="WORD", nargs="+", help="each gets its own list")
    nearest.set_defaults(run=run_nearest)
    analogy = add_command(
        commands,
        "analogy",
        "what is to C as B is to A",
        "  fastnlp analogy wiki.vec man woman king",
    )
    analogy.add_argument("vectors", metavar="VECTORS", help="file of word vectors")
    for name in ("A", "B", "C"):
        analogy.add_argument(name, help="A is to B as C is to the answer" if name == "A" else "")
    analogy.set_defaults(run=run_analogy)
    for parser in (nearest, analogy):
        parser.add_argument("--topn", type=positive, default=10, metavar="N", help="how many words (10)")
        parser.add_argument(
            "--restrict-vocab",
            type=positive,
            metavar="N",
            help="answer with the first N words of the file only",
        )
        add_loading(parser)


def run_nearest(options: argparse.Namespace) -> None:
    """Prints the neighbours of each word."""
    vectors = load(options.vectors, options)
    # All words are looked up before the first answer: an unknown one is an error without half an output.
    for word in options.words:
        vectors.get_vector(word)
    for word in options.words:
        if len(options.words) > 1:
            print(word)
        found = vectors.most_similar(word, topn=options.topn, restrict_vocab=options.restrict_vocab)
        print(format_words(found))


def run_analogy(options: argparse.Namespace) -> None:
    """Prints the answers."""
    vectors = load(options.vectors, options)
    asked = [options.B, options.C], [options.A]
    found = vectors.most_similar(*asked, topn=options.topn, restrict_vocab=options.restrict_vocab)
    print(format_words(found))


def format_words(found: Iterable[tuple[str, float]]) -> str:
    """A word a line, its cosine first, so that the columns stand whatever the script of the words."""
    return "\n".join(f"{score:8.4f}  {word}" for word, score in found)
