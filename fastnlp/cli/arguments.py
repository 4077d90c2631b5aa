"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

if TYPE_CHECKING:
    from fastnlp.vectors import WordVectors

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["CommandParser", "add_command", "add_loading", "check_writable", "load", "positive"]

FORMATS = ("word2vec-text", "word2vec-binary", "glove", "fasttext", "npz", "safetensors", "fastnlp")


class CommandParser(argparse.ArgumentParser):
    """Takes files and words in front of options, between them and behind them; an error is one line."""

    _mixing = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Reads options first and the rest after, but where a command's name comes first.

        Args:
            args: the words; those of the process without.
            namespace: what gets the values; a new one without.

        Returns:
            The values, and the words that nothing takes.
        """
        if self._subparsers is not None or self._mixing:
            return super().parse_known_args(args, namespace)
        self._mixing = True  # what reads both calls this method for each
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        """Ends the process with 2, as argparse does, without the lines of its usage."""
        self.exit(2, f"{self.prog}: error: {message}; {self.prog} --help says more\n")


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return number


def add_command(
    commands: Commands, name: str, summary: str, examples: str, **more: Any
) -> argparse.ArgumentParser:
    """A command with its examples at the end of its help."""
    return commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **more,
    )


def add_loading(parser: argparse.ArgumentParser) -> None:
    """How a file of word vectors is read."""
    parser.add_argument("--format", choices=FORMATS, help="format of the file (from its name or first bytes)")
    parser.add_argument("--limit", type=positive, metavar="N", help="read the first N words only")


def check_writable(flag: str, path: str) -> None:
    """Refuses before long work what could not be written after it.

    Raises:
        ValueError: there is no folder for it, or it takes no new files.
    """
    from fastnlp.io.atomic import check_place

    try:
        check_place(path)
    except OSError:
        folder = Path(path).resolve().parent
        raise ValueError(f"{flag}: expected a folder that can be written to, got {folder}") from None


def load(path: str, options: argparse.Namespace) -> WordVectors:
    """The word vectors in a file, read as the options say."""
    from fastnlp.vectors import WordVectors

    return WordVectors.load(path, format=options.format, limit=options.limit)
