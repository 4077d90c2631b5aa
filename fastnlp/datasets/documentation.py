"""The documentation inside the Python that runs: real English prose on every machine, without a network."""

from __future__ import annotations

import ast
import os
import re
import sysconfig
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path

_SKIPPED_FOLDERS = frozenset(
    {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__", "pydoc_data"}
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = ("finalbody", "orelse", "handlers", "body")  # last first, for a stack


def python_docs() -> Iterator[list[str]]:
    """Sentences of Python's own documentation, about 335,000 words.

    The topics of `help()` and the docstrings of the standard library, which are read from its sources:
    nothing is imported that could have an effect. The order is that of the names, so it is the same on every
    run of one Python. Words are in lower case and without punctuation; examples of code are left out.

    Yields:
        A sentence as a list of words; an empty list after each document (a topic, or a module).

    Raises:
        FileNotFoundError: this Python comes without its sources and topics.

    Example:
        >>> next(python_docs())
        ['the', 'assert', 'statement']
    """
    empty = True
    for text in _documents():
        sentences = list(_sentences(text))
        if sentences:
            empty = False
            yield from sentences
            yield []
    if empty:
        raise FileNotFoundError(
            f"python_docs: expected topics of help() or sources of the standard library in "
            f"{sysconfig.get_path('stdlib')}, got none; this Python comes without them"
        )


def _documents() -> Iterator[str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        pass
    else:
        for name in sorted(topics):
            yield topics[name]
    for folder, folders, files in os.walk(sysconfig.get_path("stdlib")):
        folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
        for file in sorted(files):
            if file.endswith(".py"):
                yield "\n\n".join(_docstrings(Path(folder, file)))


def _docstrings(path: Path) -> Iterator[str]:
    """The docstrings of a module, in the order of the source."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler, about sources that are not ours
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return  # templates and samples of broken code
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _DOCUMENTED):
            text = ast.get_docstring(node, clean=False)
            if text:
                yield textwrap.dedent(text)
        for block in _BLOCKS:
            waiting.extend(reversed(getattr(node, block, ())))


def _sentences(text: str) -> Iterator[list[str]]:
    for paragraph in _PARAGRAPH_END.split(text):
        if paragraph.lstrip().startswith(">>>"):
            continue
        for sentence in _SENTENCE_END.split(paragraph):
            words = _WORD.findall(sentence.lower())
            if words:
                yield words
