"""Each operation in plain torch: what the Triton kernels are tested against, and what runs without them."""

from fastnlp.kernels.reference.glove_loss import glove_loss
from fastnlp.kernels.reference.masked_bce import masked_bce
from fastnlp.kernels.reference.masked_lm_loss import masked_lm_loss
from fastnlp.kernels.reference.row_updates import adagrad_rows_, adam_rows_, sgd_rows_
from fastnlp.kernels.reference.skipgram_bce import skipgram_bce
from fastnlp.kernels.reference.subword_sum import subword_sum
from fastnlp.kernels.reference.tree_bce import tree_bce

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
