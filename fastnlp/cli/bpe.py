"""`fastnlp bpe train|encode|decode|info`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fastnlp.cli.arguments import add_command, positive
from fastnlp.cli.progress import Reading, say
from fastnlp.cli.text_lines import text_lines

if TYPE_CHECKING:
    from fastnlp.cli.arguments import Commands
    from fastnlp.cli.text_lines import Lines
    from fastnlp.tokenizers import BPE
    from fastnlp.tokenizers.batch import Batch

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Describes the commands."""
    parser = add_command(
        commands,
        "bpe",
        "learn a byte-pair encoding, and turn text into its ids and back",
        "  fastnlp bpe train wiki.txt -o tokenizer.json --vocab-size 32000 --pretokenizer gpt2\n"
        "  fastnlp bpe encode tokenizer.json wiki.txt > wiki.ids\n"
        "  fastnlp bpe encode tokenizer.json wiki.txt -o wiki.corpus --to corpus\n"
        "  fastnlp bpe decode tokenizer.json wiki.ids\n"
        "  fastnlp bpe info tokenizer.json",
    )
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(kinds)
    _add_encode(kinds)
    _add_decode(kinds)
    info = add_command(kinds, "info", "show what is in a tokenizer file", "  fastnlp bpe info tokenizer.json")
    _add_tokenizer(info)
    info.set_defaults(run=run_info)


def _add_tokenizer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "tokenizer",
        metavar="TOKENIZER",
        help="tokenizer.json, vocab.json, .tiktoken, codes of subword-nmt",
    )
    parser.add_argument("--merges", metavar="FILE", help="the merges of a vocab.json (merges.txt beside it)")
    parser.add_argument(
        "--pretokenizer", metavar="NAME", help="where the file does not say it: gpt2, gpt4, llama3, o200k"
    )


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", help="text files, also .gz; - for standard input"
    )
    parser.add_argument(
        "--errors",
        choices=("strict", "keep"),
        default="strict",
        help="bytes that are no UTF-8: refuse them, or take any bytes as they are (strict)",
    )


def _add_train(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "train",
        "learn merges from text",
        "  fastnlp bpe train wiki.txt -o tokenizer.json\n"
        "  fastnlp bpe train *.txt.gz -o tokenizer.json --vocab-size 50257 --special '<|endoftext|>'\n"
        "  fastnlp bpe train words.txt -o words.json --kind char --end-of-word _",
    )
    _add_inputs(parser)
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="tokenizer.json or .tiktoken")
    given: dict[str, Any] = {"default": argparse.SUPPRESS}
    parser.add_argument("--vocab-size", type=positive, default=32_000, metavar="N", help="tokens (32000)")
    parser.add_argument(
        "--pretokenizer",
        metavar="NAME",
        help="gpt2, gpt4, llama3, o200k, whitespace, none, or a pattern (gpt2)",
        **given,
    )
    parser.add_argument("--kind", choices=("byte", "char"), help="smallest symbols (byte)", **given)
    parser.add_argument("--end-of-word", metavar="S", help="mark behind each word, of kind char", **given)
    parser.add_argument(
        "--special", metavar="TOKEN", action="append", help="a special token (repeat for more)"
    )
    parser.add_argument("--unknown", metavar="TOKEN", help="the special token for unknown characters (char)")
    parser.add_argument("--min-frequency", type=positive, metavar="N", help="of merged pairs (1)", **given)
    parser.add_argument(
        "--max-token-length", type=positive, metavar="N", help="of the longest token (any)", **given
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="threads (one per CPU)")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=run_train)


