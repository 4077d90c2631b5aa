"""The entry point: reads the arguments, runs the command, turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from fastnlp import __version__
from fastnlp.cli import bpe, convert, demo, evaluate, phrases, plot, search, train

__all__ = ["main"]

_DONE, _FAILED, _INTERRUPTED = 0, 1, 130  # argparse itself ends with 2 for a wrong command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastnlp",
        description="Word vectors from text, and answers from word vectors.",
        epilog="`fastnlp demo` shows all of it in a few seconds; `fastnlp COMMAND --help` has examples.",
    )
    parser.add_argument("--version", action="version", version=f"fastnlp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (train, phrases, bpe, search, evaluate, plot, convert, demo):
        module.add_to(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: the words after `fastnlp`; those of the process without.

    Returns:
        The exit code: 0 done, 1 an input is wrong or the run failed, 130 interrupted by Ctrl-C. A wrong
        command line ends the process with 2.

    Raises:
        SystemExit: after --help, --version or a wrong command line.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("fastnlp: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has left, as `head` does. What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except (
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        OSError,
        ImportError,
        MemoryError,
        ArithmeticError,
    ) as error:
        print(f"fastnlp: error: {_one_line(error)}", file=sys.stderr)
        return _FAILED
    return _DONE


def _one_line(error: Exception) -> str:
    """What went wrong in one line; a KeyError's own text is quoted, and some errors have none."""
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    else:
        text = str(error)
    return " ".join(text.split()) or type(error).__name__
