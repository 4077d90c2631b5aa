import os
import subprocess
import sys

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


def test_eval_prints_the_figures_of_each_test(path, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("FASTNLP_DATA", raising=False)
    questions, pairs = tmp_path / "questions.txt", tmp_path / "pairs.tsv"
    questions.write_text(": family\nman woman king queen\nMan Woman Uncle Aunt\n")
    pairs.write_text("man\twoman\t9\nman\ttree\t1\nking\tqueen\t8.5\n")
    assert main(["eval", path, path, "--analogies", str(questions), "--pairs", str(pairs), "--sections"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == [
        f"{path}: 5 words, 3 dimensions",
        "    family: 100.0% (1 of 1; 1 unknown)",
        "  questions.txt: 100.00% (1 of 1; 1 unknown)",
    ]
    assert out[3].startswith("  pairs.tsv: Spearman ") and out[:4] == out[4:]
    assert main(["eval", path]) == 1
    assert "name --analogies or --pairs" in capsys.readouterr().err
    (tmp_path / "eval").mkdir()
    questions.rename(tmp_path / "eval" / "questions-words.txt")
    monkeypatch.setenv("FASTNLP_DATA", str(tmp_path))
    assert main(["eval", path]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "  questions-words.txt: 100.00% (1 of 1; 1 unknown)"
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
    assert "usage: fastnlp" in capsys.readouterr().err


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
