import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")
FOLDER = Path(__file__).parent


@pytest.mark.slow
def test_every_kernel_compiles_for_three_gpus_and_takes_what_is_written_down(tmp_path):
    # In a process of its own: here the kernels may be those of the interpreter, which cannot be compiled.
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    run = subprocess.run(
        [sys.executable, "-m", "kernels.resources"],
        cwd=FOLDER.parent,
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    fresh, kept = json.loads(run.stdout), json.loads((FOLDER / "resources.json").read_text())
    for name, targets in fresh["kernels"].items():
        assert set(targets) == {"sm_80", "sm_90", "sm_100"}
        for target, found in targets.items():
            assert found["spilled_bytes"] == 0, (name, target, found)
    if fresh["triton"] == kept["triton"]:
        assert fresh == kept, "write resources.json anew, and look at what changed"
    else:
        assert set(fresh["kernels"]) == set(kept["kernels"])
