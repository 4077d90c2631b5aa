"""`fastnlp train`."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnlp.cli.arguments import FORMATS, add_command, check_writable
from fastnlp.cli.pretrain import add_bert
from fastnlp.cli.progress import Reading, say

if TYPE_CHECKING:
    from fastnlp.cli.arguments import Commands
    from fastnlp.text import Corpus, Vocab
    from fastnlp.training import FastText, GloVe, Word2Vec

__all__ = ["add_to", "check_output"]

# Flags with the names and defaults of the Python API; what is not given is not passed on. (name, type, help)
_CORPUS = (
    ("min_count", int, "drop words that occur less often (5)"),
    ("max_vocab", int, "keep at most so many words, the most frequent (all)"),
    ("normalization", ("NFC", "NFD", "NFKC", "NFKD"), "Unicode normal form of each word (none)"),
    ("errors", ("strict", "replace"), "what becomes of bytes that are not UTF-8 (strict: an error)"),
)
_MODEL = (
    ("dim", int, "dimensions of the vectors (100)"),
    ("window", int, "words to each side of a center, at most (5)"),
    ("architecture", ("skipgram", "cbow"), "contexts predict a center one by one, or together (skipgram)"),
    ("loss", ("ns", "hs"), "negative sampling, or hierarchical softmax (ns)"),
    ("negatives", int, "negatives per positive (5)"),
    ("subsample", float, "threshold of frequent-word subsampling, 0 for none (0.001)"),
    ("epochs", int, "passes over the text (5)"),
    ("lr", float, "learning rate at the start (0.025; 0.05 for cbow)"),
    ("min_lr", float, "learning rate at the end (lr / 10000)"),
    ("threads", int, "threads; 1 makes equal seeds give equal vectors (one per CPU)"),
    ("seed", int, "seed of every random draw (1)"),
    ("device", str, "where to train: auto, cpu, cuda, cuda:1 (auto)"),
    ("engine", ("native", "torch", "triton"), "what trains (the fastest on the device)"),
    ("subsample_rule", ("word2vec", "book"), "formula of subsampling (word2vec)"),
    ("noise_power", float, "exponent of the counts that negatives are drawn by (0.75)"),
    (
        "negatives_shared_by",
        ("distant", "group", "center", "pair"),
        "who shares negatives (distant; group for cbow and by triton)",
    ),
    ("cbow_contexts", ("word2vec", "mean", "sum"), "how cbow combines contexts (word2vec)"),
)
# What differs for fastText, whose defaults are those of its own program.
_NGRAMS = (
    ("min_n", int, "characters in the shortest n-gram (3)"),
    ("max_n", int, "characters in the longest n-gram (6)"),
    ("buckets", int, "rows that n-grams are hashed into (2000000)"),
    ("composition", ("mean", "sum"), "what a word is of its rows (mean)"),
)
_DEFAULTS = {"subsample": "0.0001", "lr": "0.05", "noise_power": "0.5", "negatives_shared_by": "center"}
_FASTTEXT = (
    *_NGRAMS,
    *(
        (name, kind, f"{text.rpartition('(')[0]}({_DEFAULTS[name]})" if name in _DEFAULTS else text)
        for name, kind, text in _MODEL
        if name != "loss"
    ),
)
_GLOVE = (
    ("dim", int, "dimensions of the vectors (50)"),
    ("window", int, "words to each side that count, at most (15)"),
    ("x_max", float, "count from which pairs weigh 1 (100)"),
    ("alpha", float, "exponent of the weight of rarer pairs (0.75)"),
    ("lr", float, "learning rate (0.05)"),
    ("epochs", int, "passes over the pairs of words (25)"),
    ("threads", int, "threads; 1 makes equal seeds give equal vectors (one per CPU)"),
    ("seed", int, "seed of every random draw (1)"),
    ("device", str, "where to train: auto, cpu, cuda, cuda:1 (auto)"),
    ("engine", ("native", "torch", "triton"), "what trains (the fastest on the device)"),
    ("weighting", ("distance", "flat"), "count 1 / distance, or 1 (distance)"),
    ("bounds", ("sentence", "document"), "what windows stay in (sentence)"),
    ("combine", ("sum", "words", "contexts"), "which vectors to write (sum)"),
    ("clip", float, "bound of each component of a gradient (100)"),
    ("memory", float, "bytes to count and to shuffle in (1073741824)"),
    ("temporary", str, "folder for temporary files (the system's)"),
)


def add_to(commands: Commands) -> None:
    """Describes the command and its models."""
    parser = add_command(
        commands,
        "train",
        "train word vectors or a BERT on text",
        "  fastnlp train word2vec wiki.txt -o wiki.vec",
    )
    models = parser.add_subparsers(title="models", metavar="MODEL", required=True)
    word2vec = add_command(
        models,
        "word2vec",
        "skip-gram or CBOW (Mikolov et al. 2013)",
        "  fastnlp train word2vec wiki.txt -o wiki.vec\n"
        "  fastnlp train word2vec *.txt.gz -o news.bin --dim 300 --epochs 3 --min-count 10\n"
        "  zcat dump.gz | fastnlp train word2vec - -o dump.vec --lowercase --keep-corpus dump.corpus\n"
        "  fastnlp train word2vec dump.corpus -o dump.vec --checkpoint dump.ckpt   # later with --resume",
    )
    _add_arguments(word2vec, "file to write: .vec or .txt is text, .bin binary, also .gz", FORMATS[:3])
    _add_model(word2vec, "fastnlp.Word2Vec", _MODEL)
    word2vec.set_defaults(run=run_word2vec)
    fasttext = add_command(
        models,
        "fasttext",
        "word2vec over character n-grams (Bojanowski et al. 2017): vectors for unseen words too",
        "  fastnlp train fasttext wiki.txt -o wiki.bin\n"
        "  fastnlp train fasttext wiki.corpus -o wiki.vec --min-n 2 --max-n 5",
    )
    _add_arguments(
        fasttext,
        "file to write: .bin is a model that the fastText program reads, .vec or .txt its known words",
        FORMATS,
    )
    _add_model(fasttext, "fastnlp.FastText", _FASTTEXT)
    fasttext.set_defaults(run=run_fasttext)
    glove = add_command(
        models,
        "glove",
        "co-occurrence counts, fitted by AdaGrad (Pennington et al. 2014)",
        "  fastnlp train glove wiki.txt -o wiki.vec --x-max 10\n"
        "  fastnlp train glove wiki.corpus -o wiki.vec --dim 300 --window 10 --memory 4e9",
    )
    _add_arguments(glove, "file to write: .vec or .txt is text, .bin binary, also .gz", FORMATS[:3])
    settings = glove.add_argument_group("model, as fastnlp.GloVe")
    _add_flags(settings, _GLOVE)
    settings.add_argument(
        "--no-symmetric",
        dest="symmetric",
        action="store_false",
        default=argparse.SUPPRESS,
        help="count only the words that follow",
    )
    glove.set_defaults(run=run_glove)
    add_bert(models)


def _add_arguments(parser: argparse.ArgumentParser, output: str, formats: tuple[str, ...]) -> None:
    """What every model takes: a text, a place for the result, and how the run is kept."""
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="text files, also .gz; - for standard input; or one corpus folder",
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help=output)
    parser.add_argument("--format", choices=formats, help="format of OUT where its name does not say")
    text = parser.add_argument_group("text")
    _add_flags(text, _CORPUS)
    text.add_argument(
        "--lowercase", action="store_true", default=argparse.SUPPRESS, help="lower-case each word"
    )
    text.add_argument(
        "--strip-accents",
        action="store_true",
        default=argparse.SUPPRESS,
        help="drop the accents of each word",
    )
    text.add_argument(
        "--keep-corpus", metavar="FOLDER", help="write the numbered text there, to train on again"
    )
    run_group = parser.add_argument_group("run")
    run_group.add_argument("--checkpoint", metavar="PATH", help="save the state there now and then")
    run_group.add_argument(
        "--checkpoint-every", type=float, default=argparse.SUPPRESS, metavar="X", help="seconds between (600)"
    )
    run_group.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    run_group.add_argument(
        "--log", metavar="FILE", help="keep loss and learning rate there; fastnlp plot run draws them"
    )
    run_group.add_argument(
        "--distributed", action="store_true", help="train in all processes that torchrun has started"
    )
    run_group.add_argument("--quiet", action="store_true", help="show no progress")


def _add_model(parser: argparse.ArgumentParser, name: str, flags: tuple[tuple[str, Any, str], ...]) -> None:
    """The settings of a model that draws windows."""
    model = parser.add_argument_group(f"model, as {name}")
    _add_flags(model, flags)
    model.add_argument(
        "--no-shrink-windows",
        dest="shrink_windows",
        action="store_false",
        default=argparse.SUPPRESS,
        help="always the full window instead of a random size up to it",
    )
    model.add_argument(
        "--deterministic",
        action="store_true",
        default=argparse.SUPPRESS,
        help="equal seeds give equal vectors with any number of threads, at three quarters of the speed",
    )


def _add_flags(group: argparse._ArgumentGroup, flags: tuple[tuple[str, Any, str], ...]) -> None:
    for name, kind, text in flags:
        flag = "--" + name.replace("_", "-")
        if isinstance(kind, tuple):
            group.add_argument(flag, choices=kind, default=argparse.SUPPRESS, help=text)
        else:
            metavar = {int: "N", float: "X", str: "NAME"}[kind]
            group.add_argument(flag, type=kind, metavar=metavar, default=argparse.SUPPRESS, help=text)


def _given(options: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names if hasattr(options, name)}


def run_word2vec(options: argparse.Namespace) -> None:
    """Builds or opens the corpus, trains, and writes the vectors."""
    check_output(options.output, options.format)
    from fastnlp.training import Word2Vec

    model = Word2Vec(**_given(options, ("shrink_windows", "deterministic", *(name for name, _, _ in _MODEL))))
    _train(options, model, lambda: model.vectors.save(options.output, format=options.format))


def run_fasttext(options: argparse.Namespace) -> None:
    """Builds or opens the corpus, trains, and writes the model or the vectors."""
    whole = options.format == "fasttext" or (
        options.format is None and Path(options.output).suffix.lower() == ".bin"
    )
    if whole and Path(options.output).suffix.lower() != ".bin":
        raise ValueError(f"--output: expected a name in .bin for fastText's format, got {options.output}")
    check_output(options.output, options.format)
    from fastnlp.training import FastText

    names = ("shrink_windows", "deterministic", *(name for name, _, _ in _FASTTEXT))
    model = FastText(**_given(options, names))
    if whole and model.config.composition != "mean":
        raise ValueError(
            "--composition: expected mean for fastText's format, got sum; .vec keeps the vectors"
        )

    def save() -> None:
        if whole:
            model.save(options.output)
        else:
            model.vectors.save(options.output, format=options.format)

    _train(options, model, save)


def run_glove(options: argparse.Namespace) -> None:
    """Builds or opens the corpus, counts, trains, and writes the vectors."""
    check_output(options.output, options.format)
    from fastnlp.training import GloVe

    settings = _given(options, ("symmetric", *(name for name, _, _ in _GLOVE)))
    if "memory" in settings:
        settings["memory"] = int(settings["memory"])
    model = GloVe(**settings)
    _train(options, model, lambda: model.vectors.save(options.output, format=options.format))


def _train(options: argparse.Namespace, model: Word2Vec | FastText | GloVe, save: Callable[[], None]) -> None:
    """Trains as the options say, in this process or in those of torchrun, of which the first writes."""
    if not options.distributed:
        _fit(options, model, save)
        return
    from fastnlp.training.distributed import join

    with join() as group:
        if not group.first:
            options.quiet, options.log, options.keep_corpus = True, None, None
        _fit(options, model, save if group.first else None)


def _fit(
    options: argparse.Namespace, model: Word2Vec | FastText | GloVe, save: Callable[[], None] | None
) -> None:
    """Trains, and saves even what a stopped run has learned; without `save` another process does."""
    if options.resume and options.checkpoint is None:
        raise ValueError("--resume: expected --checkpoint with the file to go on from")
    from fastnlp.io.atomic import check_place

    for path in (options.checkpoint, options.log):
        if path is not None and save is not None:
            check_place(path)
    corpus = _corpus(options)
    if save is not None:
        _check_words(corpus.vocab, options)
    if not options.quiet:
        say(
            f"{corpus.n_tokens:,} words in {corpus.n_sentences:,} sentences, "
            f"{len(corpus.vocab):,} of them different"
        )
    callbacks = []
    if options.log is not None:
        from fastnlp.training import RunLog

        callbacks.append(RunLog(options.log, append=options.resume))
    try:
        model.fit(
            corpus,
            progress=not options.quiet,
            callbacks=callbacks,
            checkpoint=options.checkpoint,
            resume=options.resume,
            **_given(options, ("checkpoint_every",)),
        )
    except (KeyboardInterrupt, SystemExit):  # Ctrl-C, SIGTERM
        if save is None:
            raise
        if options.checkpoint is None:
            save()
            say(f"stopped early; wrote what was learned so far to {options.output}")
        else:
            say(f"stopped early; the same command with --resume goes on from {options.checkpoint}")
        raise
    if save is None:
        return
    save()
    if not options.quiet:
        say(f"wrote {options.output}; try: fastnlp nearest {options.output} {corpus.vocab.tokens[0]}")


def check_output(path: str, format: str | None) -> None:  # noqa: A002
    """Refuses before the training an output that would fail after it.

    Raises:
        ValueError: the name does not say the format, or the folder cannot be written to.
    """
    from fastnlp.io.vector_formats import format_from_name

    if format is None and format_from_name(path) is None:
        raise ValueError(f"--output: expected a name in .vec, .txt or .bin, or --format, got {path}")
    check_writable("--output", path)


def _check_words(vocab: Vocab, options: argparse.Namespace) -> None:
    """Refuses before the training words that the output could not hold."""
    from fastnlp.io.vector_formats import format_from_name

    if (options.format or format_from_name(options.output)) in ("npz", "safetensors", "fastnlp"):
        return
    word = next((word for word in vocab.tokens if "\0" in word or "\n" in word), None)
    if word is not None:
        raise ValueError(
            f"--output: expected a name in .npz, .safetensors or .fnv for the word {word!r} with its NUL or "
            f"line feed, got {options.output}"
        )


def _corpus(options: argparse.Namespace) -> Corpus:
    """The corpus folder, opened, or the texts, counted and numbered."""
    from fastnlp.text import Corpus

    for path in options.inputs:
        if path == "-":
            continue
        if not Path(path).exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        for flag in ("output", "checkpoint", "log"):
            target = getattr(options, flag)
            if target is not None and Path(target).exists() and Path(target).samefile(path):
                raise ValueError(f"--{flag}: expected another file than the text, got {target}")
    settings = _given(options, ("lowercase", "strip_accents", *(name for name, _, _ in _CORPUS)))
    if any(Path(path).is_dir() for path in options.inputs):
        if len(options.inputs) > 1:
            raise ValueError(
                f"INPUT: expected text files or one corpus folder, got {' '.join(options.inputs)}"
            )
        if settings or options.keep_corpus:
            flag = "--" + next(iter(settings), "keep_corpus").replace("_", "-")
            raise ValueError(
                f"{flag}: expected a text, got {options.inputs[0]}, a corpus that is numbered already"
            )
        return Corpus.open(options.inputs[0])
    reading = None if options.quiet else Reading()
    try:
        return Corpus.from_text(options.inputs, path=options.keep_corpus, progress=reading, **settings)
    finally:
        if reading is not None:
            reading.close()
