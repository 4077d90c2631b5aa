"""All commands by their names."""

from __future__ import annotations

import argparse

from fastnlp import __version__
from fastnlp.cli import bpe, convert, demo, evaluate, phrases, plot, search, train
from fastnlp.cli.arguments import CommandParser

__all__ = ["command_line"]


def command_line() -> argparse.ArgumentParser:
    """What reads the words after `fastnlp`; `run` of its result is the command."""
    parser = CommandParser(
        prog="fastnlp",
        description="Word vectors from text, and answers from word vectors.",
        epilog="`fastnlp demo` shows all of it in a few seconds; `fastnlp COMMAND --help` has examples.",
    )
    parser.add_argument("--version", action="version", version=f"fastnlp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (train, phrases, bpe, search, evaluate, plot, convert, demo):
        module.add_to(commands)
    return parser
