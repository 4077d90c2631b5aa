import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

VERSIONS = Path(__file__).parents[1] / "benchmarks" / "versions.py"


def versions(path):
    environment = os.environ | {"PATH": path}
    run = subprocess.run([sys.executable, VERSIONS], env=environment, capture_output=True, check=True)
    return json.loads(run.stdout)


@pytest.mark.skipif(os.name == "nt", reason="the program that is stood in for is a shell script")
def test_versions_have_the_gpu_and_its_driver_or_null(tmp_path):
    (tmp_path / "git").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "git").chmod(0o755)
    found = versions(str(tmp_path))
    assert (found["gpus"], found["commit"]) == (None, None)
    assert found["python"] == platform.python_version()
    assert found["fastnlp"]
    assert {"torch", "triton", "cuda"} <= set(found)
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'NVIDIA H200, 570.86.15, 143771 MiB'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    expected = {"name": "NVIDIA H200", "driver": "570.86.15", "memory": "143771 MiB"}
    assert versions(str(tmp_path))["gpus"] == [expected]
