"""`fastnlp eval`."""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnlp.cli.arguments import add_command, add_loading, load, positive

if TYPE_CHECKING:
    from fastnlp.cli.arguments import Commands
    from fastnlp.vectors import WordVectors

__all__ = ["add_to"]

# The files that FASTNLP_DATA/eval is searched for, by kind of test.
_KNOWN_FILES = {
    "analogies": ("questions-words.txt", "word_relationship.questions", "BATS_3.0"),
    "pairs": ("gensim_wordsim353.tsv", "gensim_simlex999.txt", "wordsim353.tsv", "simlex999.txt"),
    "categories": (),
    "outliers": ("8-8-8_Dataset",),
}
# What is shown of each kind: the title of a column, its field, how it is written.
_COLUMNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "analogies": (
        ("3CosAdd", "3cosadd", ".2%"), ("3CosMul", "3cosmul", ".2%"),
        ("asked", "asked", ",d"), ("unknown", "unknown", ",d"),
    ),
    "pairs": (
        ("Spearman", "spearman", ".4f"), ("Pearson", "pearson", ".4f"),
        ("pairs", "pairs", ",d"), ("unknown", "unknown", ",d"),
    ),
    "categories": (("purity", "purity", ".4f"), ("words", "words", ",d"), ("unknown", "unknown", ",d")),
    "outliers": (
        ("accuracy", "accuracy", ".2%"), ("OPP", "position", ".2%"),
        ("sets", "sets", ",d"), ("unknown", "unknown", ",d"),
    ),
}  # fmt: skip


