import pytest
from oracles.planted import planted

from fastnlp.text import Corpus


@pytest.fixture(scope="session")
def groups():
    return Corpus.from_text(planted(), min_count=1)
