"""`fastnlp plot`."""

from __future__ import annotations

import argparse
import errno
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnlp.cli.arguments import add_command, add_loading, check_writable, load, positive
from fastnlp.cli.progress import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fastnlp.cli.arguments import Commands
    from fastnlp.vectors import WordVectors

__all__ = ["add_to"]

_METHODS = ("pca", "tsne", "umap")
_PICTURES = (".png", ".svg", ".pdf")


def add_to(commands: Commands) -> None:
    """Describes the command and its pictures."""
    parser = add_command(
        commands,
        "plot",
        "draw word vectors and training runs",
        "  fastnlp plot map wiki.vec --near king -o king.png\n  fastnlp plot page wiki.vec -o wiki.html",
    )
    pictures = parser.add_subparsers(title="pictures", metavar="PICTURE", required=True)
    _add_map(pictures)
    _add_analogy(pictures)
    _add_heatmap(pictures)
    _add_run(pictures)
    _add_page(pictures)


def _add_map(pictures: Commands) -> None:
    parser = add_command(
        pictures,
        "map",
        "a map of words: near each other what is similar",
        "  fastnlp plot map wiki.vec king queen man woman -o royals.png\n"
        "  fastnlp plot map wiki.vec --near king --near river --topn 20 -o two.svg\n"
        "  fastnlp plot map wiki.vec --group animals cat dog --group metals iron gold -o groups.pdf\n"
        "  fastnlp plot map wiki.vec --method tsne -o frequent.png        # the first 150 words of the file",
    )
    parser.add_argument("vectors", metavar="VECTORS", help="file of word vectors")
    parser.add_argument("words", metavar="WORD", nargs="*", help="words to draw")
    parser.add_argument(
        "--near", action="append", metavar="WORD", help="draw a word and its nearest; may be repeated"
    )
    parser.add_argument(
        "--group",
        action="append",
        nargs="+",
        metavar=("NAME", "WORD"),
        help="draw words in a colour of their own; may be repeated",
    )
    parser.add_argument("--topn", type=positive, default=30, metavar="N", help="how many nearest words (30)")
    parser.add_argument(
        "--restrict-vocab", type=positive, metavar="N", help="nearest among the first N words of the file"
    )
    _add_method(parser, "pca")
    _add_common(parser, _PICTURES)
    parser.add_argument("--size", type=_size, metavar="WxH", help="inches (by the number of words)")
    add_loading(parser)
    parser.set_defaults(run=run_map)


def _add_analogy(pictures: Commands) -> None:
    parser = add_command(
        pictures,
        "analogy",
        "analogies as arrows between the words of each pair",
        "  fastnlp plot analogy wiki.vec man woman king queen -o royals.png\n"
        "  fastnlp plot analogy wiki.vec man woman king -o answer.png     # the last gets its answer",
    )
    parser.add_argument("vectors", metavar="VECTORS", help="file of word vectors")
    parser.add_argument("words", metavar="WORD", nargs="+", help="from to from to ...")
    parser.add_argument(
        "--plane",
        choices=("pca", "difference"),
        default="pca",
        help="the plane of the widest spread, or with the mean difference of the pairs upright (pca)",
    )
    _add_common(parser, _PICTURES)
    parser.add_argument("--size", type=_size, metavar="WxH", help="inches (8.5x6.2)")
    add_loading(parser)
    parser.set_defaults(run=run_analogy)


def _add_heatmap(pictures: Commands) -> None:
    parser = add_command(
        pictures,
        "heatmap",
        "the cosines of words with each other, similar words together",
        "  fastnlp plot heatmap wiki.vec king queen man woman -o cosines.png",
    )
    parser.add_argument("vectors", metavar="VECTORS", help="file of word vectors")
    parser.add_argument("words", metavar="WORD", nargs="+", help="words to compare")
    parser.add_argument("--columns", nargs="+", metavar="WORD", help="compare with these instead")
    parser.add_argument(
        "--order", choices=("clusters", "given"), default="clusters", help="of the words (clusters)"
    )
    _add_common(parser, _PICTURES)
    add_loading(parser)
    parser.set_defaults(run=run_heatmap)


def _add_run(pictures: Commands) -> None:
    parser = add_command(
        pictures,
        "run",
        "loss and learning rate of training runs",
        "  fastnlp train word2vec wiki.txt -o wiki.vec --log wiki.log\n"
        "  fastnlp plot run wiki.log -o curves.png\n"
        "  fastnlp plot run a.ckpt b.ckpt -o compared.svg\n"
        "  fastnlp plot run bert.csv -o bert.png           # of fastnlp train bert --log bert.csv",
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", help="checkpoints, saved models, or logs of fastnlp train --log"
    )
    _add_common(parser, _PICTURES)
    parser.add_argument("--size", type=_size, metavar="WxH", help="inches (by the number of curves)")
    parser.set_defaults(run=run_run)


