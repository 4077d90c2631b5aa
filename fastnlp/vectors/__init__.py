"""Trained word vectors: look-up, neighbours, analogy, evaluation."""
