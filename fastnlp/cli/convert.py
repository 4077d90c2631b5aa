"""`fastnlp convert`."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from fastnlp.cli.arguments import FORMATS, add_command, positive
from fastnlp.cli.progress import Reading, say

if TYPE_CHECKING:
    from fastnlp.cli.arguments import Commands

__all__ = ["add_to"]

_FLOAT32_ALONE = ("word2vec-text", "word2vec-binary", "glove", "fasttext")


def add_to(commands: Commands) -> None:
    """Describes the command."""
    parser = add_command(
        commands,
        "convert",
        "word vectors from one file format to another",
        "  fastnlp convert glove.txt glove.fnv                # opens in milliseconds ever after\n"
        "  fastnlp convert glove.txt small.fnv --dtype int8 --limit 100000\n"
        "  fastnlp convert wiki.bin wiki.vec.gz --lowercase\n"
        "  fastnlp convert wiki.vec wiki.txt --to glove\n"
        "  fastnlp convert crawl.bin small.bin --limit 200000 # a fastText model stays one",
    )
    parser.add_argument("input", metavar="IN", help="file of word vectors, of any format")
    parser.add_argument(
        "output",
        metavar="OUT",
        help="file to write: .vec and .txt (word2vec text), .bin (word2vec binary; of a model with n-grams "
        "fastText's), each also with .gz; .npz, .safetensors, .fnv (fastnlp's own, which is mapped)",
    )
    parser.add_argument("--format", choices=FORMATS, help="format of IN (from its name or first bytes)")
    parser.add_argument(
        "--to",
        choices=FORMATS,
        help="format of OUT (from its name); fasttext makes of words without n-grams a model without any",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="the first N words only")
    parser.add_argument(
        "--lowercase",
        action="store_true",
        help="lower-case words; of equal ones the first stays",
    )
    parser.add_argument(
        "--duplicates",
        choices=("error", "first"),
        default="error",
        help="what becomes of words that are there twice (error)",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16", "int8"),
        help="store numbers so, in .npz, .safetensors and .fnv (as they are)",
    )
    parser.add_argument(
        "--unicode-errors",
        choices=("strict", "replace", "ignore"),
        default="strict",
        help="what becomes of words that are not UTF-8 (strict)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Reads one file and writes the other."""
    from fastnlp.io.vector_formats import format_from_name
    from fastnlp.vectors import WordVectors

    named = options.to or format_from_name(options.output)
    if named is None:
        raise ValueError(f"{options.output}: the name does not say the format; give --to")
    if named in _FLOAT32_ALONE and options.dtype not in (None, "float32"):
        raise ValueError(f"--dtype: expected float32 for {named}, got {options.dtype}")
    started = time.monotonic()
    reading = Reading()
    try:
        vectors = WordVectors.load(
            options.input,
            format=options.format,
            limit=options.limit,
            unicode_errors=options.unicode_errors,
            lowercase=options.lowercase,
            duplicates=options.duplicates,
            dtype=options.dtype,
            progress=reading,
        )
    finally:
        reading.close()
    writing = Reading("writing", "rows", 1)
    try:
        target = options.to or vectors.format_of(options.output)
        vectors.save(options.output, format=target, progress=writing)
    finally:
        writing.close()
    say(
        f"{options.output}: {len(vectors):,} words, {vectors.vector_size} dimensions, {target}, "
        f"{time.monotonic() - started:,.1f} s"
    )
