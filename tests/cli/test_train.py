import gzip
import inspect
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import fastnlp as fn
from fastnlp.cli.main import main
from fastnlp.cli.train import _CORPUS, _MODEL

TEXT = "the cat sat on the mat\nthe dog sat on the rug\n" * 200
FLAGS = ["--dim", "8", "--epochs", "2", "--threads", "1"]
MODEL = {"dim": 8, "epochs": 2, "threads": 1}


@pytest.fixture
def text(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text(TEXT)
    return str(file)


def test_what_is_written_is_what_python_trains(text, tmp_path, capsys):
    out = tmp_path / "out.bin"
    assert main(["train", "word2vec", text, "-o", str(out), *FLAGS]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "2,400 words in 400 sentences, 7 of them different" in captured.err
    assert re.search(r"100\.0%  epoch 2/2 .* loss ", captured.err)
    assert f"fastnlp nearest {out} the" in captured.err and "\r" not in captured.err
    expected = fn.Word2Vec(**MODEL).fit(fn.Corpus.from_text(text)).vectors
    ours = fn.WordVectors.load(out)
    assert ours.index_to_key == expected.index_to_key
    assert (ours.vectors == expected.vectors).all()


def test_every_kind_of_input_gives_the_same_vectors(text, tmp_path):
    def trained(*inputs, **options):
        out = tmp_path / "out.vec"
        program = "import sys; from fastnlp.cli.main import main; sys.exit(main())"
        command = ["train", "word2vec", *inputs, "-o", str(out), "--quiet", *FLAGS]
        subprocess.run([sys.executable, "-c", program, *command], check=True, **options)
        return out.read_bytes()

    packed, folder = tmp_path / "text.txt.gz", tmp_path / "corpus"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    expected = trained(text, "--keep-corpus", str(folder))
    assert trained(str(packed)) == trained("-", input=TEXT.encode()) == trained(str(folder)) == expected
    assert trained(text, text) != expected


def test_settings_of_the_text_reach_the_corpus(tmp_path, capsys):
    file, out = tmp_path / "text.txt", tmp_path / "out.vec"
    file.write_text("Rose rose ROSE cat cat dog\n" * 100)
    command = ["train", "word2vec", str(file), "-o", str(out), "--quiet", "--subsample", "0", *FLAGS]
    for more, words in (
        (["--min-count", "150", "--lowercase"], ["rose", "cat"]),
        (["--lowercase", "--max-vocab", "2"], ["rose", "cat"]),
    ):
        assert main([*command, *more]) == 0
        assert capsys.readouterr().out == ""
        assert fn.WordVectors.load(out).index_to_key == words


@pytest.mark.parametrize(
    ("message", "more"),
    [
        ("window: expected a whole number from 1", ["--window", "0"]),
        ("lr: expected a number above 0", ["--lr", "0"]),
        ("min_count", ["--min-count", "100000"]),
    ],
)
def test_bad_settings_are_one_line(text, tmp_path, capsys, message, more):
    assert main(["train", "word2vec", text, "-o", str(tmp_path / "out.vec"), "--quiet", *more]) == 1
    captured = capsys.readouterr().err
    assert captured.startswith("fastnlp: error: ") and captured.count("\n") == 1 and message in captured
    assert not (tmp_path / "out.vec").exists()


def test_bad_inputs_are_one_line(text, tmp_path, capsys):
    fn.Corpus.from_text(text).save(tmp_path / "corpus")
    out = ["-o", str(tmp_path / "out.vec"), "--quiet"]
    nul = tmp_path / "nul.txt"
    nul.write_bytes(b"a\0b c d\n" * 9)
    for message, inputs in (
        ("nowhere.txt: No such file", [str(tmp_path / "nowhere.txt")]),
        ("nowhere.txt: No such file", [text, str(tmp_path / "nowhere.txt")]),
        ("expected text files or one corpus folder", [str(tmp_path / "corpus"), text]),
        ("--lowercase: expected a text", [str(tmp_path / "corpus"), "--lowercase"]),
        ("--keep-corpus: expected a text", [str(tmp_path / "corpus"), "--keep-corpus", "x"]),
        ("--log: expected another file than the text", [text, "--log", text]),
        ("--output: expected a name in .npz, .safetensors or .fnv for", [str(nul), "--min-count", "1"]),
    ):
        assert main(["train", "word2vec", *inputs, *out]) == 1
        captured = capsys.readouterr().err
        assert message in captured and captured.count("\n") == 1, captured


def test_the_text_is_not_overwritten(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("a b c\n" * 9)
    assert main(["train", "word2vec", str(text), "-o", str(text), "--quiet"]) == 1
    assert "--output: expected another file than the text" in capsys.readouterr().err
    assert text.read_text() == "a b c\n" * 9


def test_the_defaults_that_help_states_are_those_of_python():
    stated = {name: text.rsplit("(", 1)[1].rstrip(")") for name, _, text in (*_MODEL, *_CORPUS)}
    model = inspect.signature(fn.Word2Vec).parameters
    corpus = inspect.signature(fn.Corpus.from_text).parameters
    special = {
        None: (
            "all",
            "none",
            "one per CPU",
            "lr / 10000",
            "0.025; 0.05 for cbow",
            "the fastest on the device",
            "distant; group for cbow and by triton",
        )
    }
    for name, text in stated.items():
        default = (model if name in model else corpus)[name].default
        assert text in special.get(default, (str(default), f"{default}: an error")), name
    flags = {name for name, _, _ in _MODEL} | {"shrink_windows", "deterministic"}
    assert flags == set(model), "every setting of the model is a flag"


@pytest.mark.parametrize(
    ("checkpoint", "sent", "code"),
    [(False, signal.SIGINT, 130), (True, signal.SIGINT, 130), (False, signal.SIGTERM, 143)],
)
def test_a_signal_keeps_what_was_learned(text, tmp_path, checkpoint, sent, code):
    out, state = tmp_path / "out.vec", tmp_path / "state"
    program = "import sys; from fastnlp.cli.main import main; sys.exit(main())"
    command = [
        "train",
        "word2vec",
        text,
        "-o",
        str(out),
        "--epochs",
        "1000000",
        "--dim",
        "8",
        "--threads",
        "1",
    ]
    command += ["--checkpoint", str(state), "--checkpoint-every", "0.1"] if checkpoint else []
    with subprocess.Popen(
        [sys.executable, "-c", program, *command], stderr=subprocess.PIPE, text=True
    ) as run:
        for line in run.stderr:
            if "words in" in line:
                break
        time.sleep(1.5)
        os.kill(run.pid, sent)
        last = run.stderr.read()
        assert run.wait(20) == code
    assert "stopped early" in last and "Traceback" not in last
    assert state.exists() == checkpoint and out.exists() != checkpoint
    if not checkpoint:
        assert len(fn.WordVectors.load(out)) == 7


def test_the_demo_trains_and_shows_how_to_go_on(tmp_path, capsys):
    out = tmp_path / "demo.vec"
    assert main(["demo", "--quiet", "-o", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    near = dict(re.findall(r"nearest to (\w+): +(.*)", captured.out))
    # Which of them it is depends on the documentation of this Python.
    assert {"files", "filename", "directory"} & set(near["file"].split(", "))
    assert {"threads", "process", "processes"} & set(near["thread"].split(", "))
    assert f"fastnlp nearest {out} list" in captured.out
    assert "list" in fn.WordVectors.load(out)
