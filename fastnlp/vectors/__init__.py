"""Trained word vectors: look-up, neighbours, analogy, evaluation."""

from fastnlp.vectors import evaluate
from fastnlp.vectors.approximate import ApproximateIndex
from fastnlp.vectors.compact import CompactVectors
from fastnlp.vectors.keyed_vectors import KeyedVectors
from fastnlp.vectors.ngram_rows import NgramRows
from fastnlp.vectors.subword_vectors import SubwordVectors
from fastnlp.vectors.word_vectors import WordVectors

__all__ = [
    "ApproximateIndex",
    "CompactVectors",
    "KeyedVectors",
    "NgramRows",
    "SubwordVectors",
    "WordVectors",
    "evaluate",
]
