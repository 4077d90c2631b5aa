"""Prints what a run on a GPU was made with, as JSON; `on_gpu.sh` keeps it beside the figures.

    python benchmarks/versions.py > versions.json

What is not there is null, so that it works without a GPU too.
"""

import importlib.metadata
import importlib.util
import json
import platform
import subprocess
from pathlib import Path


def output_of(*command):
    """What a command prints, without white space around it; None where it fails or is not there."""
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def version_of(package):
    """The version of an installed package; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cuda_of_torch():
    """The version of CUDA that torch was built with; None without either."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch.version.cuda


def gpus():
    """Name, driver and memory of each GPU, as nvidia-smi says; None without it."""
    asked = output_of("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
    if asked is None:
        return None
    fields = ("name", "driver", "memory")
    return [dict(zip(fields, line.split(", "), strict=True)) for line in asked.splitlines()]


if __name__ == "__main__":
    packages = {name: version_of(name) for name in ("fastnlp", "numpy", "torch", "triton", "transformers")}
    found = {
        "python": platform.python_version(),
        **packages,
        "cuda": cuda_of_torch(),
        "gpus": gpus(),
        "commit": output_of("git", "rev-parse", "HEAD"),
        "changed_files": output_of("git", "status", "--short"),
    }
    print(json.dumps(found, indent=2))
