"""Training: engines, the loop, progress and checkpoints."""

from fastnlp.training.fasttext import FastText
from fastnlp.training.glove import GloVe
from fastnlp.training.loop import DivergenceError
from fastnlp.training.progress import EpochReport, Progress
from fastnlp.training.run_log import RunLog
from fastnlp.training.word2vec import Word2Vec

__all__ = [
    "DivergenceError",
    "EpochReport",
    "FastText",
    "GloVe",
    "Progress",
    "RunLog",
    "Word2Vec",
]
