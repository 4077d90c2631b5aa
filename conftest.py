"""For all tests: Ctrl-C works, the extension is up to date, and what needs torch is left out without it."""

import importlib.util
import os
import signal
from pathlib import Path

import hypothesis
import pytest

# Compiles what changed in an editable build here, where nothing stands in for the standard output yet.
import fastnlp._core  # noqa: F401

# How long an example takes says nothing on a shared machine or under a sanitizer.
hypothesis.settings.register_profile("fastnlp", deadline=None)
hypothesis.settings.load_profile("fastnlp")

_TORCH = importlib.util.find_spec("torch") is not None
# By name: folders and files, and beginnings of the names of files.
_NEED_TORCH = {"d2l", "kernels", "bert", "run_schedule.py", "tile_schedule.py"}
_TORCH_FILES = ("d2l_", "torch_", "test_torch_", "triton_", "test_triton_", "test_distributed")

# Without a GPU, Triton's kernels run in its interpreter, chosen before anything imports triton.
if _TORCH and not (any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()):
    os.environ.setdefault("TRITON_INTERPRET", "1")

# A shell starts background jobs with SIGINT ignored, and every child inherits that: the tests that press
# Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def one_torch_thread():
    """torch computes on one thread meanwhile: the same bits each time, and CPU time that compares."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pytest_ignore_collect(collection_path):
    if not _TORCH and (
        _NEED_TORCH.intersection(collection_path.parts) or collection_path.name.startswith(_TORCH_FILES)
    ):
        return True
    return None


def pytest_report_header():
    return None if _TORCH else "torch is not installed: fastnlp.d2l, kernels and BERT are left out"