def _add_encode(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "encode",
        "turn text into ids",
        "  fastnlp bpe encode tokenizer.json wiki.txt > wiki.ids\n"
        "  fastnlp bpe encode tokenizer.json wiki.txt -o wiki.corpus --to corpus\n"
        "  echo 'the lazy dog' | fastnlp bpe encode tokenizer.json - --to tokens",
    )
    _add_tokenizer(parser)
    _add_inputs(parser)
    parser.add_argument("-o", "--output", default="-", metavar="OUT", help="file or folder (standard output)")
    parser.add_argument(
        "--to",
        choices=("ids", "tokens", "corpus"),
        default="ids",
        help="a line of ids or tokens for each line of text; or a corpus folder (ids)",
    )
    parser.add_argument(
        "--special",
        choices=("refuse", "allow", "text"),
        default="refuse",
        help="special tokens in it (refuse)",
    )
    parser.add_argument(
        "--add-special-tokens",
        action="store_true",
        help="put around each line what the tokenizer.json says, such as <s> and </s>",
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="threads (one per CPU)")
    parser.set_defaults(run=run_encode)


def _add_decode(kinds: Commands) -> None:
    parser = add_command(
        kinds, "decode", "turn ids into text", "  fastnlp bpe decode tokenizer.json wiki.ids > wiki.txt"
    )
    _add_tokenizer(parser)
    parser.add_argument("input", metavar="INPUT", help="lines of ids; - for standard input")
    parser.add_argument("-o", "--output", default="-", metavar="OUT", help="file (standard output)")
    parser.add_argument("--skip-special", action="store_true", help="leave special tokens out")
    parser.set_defaults(run=run_decode)


def _load(options: argparse.Namespace) -> BPE:
    from fastnlp.tokenizers import BPE

    return BPE.load(options.tokenizer, merges=options.merges, pretokenizer=options.pretokenizer)


def _check_inputs(inputs: list[str]) -> None:
    """A list of names that are no files would be taken for a text."""
    for path in inputs:
        if path != "-" and (not path or not Path(path).exists()):
            raise FileNotFoundError(f"INPUT: expected a file, but {path!r} does not exist")


def run_train(options: argparse.Namespace) -> None:
    """Learns merges and writes the tokenizer."""
    from fastnlp.tokenizers import BPE

    _check_inputs(options.inputs)
    names = ("pretokenizer", "kind", "end_of_word", "min_frequency", "max_token_length")
    settings = {name: getattr(options, name) for name in names if hasattr(options, name)}
    if not options.output.endswith((".json", ".tiktoken")):
        raise ValueError(f"OUT: expected a name that ends with .json or .tiktoken, got {options.output}")
    reading = None if options.quiet else Reading()

    def show(stage: str, done: int, total: int | None) -> None:
        if reading is not None and stage == "count":
            reading(done, total)

    try:
        bpe = BPE.train(
            options.inputs,
            options.vocab_size,
            special_tokens=options.special or (),
            unknown=options.unknown,
            errors=options.errors,
            threads=options.threads,
            progress=show,
            **settings,
        )
    finally:
        if reading is not None:
            reading.close()
    bpe.save(options.output)
    if not options.quiet:
        say(f"{options.output}: {bpe.vocab_size:,} tokens, {len(bpe.definition.merged):,} merges")


def run_encode(options: argparse.Namespace) -> None:
    """Writes the ids of text."""
    _check_inputs(options.inputs)
    bpe = _load(options)
    if options.to == "corpus":
        from fastnlp.text import Corpus

        if options.output == "-":
            raise ValueError("-o: expected a folder for a corpus, got the standard output")
        if options.special != "refuse":
            raise ValueError(f"--special: expected 'refuse' for a corpus, got {options.special!r}")
        if options.errors != "strict":
            raise ValueError(f"--errors: expected 'strict' for a corpus, got {options.errors!r}")
        if options.add_special_tokens:
            raise ValueError("--add-special-tokens: expected none for a corpus, which is running text")
        corpus = Corpus.from_text(options.inputs, tokenizer=bpe, threads=options.threads, path=options.output)
        say(f"{options.output}: {corpus!r}")
        return
    uses: dict[str, dict[str, Any]] = {
        "refuse": {},
        "allow": {"allowed_special": "all"},
        "text": {"disallowed_special": ()},
    }

    strict = options.errors == "strict"

    def encode(lines: list[bytes]) -> Batch:
        return bpe.encode_batch(
            [line.decode() for line in lines] if strict else lines,
            add_special_tokens=options.add_special_tokens,
            threads=options.threads,
            **uses[options.special],
        )

    names = bpe.tokens
    with _Output(options.output) as out:
        write = _line_writer(out)
        for read in text_lines(options.inputs):
            try:
                rows = encode(read.lines).tolist()
            except ValueError:
                _refuse_line(read, encode)
                raise
            texts = [[names[i] for i in row] for row in rows] if options.to == "tokens" else rows
            write([" ".join(map(str, row)).encode() for row in texts], read.ended)


