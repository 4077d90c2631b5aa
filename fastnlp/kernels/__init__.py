"""Differentiable operations on torch tensors, fused by Triton where there is a GPU; one operation a file."""

from fastnlp.kernels.glove_loss import glove_loss
from fastnlp.kernels.masked_bce import masked_bce
from fastnlp.kernels.masked_lm_loss import masked_lm_loss
from fastnlp.kernels.row_updates import adagrad_rows_, adam_rows_, sgd_rows_
from fastnlp.kernels.skipgram_bce import skipgram_bce
from fastnlp.kernels.subword_sum import subword_sum
from fastnlp.kernels.tree_bce import tree_bce

__all__ = [
    "adagrad_rows_",
    "adam_rows_",
    "glove_loss",
    "masked_bce",
    "masked_lm_loss",
    "sgd_rows_",
    "skipgram_bce",
    "subword_sum",
    "tree_bce",
]
