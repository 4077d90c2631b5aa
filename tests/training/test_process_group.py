"""Groups of processes end before the interpreter does."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("torch")

TRAINS = textwrap.dedent("""
    import os
    import sys
    from pathlib import Path

    import torch
    from fastnlp.training.process_group import enter_group, leave_group

    def train():
        module = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 4))
        optimizer = torch.optim.AdamW(module.parameters())  # loads much of torch late
        module(torch.ones(2, 4)).sum().backward()
        optimizer.step()

    enter_group("gloo")
    train()
    leave_group()
    leave_group()  # of nothing
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    Path(sys.argv[1], os.environ["RANK"]).write_text(" ".join(name for name in names if "gloo" in name))
""")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at threads in /proc")
def test_no_thread_of_a_group_that_was_left_lives_on(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(TRAINS)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
               str(script), str(tmp_path)]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["", ""]
