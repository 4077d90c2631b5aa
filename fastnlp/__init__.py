"""fastnlp: pretraining of text representations at the speed of the hardware.

The names below load on first use, so that `import fastnlp` stays as light as NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "ApproximateIndex": "fastnlp.vectors",
    "BPE": "fastnlp.tokenizers",
    "BertConfig": "fastnlp.models.bert",
    "BertForPreTraining": "fastnlp.models.bert",
    "BertModel": "fastnlp.models.bert",
    "BertPretrainer": "fastnlp.training.bert",
    "Corpus": "fastnlp.text",
    "FastText": "fastnlp.training",
    "GloVe": "fastnlp.training",
    "KeyedVectors": "fastnlp.vectors",
    "Phrases": "fastnlp.text",
    "RunLog": "fastnlp.training",
    "SubwordVectors": "fastnlp.vectors",
    "Vocab": "fastnlp.text",
    "Word2Vec": "fastnlp.training",
    "WordPiece": "fastnlp.tokenizers",
    "WordVectors": "fastnlp.vectors",
}
_MODULES = ("d2l", "datasets", "evaluate", "kernels", "plots", "sampling")

__all__ = [
    "BPE",
    "ApproximateIndex",
    "BertConfig",
    "BertForPreTraining",
    "BertModel",
    "BertPretrainer",
    "Corpus",
    "FastText",
    "GloVe",
    "KeyedVectors",
    "Phrases",
    "RunLog",
    "SubwordVectors",
    "Vocab",
    "Word2Vec",
    "WordPiece",
    "WordVectors",
    "d2l",
    "datasets",
    "evaluate",
    "kernels",
    "plots",
    "sampling",
]

if TYPE_CHECKING:
    from fastnlp import d2l, datasets, kernels, plots, sampling
    from fastnlp.models.bert import BertConfig, BertForPreTraining, BertModel
    from fastnlp.text import Corpus, Phrases, Vocab
    from fastnlp.tokenizers import BPE, WordPiece
    from fastnlp.training import FastText, GloVe, RunLog, Word2Vec
    from fastnlp.training.bert import BertPretrainer
    from fastnlp.vectors import ApproximateIndex, KeyedVectors, SubwordVectors, WordVectors, evaluate


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name == "evaluate":
        value = importlib.import_module("fastnlp.vectors.evaluate")
    elif name in _MODULES:
        value = importlib.import_module(f"fastnlp.{name}")
    else:
        raise AttributeError(f"module 'fastnlp' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
