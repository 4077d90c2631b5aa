"""Trained word vectors: look-up, neighbours, analogy, evaluation."""

from fastnlp.vectors import evaluate
from fastnlp.vectors.word_vectors import WordVectors

__all__ = ["WordVectors", "evaluate"]
