import json

import numpy as np
import pytest
import torch

from fastnlp import BertForPreTraining
from fastnlp.cli.main import main
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


def test_wrong_arguments_end_in_one_line(text, tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "note").write_text("mine")
    for arguments, message in (
        (["nowhere.txt", "-o", str(tmp_path / "x")], "nowhere.txt: No such file"),
        ([str(text), "-o", str(tmp_path / "taken")], "--output: expected a free name"),
        ([str(text), "-o", str(tmp_path / "no" / "x")], "--output: expected a folder"),
        ([str(text), "-o", str(tmp_path / "x"), "--resume"], "--resume"),
        ([str(text), "-o", str(tmp_path / "x"), *SMALL, "--steps", "0"], "steps: expected 1"),
    ):
        assert main(["train", "bert", *arguments]) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert message in error
