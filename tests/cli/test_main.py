import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastnlp import WordVectors, __version__
from fastnlp.cli.main import main

TABLE = np.array([[1, 0, 1], [1, 1, 1], [1, 0, -1], [1, 1, -1], [-1, 0, 0.1]], np.float32)
WORDS = ["man", "woman", "king", "queen", "tree"]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "small.vec"
    WordVectors(WORDS, TABLE).save(file)
    return str(file)


def in_a_process(*arguments, **options):
    program = "import sys; from fastnlp.cli.main import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", program, *arguments], text=True, **options)


def test_nearest_prints_a_list_for_each_word(path, capsys):
    assert main(["nearest", path, "king", "--topn", "2"]) == 0
    assert capsys.readouterr().out == "  0.8165  queen\n  0.0000  man\n"
    assert main(["nearest", path, "king", "man", "--topn", "1"]) == 0
    assert capsys.readouterr().out == "king\n  0.8165  queen\nman\n  0.8165  woman\n"
    assert main(["nearest", path, "king", "--restrict-vocab", "2"]) == 0
    assert capsys.readouterr().out == "  0.0000  man\n -0.0000  woman\n".replace("-", " ")


def test_analogy_prints_the_answers(path, capsys):
    assert main(["analogy", path, "man", "woman", "king", "--topn", "1"]) == 0
    assert capsys.readouterr().out.split()[1] == "queen"


@pytest.fixture
def tests_of_vectors(tmp_path):
    """The arguments of `fastnlp eval` for one test of each kind."""
    files = {
        "analogies": ": family\nman woman king queen\nMan Woman Uncle Aunt\n: none\na b c d\n",
        "pairs": "man\twoman\t9\nman\ttree\t1\nking\tqueen\t8.5\n",
        "categories": "man person\nwoman person\ntree plant\nbush plant\n",
        "outliers": "man\nwoman\nqueen\n\ntree\nbush\n",
    }
    arguments = []
    for kind, text in files.items():
        (tmp_path / f"{kind}.txt").write_text(text)
        arguments += [f"--{kind}", str(tmp_path / f"{kind}.txt")]
    return arguments


