"""Published data sets, found, downloaded and checked, and a corpus that every machine has."""

from fastnlp.datasets.documentation import python_docs
from fastnlp.datasets.download import cache_folder, download
from fastnlp.datasets.published import ptb, wikitext2

__all__ = ["cache_folder", "download", "ptb", "python_docs", "wikitext2"]
