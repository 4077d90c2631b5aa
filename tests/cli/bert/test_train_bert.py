import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from fastnlp import BertForPreTraining
from fastnlp.cli.main import main
from fastnlp.training.bert import data, updates
from fastnlp.training.pretraining_reports import PretrainingTable


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    draw = np.random.default_rng(0)
    words = ["cat", "dog", "bird", "house", "tree", "river"]
    lines = []
    for _ in range(20):
        lines += [
            " ".join(" ".join(draw.choice(words, 4)).capitalize() + "." for _ in range(4)) for _ in range(3)
        ]
        lines.append("")
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(lines))
    return path


SMALL = {
    "preset": "tiny", "hidden-size": "16", "num-attention-heads": "2", "num-hidden-layers": "1",
    "intermediate-size": "16", "vocab-size": "300", "max-len": "24", "batch-size": "8",
    "precision": "float32", "device": "cpu", "threads": "1", "log-every": "2",
}  # fmt: skip
SMALL = [word for name, value in SMALL.items() for word in (f"--{name}", value)]


def test_a_text_becomes_a_model_that_fills_masks(text, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["train", "bert", str(text), "-o", str(out), *SMALL, "--steps", "6", "--lr", "1e-3"]
    more = ["--log", str(tmp_path / "run.csv"), "--checkpoint", str(tmp_path / "run")]
    more += ["--validation", str(text)]
    assert main([*command, *more]) == 0
    assert "by their frequencies alone" in capsys.readouterr().err
    model = BertForPreTraining.from_pretrained(out)
    assert (model.config.hidden_size, model.config.vocab_size) == (16, len(model.tokenizer))
    assert len(model.fill_mask("The [MASK] house.", top=3)[0]) == 3
    assert model.encode(["a house", ("a", "tree")]).shape == (2, 16)
    rows = PretrainingTable.load(tmp_path / "run.csv")
    assert [row.step for row in rows] == [2, 4, 6]
    assert rows[-1].validation_mlm_loss > 0
    pytest.importorskip("matplotlib")
    assert main(["plot", "run", str(tmp_path / "run.csv"), "-o", str(tmp_path / "run.png")]) == 0
    assert (tmp_path / "run.png").stat().st_size > 10_000
    assert main(["plot", "run", *[str(tmp_path / "run.csv")] * 2, "-o", str(tmp_path / "run.png")]) == 1
    state = json.loads((tmp_path / "run" / "step-000000006" / "trainer.json").read_text())
    assert state["run"]["settings"]["lr"] == 1e-3

    again = tmp_path / "again"
    with_file = ["--tokenizer", str(out / "tokenizer.json"), "--quiet", "--no-next-sentence", "--lines"]
    assert main(["train", "bert", str(text), "-o", str(again), *SMALL, "--steps", "2", *with_file]) == 0
    assert not BertForPreTraining.from_pretrained(again).config.next_sentence
    assert main([*command, *more, "--resume", "--quiet"]) == 0
    done = BertForPreTraining.from_pretrained(out)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), done.parameters(), strict=True))


def test_every_rule_and_part_has_a_flag(text, tmp_path, monkeypatch):
    seen = []

    class Recorded(data.BertExamples):
        def __init__(self, corpus, **options):
            seen.append(options)
            super().__init__(corpus, **options)

    monkeypatch.setattr(data, "BertExamples", Recorded)
    out, run = tmp_path / "out", tmp_path / "run"
    flags = "--pairs adjacent --next-sentence-rule book --long-pairs drop --pad-multiple 8 --pool 4"
    flags += " --max-predictions 2 --replacement 0.5 0.25 0.25 --whole-words --predict-unknown --drop-last"
    flags += " --mlm-head book --no-embedding-norm --no-tie-word-embeddings --no-bias --norm pre"
    flags += " --initializer-range 0.05 --layer-norm-eps 1e-6 --max-position-embeddings 40 --beta1 0.8"
    flags += " --beta2 0.95 --epsilon 1e-7 --padded --validation-batches 1 --seed 7 --quiet --steps 2"
    command = ["train", "bert", str(text), *SMALL, *flags.split(), "--checkpoint", str(run)]
    assert main([*command, "-o", str(out), "--validation", str(text)]) == 0
    rules = {
        "pairs": "adjacent", "next_sentence_rule": "book", "long_pairs": "drop", "pad_multiple": 8, "pool": 4,
        "max_predictions": 2, "replacement": [0.5, 0.25, 0.25], "whole_words": True, "predict_unknown": True,
        "drop_last": True, "pad_to": "max_len", "max_len": 24, "seed": 7, "mode": "nsp", "world_size": 1,
    }  # fmt: skip
    assert len(seen) == 2 and all(rules.items() <= options.items() for options in seen)
    config = BertForPreTraining.from_pretrained(out).config
    assert (config.mlm_head, config.embedding_norm, config.tie_word_embeddings) == ("book", False, False)
    assert (config.bias, config.norm, config.initializer_range) == (False, "pre", 0.05)
    assert (config.layer_norm_eps, config.max_position_embeddings) == (1e-6, 40)
    settings = json.loads((run / "step-000000002" / "trainer.json").read_text())["run"]["settings"]
    assert (settings["beta1"], settings["beta2"], settings["epsilon"]) == (0.8, 0.95, 1e-7)
    assert settings["unpadded"] is False