def test_eval_prints_a_row_of_figures_for_each_file(path, tests_of_vectors, capsys):
    assert main(["eval", path, path, *tests_of_vectors, "--sections"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["analogies.txt", "pairs.txt", "categories.txt", "outliers.txt"]
    titles = ["vectors words dim", "3CosAdd 3CosMul asked unknown", "Spearman Pearson pairs unknown"]
    titles += ["purity words unknown", "accuracy OPP sets unknown"]
    assert out[1].split() == " ".join(titles).split()
    first = out[2].split()
    assert first[:7] == [path, "5", "3", "100.00%", "100.00%", "1", "2"]
    assert first[9:] == ["3", "0", "1.0000", "3", "1", "100.00%", "100.00%", "1", "1"]
    assert out[3] == out[2]
    assert out[5].startswith("analogies.txt (3CosAdd)") and out[6].split() == ["family", "100.00%", "100.00%"]
    # Columns stand under their titles.
    assert out[1].index("purity") + len("purity") == out[2].index("1.0000") + len("1.0000")


def test_eval_writes_its_figures_as_json(path, tests_of_vectors, tmp_path, capsys):
    target = tmp_path / "figures.json"
    assert main(["eval", path, *tests_of_vectors, "--dummy4unknown", "--json", str(target)]) == 0
    assert capsys.readouterr().out.startswith(" ")
    (record,) = json.loads(target.read_text())
    assert (record["vectors"], record["words"], record["dimensions"]) == (path, 5, 3)
    kinds = {test["kind"]: test for test in record["tests"]}
    assert list(kinds) == ["analogies", "pairs", "categories", "outliers"]
    assert kinds["analogies"]["3cosadd"] == pytest.approx(1 / 3) and kinds["analogies"]["unknown"] == 2
    assert [section["name"] for section in kinds["analogies"]["sections"]] == ["family", "none"]
    assert kinds["pairs"]["spearman"] == pytest.approx(0.75**0.5)  # two cosines are equal
    assert kinds["outliers"]["accuracy"] == 1
    constant = tmp_path / "constant.txt"
    constant.write_text("man woman 1\nman tree 1\n")
    assert main(["eval", path, "--pairs", str(constant), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["tests"][0]["spearman"] is None


def test_eval_finds_its_tests_in_the_data_folder(path, tests_of_vectors, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("FASTNLP_DATA", raising=False)
    assert main(["eval", path]) == 1
    assert "name --analogies, --pairs, --categories or --outliers" in capsys.readouterr().err
    (tmp_path / "eval").mkdir()
    (tmp_path / "analogies.txt").rename(tmp_path / "eval" / "questions-words.txt")
    monkeypatch.setenv("FASTNLP_DATA", str(tmp_path))
    assert main(["eval", path]) == 0
    assert capsys.readouterr().out.split()[0] == "questions-words.txt"
    assert main(["eval", path, "--case-sensitive"]) == 0


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("the word 'prince' is not among the 5 words", ["nearest", "PATH", "king", "prince"]),
        ("the word 'King' is not among the 5 words; 'king' is", ["analogy", "PATH", "man", "woman", "King"]),
        ("nowhere.vec: No such file or directory", ["nearest", "nowhere.vec", "king"]),
        (
            "line 1: expected the numbers of rows and dimensions",
            ["nearest", __file__, "king", "--format", "word2vec-text"],
        ),
        ("--output: expected a name in .vec, .txt or .bin", ["train", "word2vec", "PATH", "-o", "out"]),
        ("--output: expected a folder that can be", ["train", "word2vec", "PATH", "-o", "no/where/out.vec"]),
        ("--resume: expected --checkpoint", ["train", "word2vec", "PATH", "-o", "out.vec", "--resume"]),
        ("--output: expected a name in .vec, .txt or .bin", ["demo", "-o", "out"]),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(path, capsys, message, arguments):
    assert main([path if argument == "PATH" else argument for argument in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("fastnlp: error: ") and captured.err.count("\n") == 1
    assert message in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["nearest"],
        ["nearest", "x.vec", "word", "--topn", "0"],
        ["nearest", "x.vec", "word", "--topn", "many"],
        ["nearest", "x.vec", "word", "--format", "json"],
        ["analogy", "x.vec", "a", "b"],
        ["train"],
        ["train", "word2vec", "x.txt"],
        ["train", "word2vec", "x.txt", "-o", "x.vec", "--dim", "wide"],
        ["train", "word2vec", "x.txt", "-o", "x.vec", "--loss", "softmax"],
    ],
)
def test_a_wrong_command_line_is_exit_code_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"(fastnlp[ \w]*): error: [^\n]+; \1 --help says more\n", said), said


def test_the_cure_of_bad_bytes_is_a_flag(tmp_path, capsys):
    text = tmp_path / "text"
    text.write_bytes(b"a b a b\xff a b\n")
    command = [
        "train",
        "word2vec",
        str(text),
        "-o",
        str(tmp_path / "x.vec"),
        "--min-count",
        "1",
        "--dim",
        "4",
    ]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "byte 0xff at offset 7, line 1: expected UTF-8" in said
    assert said.endswith("; pass --errors replace to read such bytes as U+FFFD\n")
    assert main([*command, "--errors", "replace", "--subsample", "0"]) == 0


def test_help_has_examples_and_the_version_is_told(capsys):
    for command in (["train", "word2vec"], ["nearest"], ["analogy"], ["eval"], ["demo"]):
        with pytest.raises(SystemExit) as ended:
            main([*command, "--help"])
        assert ended.value.code == 0
        assert f"examples:\n  fastnlp {' '.join(command)}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"fastnlp {__version__}\n"


def test_ctrl_c_is_exit_code_130(path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(WordVectors, "load", interrupted)
    assert main(["nearest", path, "king"]) == 130
    assert capsys.readouterr().err == "fastnlp: interrupted\n"


@pytest.mark.parametrize("early", ["argparse", "fastnlp.cli.train", "numpy", "fastnlp.vectors"])
def test_ctrl_c_while_the_program_loads_is_one_line(path, early):
    program = (
        "import builtins, sys\n"
        "from fastnlp.cli.main import main\n"
        "load = builtins.__import__\n"
        "def loading(name, *rest):\n"
        f"    if name == {early!r}:\n"
        "        raise KeyboardInterrupt\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = loading\n"
        f"sys.modules.pop({early!r}, None)\n"
        "sys.exit(main())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, "nearest", path, "king"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (130, "fastnlp: interrupted\n")


def by_a_shell(redirection, *arguments):
    """Exit code, what the command prints, and its messages; what an editable build says goes elsewhere."""
    program = (
        "import contextlib, io, sys\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    import fastnlp._core\n"
        "from fastnlp.cli.main import main\n"
        "sys.exit(main())\n"
    )
    line = f'"$0" -c "$1" "${{@:2}}" {redirection}'
    run = subprocess.run(
        ["bash", "-c", line, sys.executable, program, *arguments], capture_output=True, text=True, check=False
    )
    messages = [line for line in run.stderr.splitlines() if "fastnlp: " in line or "words, " in line]
    assert "Traceback" not in run.stderr
    return run.returncode, [line for line in run.stdout.splitlines() if line.startswith("  ")], messages


def test_closed_streams_are_one_line_or_none(path, tmp_path):
    assert by_a_shell("<&-", "nearest", path, "king", "--topn", "1") == (0, ["  0.8165  queen"], [])
    closed = "fastnlp: error: <stdout>: the standard stream is closed"
    assert by_a_shell(">&-", "nearest", path, "king") == (1, [], [closed])
    assert by_a_shell("2>&-", "nearest", path, "prince") == (1, [], [])
    code, _, messages = by_a_shell("<&-", "train", "word2vec", "-", "-o", str(tmp_path / "out.vec"))
    assert (code, messages) == (1, ["fastnlp: error: <stdin>: the standard stream is closed"])
    code, _, messages = by_a_shell("<&- >&-", "convert", path, str(tmp_path / "out.fnv"))  # prints nothing
    assert code == 0 and "5 words, 3 dimensions" in messages[0]
    assert by_a_shell("<&- >&- 2>&-", "convert", path, str(tmp_path / "again.fnv"))[0] == 0
    assert by_a_shell(">&-", "--help")[0] == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_the_output_is_one_line(path):
    expected = (1, [], ["fastnlp: error: No space left on device"])
    assert by_a_shell(">/dev/full", "nearest", path, "king") == expected


def test_a_reader_that_leaves_is_no_traceback(tmp_path):
    words = [f"word{i}" for i in range(30_000)]
    file = tmp_path / "many.bin"
    WordVectors(words, np.ones((30_000, 2), np.float32)).save(file)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        run = in_a_process(
            "nearest", str(file), "word0", "--topn", "30000", stdout=gone, stderr=subprocess.PIPE
        )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr and "BrokenPipe" not in run.stderr


def test_help_loads_neither_numpy_nor_the_core():
    program = (
        "import sys\n"
        "from fastnlp.cli.main import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        "    print(sorted({'numpy', 'fastnlp._core', 'torch'} & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
