import pytest

from fastnlp import datasets


@pytest.fixture(scope="session")
def docs():
    return list(datasets.python_docs())
