import json

import numpy as np
import pytest

from fastnlp import WordVectors
from fastnlp.cli.main import main

pytest.importorskip("matplotlib")

WORDS = ["man", "woman", "king", "queen", "tree", "stone", "river", "sea"]


@pytest.fixture
def path(tmp_path):
    table = np.random.default_rng(1).normal(size=(8, 6)).astype(np.float32)
    table[3] = table[2] + table[1] - table[0]
    WordVectors(WORDS, table).save(tmp_path / "small.vec")
    return str(tmp_path / "small.vec")


@pytest.mark.parametrize(
    "arguments",
    [
        ["map", "PATH"],
        ["map", "PATH", "king", "queen", "tree", "--title", "Three", "--size", "5x4"],
        ["map", "PATH", "--near", "king", "--near", "sea", "--topn", "2", "--restrict-vocab", "6"],
        ["map", "PATH", "tree", "--group", "royal", "king", "queen", "--group", "water", "river", "sea"],
        ["analogy", "PATH", "man", "woman", "king", "queen"],
        ["analogy", "PATH", "man", "woman", "king", "--plane", "difference", "--size", "6x6"],
        ["heatmap", "PATH", *WORDS],
        ["heatmap", "PATH", "king", "man", "--columns", "sea", "river", "--order", "given"],
    ],
)
def test_each_picture_is_written(path, tmp_path, arguments, capsys):
    for suffix, head in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        out = tmp_path / f"picture{suffix}"
        command = [path if word == "PATH" else word for word in arguments]
        assert main(["plot", *command, "-o", str(out)]) == 0, capsys.readouterr().err
        assert out.read_bytes().startswith(head)
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err == f"wrote {out}\n"


def test_words_may_stand_behind_options(path, tmp_path, capsys):
    before, behind = tmp_path / "before.svg", tmp_path / "behind.svg"
    assert main(["plot", "map", path, "king", "--near", "sea", "queen", "-o", str(behind), "tree"]) == 0
    assert main(["plot", "map", path, "king", "queen", "tree", "--near", "sea", "-o", str(before)]) == 0
    assert behind.read_text() == before.read_text()
    capsys.readouterr()


def test_a_page_is_written(path, tmp_path, capsys):
    out = tmp_path / "words.html"
    assert main(["plot", "page", path, "-o", str(out), "--words", "6"]) == 0
    assert "<h1>small.vec</h1>" in out.read_text()
    assert capsys.readouterr().err == f"wrote {out}: 6 words, 0.0 MB\n"


def test_the_curves_of_a_run_come_from_its_checkpoint_or_its_log(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat\n" * 400)
    run = ["train", "word2vec", str(text), "-o", str(tmp_path / "a.vec"), "--quiet", "--dim", "4"]
    log, checkpoint = str(tmp_path / "a.log"), str(tmp_path / "a.ckpt")
    assert main([*run, "--log", log, "--checkpoint", checkpoint, "--subsample", "0"]) == 0
    assert json.loads((tmp_path / "a.log").read_text().splitlines()[-1])["fraction"] == 1
    out = tmp_path / "curves.svg"
    assert main(["plot", "run", log, checkpoint, "-o", str(out)]) == 0, capsys.readouterr().err
    assert out.stat().st_size > 5000


def test_labels_without_room_are_a_line_on_the_standard_error(path, tmp_path, capsys):
    out = str(tmp_path / "small.png")
    assert main(["plot", "map", path, "-o", out, "--size", "1x1"]) == 0
    assert "fastnlp: warning: " in (err := capsys.readouterr().err) and "found no room" in err


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("the word 'prince' is not among the 8", ["map", "PATH", "king", "prince", "-o", "OUT.png"]),
        ("--output: expected a name in .png, .svg, .pdf, got", ["map", "PATH", "-o", "OUT.jpg"]),
        ("--output: expected a name in .html, got", ["page", "PATH", "-o", "OUT.png"]),
        ("--output: expected a folder that can be written to", ["map", "PATH", "-o", "no/where/x.png"]),
        (
            "--group: expected a name and words, got 'royal' alone",
            ["map", "PATH", "--group", "royal", "-o", "OUT.png"],
        ),
        ("WORD: expected pairs of words, got 'man' alone", ["analogy", "PATH", "man", "-o", "OUT.png"]),
        ("two different words", ["analogy", "PATH", "man", "woman", "king", "king", "-o", "OUT.png"]),
        ("at least two to compare", ["heatmap", "PATH", "man", "-o", "OUT.png"]),
        ("nowhere.ckpt: No such file", ["run", "nowhere.ckpt", "-o", "OUT.png"]),
        ("not a checkpoint of fastnlp", ["run", "PATH", "-o", "OUT.png"]),
        ("nowhere.vec: No such file", ["page", "nowhere.vec", "-o", "OUT.html"]),
    ],
)
def test_an_error_is_one_line_and_leaves_no_file(path, tmp_path, capsys, message, arguments):
    words = [path if word == "PATH" else word.replace("OUT", str(tmp_path / "out")) for word in arguments]
    assert main(["plot", *words]) == 1
    err = capsys.readouterr().err
    assert err.startswith("fastnlp: error: ") and err.count("\n") == 1 and message in err
    assert [file.name for file in tmp_path.iterdir()] == ["small.vec"]


@pytest.mark.parametrize(
    "arguments", [[], ["pie"], ["map"], ["map", "x.vec"], ["map", "x.vec", "-o", "x.png", "--size", "big"]]
)
def test_a_wrong_command_line_is_exit_code_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["plot", *arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("fastnlp plot")
    assert said.count("\n") == 1


def test_help_has_examples(capsys):
    for picture in ("map", "analogy", "heatmap", "run", "page"):
        with pytest.raises(SystemExit):
            main(["plot", picture, "--help"])
        text = capsys.readouterr().out
        assert "examples:" in text and f"fastnlp plot {picture}" in text
