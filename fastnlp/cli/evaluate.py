"""`fastnlp eval`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fastnlp.cli.arguments import add_command, add_loading, load, positive

if TYPE_CHECKING:
    from fastnlp.cli.arguments import Commands

__all__ = ["add_to"]

_ANALOGIES = ("questions-words.txt",)
_PAIRS = ("gensim_wordsim353.tsv", "gensim_simlex999.txt", "wordsim353.tsv", "simlex999.txt")


def add_to(commands: Commands) -> None:
    """Describes the command."""
    parser = add_command(
        commands,
        "eval",
        "how good word vectors are: analogies and human judgements of similarity",
        "  fastnlp eval wiki.vec --analogies questions-words.txt --pairs simlex999.txt\n"
        "  FASTNLP_DATA=data fastnlp eval a.bin b.bin      # questions-words.txt and the like in data/eval",
    )
    parser.add_argument("vectors", metavar="VECTORS", nargs="+", help="files of word vectors")
    parser.add_argument(
        "--analogies",
        action="append",
        default=[],
        metavar="FILE",
        help="four words a line, sections headed by ': name'; may be repeated",
    )
    parser.add_argument(
        "--pairs",
        action="append",
        default=[],
        metavar="FILE",
        help="two words and a number a line, separated by tabs; may be repeated",
    )
    parser.add_argument(
        "--restrict-vocab",
        type=positive,
        default=30_000,
        metavar="N",
        help="ask analogies among the first N words of the file (30000)",
    )
    parser.add_argument("--case-sensitive", action="store_true", help="compare words as they are spelled")
    parser.add_argument("--sections", action="store_true", help="show each section of the analogies")
    add_loading(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Prints the figures of each test for each file."""
    analogies, pairs = _tests(options)
    from fastnlp.vectors import evaluate

    insensitive = not options.case_sensitive
    for path in options.vectors:
        vectors = load(path, options)
        print(f"{path}: {len(vectors):,} words, {vectors.vector_size} dimensions", flush=True)
        for file in analogies:
            result = evaluate.analogies(
                vectors, file, restrict_vocab=options.restrict_vocab, case_insensitive=insensitive
            )
            if options.sections:
                for section in result.sections:
                    print(f"    {section}")
            counts = f"({result.correct:,} of {result.total:,}; {result.unknown:,} unknown)"
            print(f"  {Path(file).name}: {result.accuracy:.2%} {counts}", flush=True)
        for file in pairs:
            found = evaluate.similarity(vectors, file, case_insensitive=insensitive)
            print(f"  {Path(file).name}: {found}", flush=True)


def _tests(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The files asked for, or those in the folder eval of FASTNLP_DATA."""
    if options.analogies or options.pairs:
        return options.analogies, options.pairs
    folder = Path(os.environ.get("FASTNLP_DATA", ""), "eval")
    found = [
        [str(folder / name) for name in names if (folder / name).is_file()] for names in (_ANALOGIES, _PAIRS)
    ]
    if "FASTNLP_DATA" not in os.environ or not any(found):
        raise ValueError(
            "no test is given: name --analogies or --pairs, or set FASTNLP_DATA to a folder with eval/"
        )
    return found[0], found[1]
