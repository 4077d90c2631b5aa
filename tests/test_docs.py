"""The README and the quick start say what works: their Python and their `fastnlp` commands run, in order.

They run in a folder of small stand-ins for the files they name, whose texts hold every word they ask for.
"""

import doctest
import gzip
import hashlib
import random
import re
import shlex
import zipfile
from pathlib import Path

import pytest

import fastnlp
from fastnlp import datasets
from fastnlp.cli.main import main

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "docs/quickstart.md", "docs/bert.md")
SHELL = set("|<>&;$*`")


def blocks(document):
    """(line, language, text) of each fenced block."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, found.start()) + 2, found[1], found[2]


def commands(block):
    """The words of each `fastnlp` command that needs no shell; two may stand side by side on a line."""
    for line in block.splitlines():
        for command in re.split(r"\s{2,}(?=fastnlp )", line.split(" #")[0].strip()):
            if command.startswith("fastnlp ") and not SHELL & set(command):
                yield shlex.split(command)[1:]


def sentences(document):
    """Sentences of all words that the document quotes in Python or gives to a command."""
    words = set()
    for _, language, block in blocks(document):
        if language == "python":
            words.update(re.findall(r'"([A-Za-z]+)"', block))
        else:
            words.update(w for command in commands(block) for w in command if re.fullmatch("[a-z]+", w))
    draw = random.Random(1)
    chosen = sorted(words | {"man", "woman", "king", "queen"})
    return [draw.choices(chosen, k=12) for _ in range(40 * len(chosen))]


def named_files(document):
    text = "\n".join(block for _, language, block in blocks(document) if language in ("python", "sh"))
    return set(re.findall(r"(?<![\w/.*~-])[\w./-]+\.(?:txt\.gz|txt|tsv)\b", text))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if re.search("questions|analog", path.name):
        path.write_text(": family\nman woman king queen\n")
    elif re.search("simlex|wordsim|pairs|[.]tsv$", path.name):
        path.write_text("man\twoman\t8.3\nking\tqueen\t8.6\nman\tqueen\t2.0\n")
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)


@pytest.fixture
def folder(tmp_path, monkeypatch, request):
    """A working folder with the files that the document names, and data sets of the same small text."""
    if not (ROOT / "docs").is_dir():
        pytest.skip("docs/ is no part of the source archive")
    document = request.getfixturevalue("document")
    if document == "docs/bert.md":
        pytest.importorskip("torch")
    split = sentences(document)
    lines = [" ".join(sentence) for sentence in split]
    text = "".join(line + "\n" + "\n" * (i % 20 == 19) for i, line in enumerate(lines))  # several documents
    work, data = tmp_path / "work", tmp_path / "data"
    work.mkdir()
    for name in named_files(document):
        write(work / name, text)
    write(data / "ptb" / "ptb.train.txt", text)
    write(data / "wikitext-2" / "wiki.train.tokens", "".join(f" {line} . {line} . \n" for line in lines))
    for name in ("questions-words.txt", "gensim_wordsim353.tsv", "gensim_simlex999.txt"):
        write(data / "eval" / name, text)
    monkeypatch.setenv("FASTNLP_DATA", str(data))
    monkeypatch.setenv("FASTNLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets, "python_docs", lambda: iter(split))
    if any("d2l" in block for _, language, block in blocks(document) if language == "python"):
        pytest.importorskip("torch")
        archive = data / "ptb.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("ptb/ptb.train.txt", text)
        url = fastnlp.d2l.DATA_HUB["ptb"][0]
        monkeypatch.setitem(
            fastnlp.d2l.DATA_HUB, "ptb", (url, hashlib.sha1(archive.read_bytes()).hexdigest())
        )
    monkeypatch.chdir(work)
    return work


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_runs(document, folder, capsys):
    names = {"__name__": "__main__"}
    ran = 0
    for line, language, block in blocks(document):
        if language == "python":
            source = doctest.script_from_examples(block) if ">>> " in block else block
            exec(compile("\n" * (line - 1) + source, ROOT / document, "exec"), names)
            ran += 1
        elif language == "sh":
            for command in commands(block):
                if "--help" in command:
                    with pytest.raises(SystemExit) as end:
                        main(command)
                    code = end.value.code
                else:
                    code = main(command)
                assert code == 0, f"{document}: fastnlp {shlex.join(command)}: {capsys.readouterr().err}"
                ran += 1
    assert ran > 4


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, "docs/gpu.md", "CONTRIBUTING.md", "docs/architecture.md", "benchmarks/README.md"]
)
def test_links_and_paths_lead_somewhere(document):
    if not (ROOT / "docs").is_dir():
        pytest.skip("docs/ is no part of the source archive")
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    missing = [link for link in links if not (path.parent / link).exists()]
    spoken = re.findall(r"`((?:csrc|fastnlp|tests|benchmarks|docs)/[\w./-]+)`", text)
    missing += [name for name in spoken if not (ROOT / name).exists()]
    assert not missing
