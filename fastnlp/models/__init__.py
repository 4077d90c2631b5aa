"""Models: a configuration, named tables and a loss each."""

from fastnlp.models.fasttext import FastTextConfig, FastTextTables
from fastnlp.models.glove import GloVeConfig, GloVeTables, glove_loss, glove_weight
from fastnlp.models.tables import ParameterTables
from fastnlp.models.word2vec import (
    Word2VecConfig,
    Word2VecTables,
    hidden_vector,
    negative_sampling_loss,
    softmax_log_probabilities,
    tree_log_probabilities,
)

__all__ = [
    "FastTextConfig",
    "FastTextTables",
    "GloVeConfig",
    "GloVeTables",
    "ParameterTables",
    "Word2VecConfig",
    "Word2VecTables",
    "glove_loss",
    "glove_weight",
    "hidden_vector",
    "negative_sampling_loss",
    "softmax_log_probabilities",
    "tree_log_probabilities",
]
