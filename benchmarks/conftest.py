"""The data that benchmarks share, and what every stored result carries beside the facts of the machine.

Those are versions, commit and instruction sets.
"""

import importlib.metadata
import os
import subprocess
from pathlib import Path

import pytest

from fastnlp import _core


@pytest.fixture(scope="session")
def data():
    """The folder that FASTNLP_DATA names, with enwiki2015-100M in it."""
    folder = Path(os.environ.get("FASTNLP_DATA", ""))
    if not (folder / "enwiki" / "enwiki2015-100M.txt.gz").is_file():
        pytest.skip("enwiki/enwiki2015-100M.txt.gz is not in the folder that FASTNLP_DATA names")
    return folder


def pytest_benchmark_update_machine_info(config, machine_info):
    for package in ("fastnlp", "numpy", "torch", "gensim", "fasttext-wheel"):
        try:
            machine_info[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            machine_info[package] = None
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    machine_info["commit"] = commit.stdout.strip()
    machine_info["instruction_sets"] = _core.simd_supported()
    machine_info["cores"] = os.cpu_count()
    machine_info.pop("node", None)
