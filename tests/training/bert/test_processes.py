import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from training.bert.runs import SPECIAL, config, environment, program

from fastnlp import BertForPreTraining, Corpus
from fastnlp.sampling import BertExamples
from fastnlp.training.bert import PretrainingSettings, checkpoints
from fastnlp.training.bert.data import checked_examples

RUNS = Path(__file__).with_name("runs.py")


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_are_one_with_twice_the_batch(tmp_path, parallel):
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
               str(RUNS), parallel, "4", str(tmp_path / "two"), str(out)]  # fmt: skip
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    two = json.loads(out.read_text())
    one = program("ddp", 8, tmp_path / "one")
    assert [row[0] for row in two["losses"]] == list(range(1, 9))
    torch.testing.assert_close(torch.tensor(two["losses"]), torch.tensor(one["losses"]), atol=1e-4, rtol=1e-4)
    for name, sums in one["parameters"].items():
        torch.testing.assert_close(
            torch.tensor(two["parameters"][name]), torch.tensor(sums), atol=2e-3, rtol=2e-3, msg=name
        )
    model = BertForPreTraining.from_pretrained(checkpoints.latest(tmp_path / "two"))
    assert model.config.hidden_size == 16


PRESSED = textwrap.dedent("""
    import os, signal, sys, torch
    from fastnlp.training.bert.updates import BatchStream
    from training.bert.runs import corpus, trainer
    torch.set_num_threads(1)
    rank = int(os.environ["RANK"])
    sent = getattr(signal, sys.argv[2])
    take = BatchStream.take

    def take_and_signal(stream):
        if rank == 1:
            os.kill(os.getpid(), sent)
        return take(stream)

    BatchStream.take = take_and_signal
    data = corpus()
    run = trainer(data, batch_size=4, parallel="fsdp")
    ended = "by itself"
    try:
        run.fit(data)
    except (KeyboardInterrupt, SystemExit) as end:
        ended = repr(end)
    run.model.save_pretrained(f"{sys.argv[1]}/{rank}")
    open(f"{sys.argv[1]}/{rank}.txt", "w").write(f"{ended} after {run.history[-1].step}")
""")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "ended"), [("SIGINT", "KeyboardInterrupt()"), ("SIGTERM", "SystemExit(143)")]
)
def test_a_signal_to_one_process_ends_all_of_them_with_whole_models(tmp_path, sent, ended):
    script = tmp_path / "script.py"
    script.write_text(PRESSED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
               str(script), str(tmp_path), sent]  # fmt: skip
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "0.txt").read_text() == "by itself after 1"
    assert (tmp_path / "1.txt").read_text() == f"{ended} after 1"
    one, other = (BertForPreTraining.from_pretrained(tmp_path / name).state_dict() for name in "01")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_data_with_nothing_for_a_process_are_refused_beforehand(data):
    few = Corpus.from_text(["g0w0 g0w1", "g0w2", "", "g0w3", ""], min_count=1, reserved=SPECIAL)
    parts = BertExamples(few, max_len=24, pairs="adjacent", rank=1, world_size=2)
    with pytest.raises(ValueError, match="validation: expected a sequence for each of 2 processes, got 1"):
        checked_examples(parts, config(data), PretrainingSettings(max_len=24), 1, 2, "validation")