def add_to(commands: Commands) -> None:
    """Describes the command."""
    parser = add_command(
        commands,
        "eval",
        "how good word vectors are: a table of their figures in tests",
        "  fastnlp eval wiki.vec --analogies questions-words.txt --pairs simlex999.txt\n"
        "  fastnlp eval a.vec b.bin c.bin --analogies BATS_3.0 --outliers 8-8-8_Dataset --json figures.json\n"
        "  FASTNLP_DATA=data fastnlp eval a.bin b.bin      # questions-words.txt and the like in data/eval",
    )
    parser.add_argument("vectors", metavar="VECTORS", nargs="+", help="files of word vectors")
    for name, text in (
        ("analogies", "Google's four words a line or a table of them, MSR's .questions, or a folder of BATS"),
        ("pairs", "human judgements of similarity: two words and a number a line"),
        (
            "categories",
            "words to be clustered (spherical k-means): a word and its category a line, or a folder of files",
        ),
        (
            "outliers",
            "words that do not belong to a set: a folder of files as in 8-8-8, one such file, or a table",
        ),
    ):
        parser.add_argument(
            f"--{name}", action="append", default=[], metavar="FILE", help=f"{text}; may be repeated"
        )
    parser.add_argument(
        "--restrict-vocab",
        type=positive,
        default=30_000,
        metavar="N",
        help="ask analogies among the first N words of the file (30000)",
    )
    parser.add_argument("--case-sensitive", action="store_true", help="compare words as they are spelled")
    parser.add_argument(
        "--dummy4unknown", action="store_true", help="count what has an unknown word as wrong"
    )
    parser.add_argument("--sections", action="store_true", help="show each section of the analogies")
    parser.add_argument(
        "--json", metavar="FILE", help="also write all figures to FILE; - prints them instead of the table"
    )
    add_loading(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Prints a row of figures for each file of vectors."""
    tests = _tests(options)
    shown = options.json != "-"
    groups = [
        (Path(file).name, [(title, max(len(title), 8)) for title, _, _ in _COLUMNS[kind]])
        for kind, file in tests
    ]
    width = max(len("vectors"), *map(len, options.vectors))
    if shown:
        for line in _heading(width, groups):
            print(line, flush=True)
    records = []
    for path in options.vectors:
        vectors = load(path, options)
        record = {
            "vectors": path,
            "words": len(vectors),
            "dimensions": vectors.vector_size,
            "tests": [
                {"kind": kind, "file": file, **_measure(kind, file, vectors, options)} for kind, file in tests
            ],
        }
        records.append(record)
        if shown:
            print(_row(width, groups, record), flush=True)
    if options.sections and shown:
        for number, (kind, file) in enumerate(tests):
            if kind == "analogies":
                _print_sections(file, number, records)
    if options.json == "-":
        print(_as_json(records))
    elif options.json is not None:
        from fastnlp.io.atomic import atomic_write

        with atomic_write(options.json) as target:
            target.write(f"{_as_json(records)}\n".encode())


def _heading(width: int, groups: Iterable[tuple[str, list[tuple[str, int]]]]) -> tuple[str, str]:
    above, below = f"{'':{width}}  {'':>9}  {'':>4}", f"{'vectors':{width}}  {'words':>9}  {'dim':>4}"
    for name, columns in groups:
        titles = "  ".join(f"{title:>{size}}" for title, size in columns)
        above += f"   {name:<{len(titles)}}"
        below += f"   {titles:<{max(len(name), len(titles))}}"
    return above.rstrip(), below.rstrip()


def _row(width: int, groups: list[tuple[str, list[tuple[str, int]]]], record: dict[str, Any]) -> str:
    line = f"{record['vectors']:{width}}  {record['words']:>9,}  {record['dimensions']:>4}"
    for (name, columns), test in zip(groups, record["tests"], strict=True):
        cells = "  ".join(
            f"{format(test[field], form):>{size}}"
            for (_, size), (_, field, form) in zip(columns, _COLUMNS[test["kind"]], strict=True)
        )
        line += f"   {cells:<{max(len(name), len(cells))}}"
    return line.rstrip()


def _print_sections(file: str, number: int, records: list[dict[str, Any]]) -> None:
    """A row a section of one analogy test, a column a file of vectors."""
    names = [section["name"] for section in records[0]["tests"][number]["sections"]]
    sizes = [max(len(record["vectors"]), 8) for record in records]
    width = max(len(name) for name in [*names, Path(file).name])
    titles = (f"{record['vectors']:>{size}}" for record, size in zip(records, sizes, strict=True))
    print(f"\n{Path(file).name + ' (3CosAdd)':<{width + 10}}  {'  '.join(titles)}")
    for place, name in enumerate(names):
        shares = (
            f"{record['tests'][number]['sections'][place]['3cosadd']:>{size}.2%}"
            for record, size in zip(records, sizes, strict=True)
        )
        print(f"{name:<{width + 10}}  {'  '.join(shares)}")


def _measure(kind: str, file: str, vectors: WordVectors, options: argparse.Namespace) -> dict[str, Any]:
    measures: dict[str, Callable[[str, WordVectors, argparse.Namespace], dict[str, Any]]] = {
        "analogies": _measure_analogies,
        "pairs": _measure_pairs,
        "categories": _measure_categories,
        "outliers": _measure_outliers,
    }
    return measures[kind](file, vectors, options)


def _measure_analogies(file: str, vectors: WordVectors, options: argparse.Namespace) -> dict[str, Any]:
    from fastnlp.vectors import evaluate

    added, multiplied = (
        evaluate.analogies(
            vectors,
            file,
            restrict_vocab=options.restrict_vocab,
            case_insensitive=not options.case_sensitive,
            dummy4unknown=options.dummy4unknown,
            method=method,
        )
        for method in ("3cosadd", "3cosmul")
    )
    return {
        "3cosadd": added.accuracy,
        "3cosmul": multiplied.accuracy,
        "asked": added.total,
        "unknown": added.unknown,
        "sections": [
            {
                "name": one.name,
                "3cosadd": one.accuracy,
                "3cosmul": other.accuracy,
                "asked": one.total,
                "unknown": one.unknown,
            }
            for one, other in zip(added.sections, multiplied.sections, strict=True)
        ],
    }


def _measure_pairs(file: str, vectors: WordVectors, options: argparse.Namespace) -> dict[str, Any]:
    from fastnlp.vectors import evaluate

    found = evaluate.similarity(
        vectors, file, case_insensitive=not options.case_sensitive, dummy4unknown=options.dummy4unknown
    )
    return {
        "spearman": found.spearman,
        "pearson": found.pearson,
        "pairs": found.pairs,
        "unknown": found.unknown,
    }


def _measure_categories(file: str, vectors: WordVectors, options: argparse.Namespace) -> dict[str, Any]:
    from fastnlp.vectors import evaluate

    found = evaluate.categories(vectors, file, case_insensitive=not options.case_sensitive)
    return {
        "purity": found.purity,
        "categories": found.categories,
        "words": found.words,
        "unknown": found.unknown,
    }


def _measure_outliers(file: str, vectors: WordVectors, options: argparse.Namespace) -> dict[str, Any]:
    from fastnlp.vectors import evaluate

    found = evaluate.outliers(vectors, file, case_insensitive=not options.case_sensitive)
    return {
        "accuracy": found.accuracy,
        "position": found.position,
        "sets": found.sets,
        "unknown": found.unknown,
    }


def _as_json(records: list[dict[str, Any]]) -> str:
    """JSON knows no NaN: a correlation that is not defined is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(part) for name, part in value.items()}
        if isinstance(value, list):
            return [plain(part) for part in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    return json.dumps(plain(records), indent=2, ensure_ascii=False)


def _tests(options: argparse.Namespace) -> list[tuple[str, str]]:
    """The tests asked for, or those in the folder eval of FASTNLP_DATA."""
    asked = [(kind, file) for kind in _KNOWN_FILES for file in getattr(options, kind)]
    if asked:
        return asked
    if "FASTNLP_DATA" in os.environ:
        folder = Path(os.environ["FASTNLP_DATA"], "eval")
        asked = [
            (kind, str(folder / name))
            for kind, names in _KNOWN_FILES.items()
            for name in names
            if (folder / name).exists()
        ]
    if not asked:
        raise ValueError(
            "no test is given: name --analogies, --pairs, --categories or --outliers, or set FASTNLP_DATA to "
            "a folder with eval/"
        )
    return asked
