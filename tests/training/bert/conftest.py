import pytest
from training.bert.runs import corpus


@pytest.fixture(autouse=True)
def always_one_thread(one_torch_thread):
    """For every test here."""


@pytest.fixture(scope="module")
def data():
    return corpus()
