"""The documentation inside the Python that runs: real English prose on every machine, without a network."""

from __future__ import annotations

import ast
import re
import sysconfig
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path

_TEST_FOLDERS = frozenset({"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"})
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
_NAMES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


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
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py"), key=lambda path: path.relative_to(library).parts):
        folders = path.relative_to(library).parts[:-1]
        if _TEST_FOLDERS.isdisjoint(folders) and "pydoc_data" not in folders:
            yield "\n\n".join(_docstrings(path))


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
        if isinstance(node, _NAMES):
            text = ast.get_docstring(node, clean=False)
            if text:
                yield textwrap.dedent(text)
        if isinstance(node, (ast.Module, ast.stmt, ast.ExceptHandler)):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _sentences(text: str) -> Iterator[list[str]]:
    for paragraph in _PARAGRAPH_END.split(text):
        if paragraph.lstrip().startswith(">>>"):
            continue
        for sentence in _SENTENCE_END.split(paragraph):
            words = _WORD.findall(sentence.lower())
            if words:
                yield words
