"""The entry point: reads the arguments, runs the command, turns errors into one line and an exit code.

Everything is imported where Ctrl-C is looked for, so that it ends the process by one line from the start.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

__all__ = ["main"]

_DONE, _FAILED, _INTERRUPTED, _TERMINATED = 0, 1, 130, 143  # argparse ends with 2: a wrong command line


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: the words after `fastnlp`; those of the process without.

    Returns:
        The exit code: 0 done, 1 an input is wrong, the run failed or its output cannot be written, 130
        interrupted by Ctrl-C, 143 ended by SIGTERM after what was learned was kept. A wrong command line ends
        the process with 2.

    Raises:
        SystemExit: after --help, --version or a wrong command line.
    """
    try:
        from fastnlp.cli.commands import command_line
        from fastnlp.cli.streams import open_standard_streams

        open_standard_streams()
        options = command_line().parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("fastnlp: interrupted")
        return _INTERRUPTED
    except SystemExit as end:
        if end.code != _TERMINATED:
            raise
        _say("fastnlp: terminated")
        return _TERMINATED
    except BrokenPipeError:
        # The reader has left, as `head` does.
        _give_up_output()
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
        _say(f"fastnlp: error: {_one_line(error)}")
        if isinstance(error, OSError):
            _give_up_output()
        return _FAILED
    return _DONE


def _say(text: str) -> None:
    if sys.stderr is not None:  # print would take the standard output instead
        print(text, file=sys.stderr, flush=True)


def _give_up_output() -> None:
    """What is still buffered, and could not be written, must not fail again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _one_line(error: Exception) -> str:
    """What went wrong in one line; a KeyError's own text is quoted, and some errors have none."""
    if isinstance(error, OSError) and error.strerror is not None:
        text = f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    elif isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    else:
        text = str(error)
    text = re.sub(r"\bpass errors='(\w+)'", r"pass --errors \1", text)  # of a call in Python
    return " ".join(text.split()) or type(error).__name__


if __name__ == "__main__":  # torchrun -m -- fastnlp.cli.main
    sys.exit(main())