def _add_page(pictures: Commands) -> None:
    parser = add_command(
        pictures,
        "page",
        "a web page in one file: a map to search, to zoom and to click on",
        "  fastnlp plot page wiki.vec -o wiki.html\n"
        "  fastnlp plot page wiki.vec -o wiki.html --words 20000 --method tsne",
    )
    parser.add_argument("vectors", metavar="VECTORS", help="file of word vectors")
    parser.add_argument(
        "--words", type=positive, default=5000, metavar="N", help="the first N words of the file (5000)"
    )
    _add_method(parser, "pca")
    _add_common(parser, (".html",))
    add_loading(parser)
    parser.set_defaults(run=run_page)


def _add_method(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--method", choices=_METHODS, default=default, help=f"how two dimensions are found ({default})"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of t-SNE and UMAP (1)")


def _add_common(parser: argparse.ArgumentParser, suffixes: tuple[str, ...]) -> None:
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help=f"file to write, in {', '.join(suffixes)}"
    )
    parser.add_argument("--title", default="", metavar="TEXT", help="above the picture")
    parser.set_defaults(suffixes=suffixes)


def _size(text: str) -> tuple[float, float]:
    try:
        width, height = map(float, text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected inches like 8x6, got {text!r}") from None
    return width, height


def run_map(options: argparse.Namespace) -> None:
    """Draws a map."""
    vectors = _opened(options)
    groups = {name: words for name, *words in options.group or []}
    for name, members in groups.items():
        if not members:
            raise ValueError(f"--group: expected a name and words, got {name!r} alone")
    words: Any = options.words or None
    if groups:
        words = {**({"words": options.words} if options.words else {}), **groups}
    elif words is None and not options.near:
        words = 150
    from fastnlp import plots

    _write(
        options,
        lambda: plots.plot_map(
            vectors,
            words,
            near=options.near,
            topn=options.topn,
            restrict_vocab=options.restrict_vocab,
            method=options.method,
            seed=options.seed,
            title=options.title,
            size=options.size,
        ),
    )


def run_analogy(options: argparse.Namespace) -> None:
    """Draws arrows."""
    if len(options.words) < 2:
        raise ValueError(f"WORD: expected pairs of words, got {options.words[0]!r} alone")
    vectors = _opened(options)
    from fastnlp import plots

    words = [*options.words, *([None] if len(options.words) % 2 else [])]
    pairs = list(zip(words[::2], words[1::2], strict=True))
    more = {} if options.size is None else {"size": options.size}
    _write(
        options,
        lambda: plots.plot_analogies(vectors, pairs, plane=options.plane, title=options.title, **more),
    )


def run_heatmap(options: argparse.Namespace) -> None:
    """Draws a heat map."""
    vectors = _opened(options)
    from fastnlp import plots

    _write(
        options,
        lambda: plots.plot_heatmap(
            vectors, options.words, options.columns, order=options.order, title=options.title
        ),
    )


def run_run(options: argparse.Namespace) -> None:
    """Draws curves."""
    _check_output(options)
    for path in options.runs:
        if not Path(path).is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    from fastnlp import plots

    tables = [path for path in options.runs if Path(path).suffix.lower() == ".csv"]
    if tables and len(options.runs) > 1:
        raise ValueError(
            f"RUN: expected one table of pretraining, {tables[0]}, alone, got {len(options.runs)} runs"
        )
    if tables:
        _write(options, lambda: plots.plot_pretraining(tables[0], title=options.title, size=options.size))
        return
    _write(options, lambda: plots.plot_run(options.runs, title=options.title, size=options.size))


def run_page(options: argparse.Namespace) -> None:
    """Writes a page."""
    vectors = _opened(options)
    from fastnlp import plots

    title = options.title or Path(options.vectors).name
    written = plots.write_page(
        vectors,
        options.output,
        words=options.words,
        method=options.method,
        seed=options.seed,
        title=title,
    )
    say(f"wrote {options.output}: {written:,} words, {Path(options.output).stat().st_size / 1e6:.1f} MB")


def _opened(options: argparse.Namespace) -> WordVectors:
    _check_output(options)
    return load(options.vectors, options)


def _check_output(options: argparse.Namespace) -> None:
    """Refuses a name that could not be written to before anything is computed."""
    if Path(options.output).suffix.lower() not in options.suffixes:
        raise ValueError(f"--output: expected a name in {', '.join(options.suffixes)}, got {options.output}")
    check_writable("--output", options.output)


def _write(options: argparse.Namespace, draw: Callable[[], Figure]) -> None:
    """Draws, writes the file, and says what the picture could not show."""
    from fastnlp.plots import save_figure

    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always", UserWarning)
        save_figure(draw(), options.output)
    for each in noted:
        if issubclass(each.category, UserWarning):
            say(f"fastnlp: warning: {each.message}")
    say(f"wrote {options.output}")
