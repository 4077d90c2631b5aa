import os
import random
from pathlib import Path

import pytest
import torch


@pytest.fixture
def ptb_zip():
    path = Path(os.environ.get("FASTNLP_DATA", "")) / "ptb" / "ptb.zip"
    if not path.is_file():
        pytest.skip("ptb/ptb.zip is not in the folder that FASTNLP_DATA names")
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """One cache for the session, and a working folder without ../data."""
    base = tmp_path_factory.getbasetemp()
    monkeypatch.setenv("FASTNLP_CACHE", str(base / "cache"))
    work = base / "work" / "folder"
    work.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(work)


@pytest.fixture(autouse=True)
def seeded():
    random.seed(1)
    torch.manual_seed(1)
