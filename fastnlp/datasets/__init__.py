"""Published data sets, found, downloaded and checked, and a corpus that every machine has."""

from fastnlp.datasets.python_docs import python_docs

__all__ = ["python_docs"]
