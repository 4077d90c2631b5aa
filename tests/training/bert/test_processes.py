import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training.bert.runs import environment, program

from fastnlp import BertForPreTraining
from fastnlp.training.bert import checkpoints

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
