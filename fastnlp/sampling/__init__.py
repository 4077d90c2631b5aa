"""Subsampling, windows, negatives and padded batches, as the native engine draws them, and co-occurrences.

Every draw is a function of (seed, epoch, position of the token in the corpus): results do not depend on the
number of threads, nothing has to be saved to resume, and another device draws the same numbers.
"""

from fastnlp.sampling.alias import AliasTable, noise_weights
from fastnlp.sampling.batches import PaddedBatch, PaddedBatches, padded_batch, permutation
from fastnlp.sampling.bert_batch import BertBatch, UnpaddedBertBatch
from fastnlp.sampling.bert_examples import BertExamples
from fastnlp.sampling.cooccurrence import Cooccurrences
from fastnlp.sampling.huffman import HuffmanTree
from fastnlp.sampling.negatives import negatives
from fastnlp.sampling.subsampling import Subsample, keep_probabilities, subsample
from fastnlp.sampling.subwords import (
    NgramVocabulary,
    Subwords,
    fasttext_hash,
    hashed_ngrams,
    ngram_vocabulary,
    subwords,
)
from fastnlp.sampling.windows import Windows, windows

__all__ = [
    "AliasTable",
    "BertBatch",
    "BertExamples",
    "Cooccurrences",
    "HuffmanTree",
    "NgramVocabulary",
    "PaddedBatch",
    "PaddedBatches",
    "Subsample",
    "Subwords",
    "UnpaddedBertBatch",
    "Windows",
    "fasttext_hash",
    "hashed_ngrams",
    "keep_probabilities",
    "negatives",
    "ngram_vocabulary",
    "noise_weights",
    "padded_batch",
    "permutation",
    "subsample",
    "subwords",
    "windows",
]