def _line_writer(out: BinaryIO) -> Callable[[list[bytes], bool], None]:
    """A function that writes lines; the last one of all has an end if that of the input has one."""
    open_line = False

    def write(lines: list[bytes], ended: bool) -> None:
        nonlocal open_line
        out.write(b"\n" * open_line + b"\n".join(lines) + b"\n" * ended)
        open_line = not ended

    return write


def _refuse_line(read: Lines, encode: Callable[[list[bytes]], Batch]) -> None:
    """Says which of the lines cannot be encoded, and what to do about it."""
    for number, line in enumerate(read.lines, read.first):
        try:
            encode([line])
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{read.name}, line {number}: expected UTF-8, got {line[error.start : error.start + 4]!r} at "
                f"byte {error.start}; --errors keep encodes any bytes as they are"
            ) from None
        except ValueError as error:
            reason, _, remedy = str(error).partition("; pass it in allowed_special")
            if remedy:
                reason += "; --special allow encodes it as such, --special text as text"
            raise ValueError(f"{read.name}, line {number}: {reason}") from None


def run_decode(options: argparse.Namespace) -> None:
    """Writes the text of ids."""
    _check_inputs([options.input])
    bpe = _load(options)
    mark = bpe.definition.end_of_word.encode()

    def decode(line: bytes, place: str) -> bytes:
        try:
            ids = [int(word) for word in line.split()]
        except ValueError:
            raise ValueError(f"{place}: expected ids, got {line[:40].decode(errors='replace')!r}") from None
        try:
            text = bpe.decode_bytes(ids, skip_special_tokens=options.skip_special)
        except IndexError as error:
            raise ValueError(f"{place}: {error}") from None
        return text.removesuffix(mark).replace(mark, b" ") if mark else text

    with _Output(options.output) as out:
        write = _line_writer(out)
        for read in text_lines([options.input]):
            numbered = enumerate(read.lines, read.first)
            write([decode(line, f"{read.name}, line {number}") for number, line in numbered], read.ended)


def run_info(options: argparse.Namespace) -> None:
    """Shows what is in a tokenizer file."""
    bpe = _load(options)
    definition = bpe.definition
    longest = max((token for token in definition.tokens if token is not None), key=len)
    shown = {
        "tokens": f"{bpe.vocab_size:,}",
        "merges": f"{len(definition.merged):,}",
        "kind": definition.kind,
        "pretokenizer": definition.pretokenizer,
        "end of word": definition.end_of_word or "none",
        "special tokens": ", ".join(f"{text} = {i}" for text, i in bpe.special_tokens.items()) or "none",
        "longest token": repr(longest.decode("utf-8", "replace")),
    }
    for name, value in shown.items():
        print(f"{name:<16}{value}")


class _Output:
    """A file that is whole or not there, or the standard output.

    Args:
        path: its name, or "-".
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._writing: Any = None

    def __enter__(self) -> BinaryIO:
        if self._path == "-":
            sys.stdout.flush()
            out: BinaryIO = sys.stdout.buffer
            return out
        from fastnlp.io.atomic import atomic_write

        self._writing = atomic_write(self._path)
        file: BinaryIO = self._writing.__enter__()
        return file

    def __exit__(self, *raised: Any) -> None:
        if self._writing is not None:
            self._writing.__exit__(*raised)
