"""`fastnlp phrases`."""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnlp.cli.arguments import add_command, check_writable, positive
from fastnlp.cli.progress import Reading, say

if TYPE_CHECKING:
    from fastnlp.cli.arguments import Commands
    from fastnlp.text import Corpus, Phrases

__all__ = ["add_to"]

_FINDING = ("min_count", "threshold", "scoring", "connector_words", "delimiter", "passes")


def add_to(commands: Commands) -> None:
    """Describes the command."""
    parser = add_command(
        commands,
        "phrases",
        "find words that stand together, such as new_york, and join them in a text or corpus",
        "  fastnlp phrases wiki.txt -o wiki-phrases.txt\n"
        "  fastnlp phrases wiki.txt -o wiki-phrases.txt --passes 2 --threshold 200,100\n"
        "  fastnlp phrases *.txt.gz -o news.corpus --to corpus --save-phrases news.phrases\n"
        "  zcat more.gz | fastnlp phrases - -o - --phrases news.phrases | head",
    )
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="text files, also .gz; - for standard input; or one corpus folder",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="file to write, - for standard output, or folder"
    )
    parser.add_argument(
        "--to",
        choices=("text", "corpus"),
        help="a sentence a line, an empty line between documents; or a corpus folder (as INPUT is)",
    )
    finding = parser.add_argument_group("what is a phrase, as fastnlp.Phrases")
    given: dict[str, Any] = {"default": argparse.SUPPRESS}
    finding.add_argument(
        "--min-count", type=positive, metavar="N", help="pairs that occur less often are none (5)", **given
    )
    finding.add_argument(
        "--threshold",
        type=_numbers,
        metavar="X[,X]",
        help="phrases score above it; several are for the passes (100, gensim 10, npmi 0.5)",
        **given,
    )
    finding.add_argument(
        "--scoring", choices=("word2phrase", "gensim", "npmi"), help="formula (word2phrase)", **given
    )
    finding.add_argument(
        "--connector-words",
        type=_words,
        metavar="WORDS",
        help="words that may stand inside a phrase, separated by commas; 'english' for the usual ones (none)",
        **given,
    )
    finding.add_argument("--delimiter", metavar="S", help="stands between joined words (_)", **given)
    finding.add_argument(
        "--passes", type=positive, metavar="N", help="more than one makes longer phrases (1)", **given
    )
    finding.add_argument("--phrases", metavar="FILE", help="join the phrases in this file instead")
    finding.add_argument("--save-phrases", metavar="FILE", help="write the phrases and scores there")
    text = parser.add_argument_group("text and corpus")
    text.add_argument(
        "--keep",
        type=positive,
        metavar="N",
        help="drop joined words that occur less often from a corpus OUT (5; of a corpus INPUT as it did)",
    )
    text.add_argument("--lowercase", action="store_true", help="lower-case each word")
    text.add_argument(
        "--errors", choices=("strict", "replace"), help="bytes that are not UTF-8 (strict: an error)", **given
    )
    run_group = parser.add_argument_group("run")
    run_group.add_argument("--threads", type=positive, metavar="N", help="threads (one per CPU)")
    run_group.add_argument(
        "--memory", type=positive, default=1024, metavar="MB", help="for counting pairs (1024)"
    )
    run_group.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Finds or loads the phrases, joins them and writes the result."""
    whole = any(path != "-" and Path(path).is_dir() for path in options.inputs)
    to = options.to or ("corpus" if whole else "text")
    _check(options, whole, to)
    from fastnlp.text import Phrases

    settings = {name: getattr(options, name) for name in _FINDING if hasattr(options, name)}
    run_settings = {"threads": options.threads, "memory": options.memory << 20}
    if options.phrases is not None:
        phrases = Phrases.load(options.phrases, **run_settings)
        corpus = _corpus(options, whole)
    else:
        phrases = Phrases(**settings, **run_settings)
        corpus = _corpus(options, whole)
        phrases.fit(corpus)
        if options.save_phrases:
            phrases.save(options.save_phrases)
    if to == "corpus":
        least = options.keep or (corpus.vocab.min_count if whole else 5)
        joined = phrases.apply(corpus, min_count=least, path=options.output)
    else:
        joined = phrases.apply(corpus)
        joined.save_text(options.output)
    if not options.quiet:
        _report(phrases, corpus, joined)


def _check(options: argparse.Namespace, whole: bool, to: str) -> None:
    """Refuses before the work what would fail after it."""
    for path in options.inputs:
        if path != "-" and not Path(path).exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if whole and len(options.inputs) > 1:
        raise ValueError(f"INPUT: expected text files or one corpus folder, got {' '.join(options.inputs)}")
    if whole and (options.lowercase or hasattr(options, "errors")):
        flag = "--lowercase" if options.lowercase else "--errors"
        raise ValueError(
            f"{flag}: expected a text, got {options.inputs[0]}, a corpus that is numbered already"
        )
    if options.keep is not None and to == "text":
        raise ValueError("--keep: expected --to corpus; a text keeps all its words")
    if options.phrases is not None:
        for name in (*_FINDING, "save_phrases"):
            if getattr(options, name, None) is not None:
                flag = "--" + name.replace("_", "-")
                raise ValueError(f"{flag}: expected no --phrases, got both; phrases that are found already")
    for flag, path in (("--output", options.output), ("--save-phrases", options.save_phrases)):
        if path is None or (path == "-" and flag == "--output" and to == "text"):
            continue
        check_writable(flag, path)
        if Path(path).is_dir() and not (to == "corpus" and flag == "--output"):
            raise ValueError(f"{flag}: expected a file, got the folder {path}")


def _corpus(options: argparse.Namespace, whole: bool) -> Corpus:
    from fastnlp.text import Corpus

    if whole:
        return Corpus.open(options.inputs[0])
    reading = None if options.quiet else Reading()
    try:
        return Corpus.from_text(
            options.inputs,
            min_count=1,
            lowercase=options.lowercase,
            errors=getattr(options, "errors", "strict"),
            threads=options.threads,
            progress=reading,
        )
    finally:
        if reading is not None:
            reading.close()


def _report(phrases: Phrases, corpus: Corpus, joined: Corpus) -> None:
    for i, found in enumerate(phrases.found, 1):
        best = sorted(found, key=lambda each: (-each.score, each.words))[:3]
        shown = ", ".join(phrases.delimiter.join(each.words) for each in best)
        say(f"pass {i}: {len(found):,} phrases" + (f": {shown}, ..." if shown else ""))
    say(f"{corpus.n_tokens:,} words became {joined.n_tokens:,}, {len(joined.vocab):,} of them different")


def _numbers(text: str) -> list[float] | float:
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, or several and commas, got {text!r}") from None
    return numbers[0] if len(numbers) == 1 else numbers


def _words(text: str) -> list[str]:
    if text == "english":
        from fastnlp.text import ENGLISH_CONNECTOR_WORDS

        return sorted(ENGLISH_CONNECTOR_WORDS)
    return [word for word in text.split(",") if word]