def test_a_model_is_gone_on_with(text, tmp_path, capsys):
    out, again = tmp_path / "out", tmp_path / "again"
    assert main(["train", "bert", str(text), "-o", str(out), *SMALL, "--steps", "2", "--quiet"]) == 0
    more = ["--init-from", str(out), "-o", str(again), "--steps", "1", "--quiet", "--max-len", "24"]
    assert main(["train", "bert", str(text), *more, "--batch-size", "8", "--lr", "1e-9"]) == 0
    first, second = map(BertForPreTraining.from_pretrained, (out, again))
    assert (again / "tokenizer.json").read_bytes() == (out / "tokenizer.json").read_bytes()
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
    assert main(["train", "bert", str(text), *more, "--preset", "tiny"]) == 1
    assert "--init-from: expected no flags of the model beside it, got preset" in capsys.readouterr().err
    same = ["--tokenizer", str(out / "tokenizer.json"), "--batch-size", "8"]
    more[3] = str(tmp_path / "third")
    assert main(["train", "bert", str(text), *more, *same]) == 0
    tokens = BertForPreTraining.from_pretrained(out).tokenizer.tokens
    for changed, message in ((tokens[::-1], "where 0 is '[PAD]', got"), (tokens[1:], "tokens of")):
        (tmp_path / "vocab.txt").write_text("\n".join(changed) + "\n")
        assert main(["train", "bert", str(text), *more, "--tokenizer", str(tmp_path / "vocab.txt")]) == 1
        assert message in capsys.readouterr().err
    (out / "tokenizer.json").unlink()
    assert main(["train", "bert", str(text), *more]) == 1
    assert "--tokenizer: expected one, as there is none in" in capsys.readouterr().err


def test_the_books_model_is_a_preset(text, tmp_path):
    command = ["train", "bert", str(text), "-o", str(tmp_path / "out"), "--preset", "book", "--steps", "1"]
    small = ["--vocab-size", "300", "--batch-size", "4", "--max-len", "24", "--quiet"]
    assert main([*command, *small]) == 0
    config = BertForPreTraining.from_pretrained(tmp_path / "out").config
    assert (config.hidden_size, config.mlm_head, config.max_position_embeddings) == (128, "book", 1000)


def test_wrong_arguments_end_in_one_line(text, tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "note").write_text("mine")
    (tmp_path / "one.txt").write_text("The cat sat. A cat ran.\nThe dog sat. A dog ran.\n")
    one = str(tmp_path / "one.txt")
    for arguments, message in (
        (["nowhere.txt", "-o", str(tmp_path / "x")], "nowhere.txt: No such file"),
        ([str(text), "-o", str(tmp_path / "taken")], "--output: expected a free name"),
        ([str(text), "-o", str(tmp_path / "no" / "x")], "--output: expected a folder"),
        ([str(text), "-o", str(tmp_path / "x"), "--resume"], "--resume"),
        ([str(text), "-o", str(tmp_path / "x"), *SMALL, "--steps", "0"], "steps: expected 1"),
        ([str(text), "-o", str(tmp_path / "x"), "--init-from", "nowhere"], "nowhere: No such file"),
        ([str(text), "-o", str(tmp_path / "x"), *SMALL, "--long-pairs", "drop"], "long_pairs: expected"),
        ([str(text), "-o", str(tmp_path / "x"), *SMALL, "--pad-multiple", "0"], "pad_multiple: expected at"),
        (
            [str(text), "-o", str(tmp_path / "x"), *SMALL, "--replacement", "0.5", "0.5", "0.5"],
            "replacement: expected",
        ),
        ([one, "-o", str(tmp_path / "x"), *SMALL], "INPUT: expected several documents"),
        ([str(text), "-o", str(tmp_path / "x"), *SMALL, "--validation", one], "or --no-next-sentence"),
    ):
        assert main(["train", "bert", *arguments]) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert message in error


@pytest.mark.parametrize("lines", [[], ["--lines"]])
def test_bad_bytes_are_refused_or_replaced(text, tmp_path, capsys, lines):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(text.read_bytes().replace(b"cat", b"c\xe9t", 1))
    command = ["train", "bert", str(bad), "-o", str(tmp_path / "out"), *SMALL, "--steps", "1", *lines]
    assert main(command) == 1
    assert "bad.txt" in (said := capsys.readouterr().err.strip().splitlines()[-1])
    assert said.endswith("; pass --errors replace to read such bytes as U+FFFD")
    assert main([*command, "--errors", "replace"]) == 0
    again = [*command, "--tokenizer", str(tmp_path / "out" / "tokenizer.json")]
    assert main(again) == 1
    assert capsys.readouterr().err.endswith("; pass --errors replace to read such bytes as U+FFFD\n")
    assert main([*again, "--errors", "replace"]) == 0


@pytest.mark.slow
def test_torchrun_takes_the_command_with_its_log(text, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = ["-m", "--", "fastnlp.cli.main", "train", "bert", str(text), "-o", str(tmp_path / "model")]
    more = ["--steps", "4", "--parallel", "fsdp", "--log", str(tmp_path / "run.csv")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*torchrun, *command, *SMALL, *more], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [row.step for row in PretrainingTable.load(tmp_path / "run.csv")] == [2, 4]
    assert BertForPreTraining.from_pretrained(tmp_path / "model").encode("the cat").shape == (16,)


@pytest.mark.parametrize("checkpoint", [False, True])
def test_ctrl_c_before_anything_is_learned_writes_nothing(text, tmp_path, capsys, monkeypatch, checkpoint):
    def press(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(updates.Updater, "update", press)
    more = ["--checkpoint", str(tmp_path / "run")] if checkpoint else []
    assert main(["train", "bert", str(text), "-o", str(tmp_path / "x"), *SMALL, *more]) == 130
    assert "stopped early" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_tensorboard_is_told_before_the_text_is_read(text, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    arguments = [
        "train",
        "bert",
        str(text),
        "-o",
        str(tmp_path / "x"),
        *SMALL,
        "--tensorboard",
        str(tmp_path),
    ]
    assert main(arguments) == 1
    assert capsys.readouterr().err.splitlines() == [
        "fastnlp: error: --tensorboard: expected the package tensorboard, which is not installed"
    ]


@pytest.mark.parametrize(
    ("sent", "code", "said"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")]
)
@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_signal_keeps_what_was_trained(text, tmp_path, sent, code, said, checkpoint):
    out, log, run = tmp_path / "out", tmp_path / "run.csv", tmp_path / "run"
    program = "import sys; from fastnlp.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "train", "bert", str(text), "-o", str(out), *SMALL]
    command += ["--steps", "1000000", "--log", str(log), "--quiet"]
    command += ["--checkpoint", str(run), "--checkpoint-every", "1000000"] if checkpoint else []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        while not (log.exists() and log.read_text().count("\n") > 2):
            assert child.poll() is None
            time.sleep(0.05)
        child.send_signal(getattr(signal, sent))
        _, told = child.communicate(timeout=60)
    assert child.returncode == code
    assert told.splitlines()[-1] == f"fastnlp: {said}"
    assert "stopped early" in told
    assert out.exists() != checkpoint
    last = PretrainingTable.load(log)[-1].step
    if checkpoint:
        assert [path.name for path in run.iterdir()] == [f"step-{last:09}"]
    else:
        assert len(BertForPreTraining.from_pretrained(out).fill_mask("The [MASK] house.")) == 1
