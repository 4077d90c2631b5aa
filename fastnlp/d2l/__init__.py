"""The chapter on NLP pretraining of Dive into Deep Learning, under the book's names and signatures.

Whoever knows the book's cells can run them from here: the same types, the same printed lines. Beneath are the
library's C++ samplers. Cells of the book lean on names of the notebook; here those are attributes of this
module that may be set, and keywords of the functions:

- `d2l.vocab`: the vocabulary that `get_similar_tokens` looks words up in; `load_data_ptb` and
  `load_data_wiki` set it.
- `d2l.loss`: what `train` minimises.
- `d2l.devices`: where `get_bert_encoding` finds the model; None for `try_all_gpus()`.
- `d2l.DATA_HUB`: name -> (URL, sha1), read whenever something is downloaded.
"""

import torch

from fastnlp.d2l.bert import BERTEncoder, BERTModel, MaskLM, NextSentencePred
from fastnlp.d2l.bert_data import (
    _get_mlm_data_from_tokens,
    _get_next_sentence,
    _get_nsp_data_from_paragraph,
    _pad_bert_inputs,
    _replace_mlm_tokens,
    get_tokens_and_segments,
)
from fastnlp.d2l.bert_training import _get_batch_loss_bert, get_bert_encoding, train_bert
from fastnlp.d2l.bpe import get_max_freq_pair, merge_symbols, segment_BPE
from fastnlp.d2l.download import DATA_HUB, DATA_URL, download, download_extract
from fastnlp.d2l.embedding import TokenEmbedding, get_analogy, knn
from fastnlp.d2l.examples import (
    RandomGenerator,
    batchify,
    get_centers_and_contexts,
    get_negatives,
    subsample,
)
from fastnlp.d2l.glove import glove_loss, glove_weight
from fastnlp.d2l.hardware import get_dataloader_workers, try_all_gpus, try_gpu
from fastnlp.d2l.paragraphs import _read_wiki
from fastnlp.d2l.progress import Accumulator, Animator, Timer
from fastnlp.d2l.ptb import load_data_ptb, read_ptb
from fastnlp.d2l.softmax import cbow, cbow_log_prob, skip_gram_log_prob, tree_log_prob
from fastnlp.d2l.subwords import SubwordEmbedding, get_subwords
from fastnlp.d2l.transformer import AddNorm, EncoderBlock, MultiHeadAttention, PositionWiseFFN
from fastnlp.d2l.vocabulary import Vocab, count_corpus, tokenize
from fastnlp.d2l.wikitext import _WikiTextDataset, load_data_wiki
from fastnlp.d2l.word2vec import SigmoidBCELoss, get_similar_tokens, sigmd, skip_gram, train

vocab: Vocab | None = None
devices: list[torch.device] | None = None
loss = SigmoidBCELoss()

__all__ = [
    "DATA_HUB",
    "DATA_URL",
    "Accumulator",
    "AddNorm",
    "Animator",
    "BERTEncoder",
    "BERTModel",
    "EncoderBlock",
    "MaskLM",
    "MultiHeadAttention",
    "NextSentencePred",
    "PositionWiseFFN",
    "RandomGenerator",
    "SigmoidBCELoss",
    "SubwordEmbedding",
    "Timer",
    "TokenEmbedding",
    "Vocab",
    "_WikiTextDataset",
    "_get_batch_loss_bert",
    "_get_mlm_data_from_tokens",
    "_get_next_sentence",
    "_get_nsp_data_from_paragraph",
    "_pad_bert_inputs",
    "_read_wiki",
    "_replace_mlm_tokens",
    "batchify",
    "cbow",
    "cbow_log_prob",
    "count_corpus",
    "devices",
    "download",
    "download_extract",
    "get_analogy",
    "get_bert_encoding",
    "get_centers_and_contexts",
    "get_dataloader_workers",
    "get_max_freq_pair",
    "get_negatives",
    "get_similar_tokens",
    "get_subwords",
    "get_tokens_and_segments",
    "glove_loss",
    "glove_weight",
    "knn",
    "load_data_ptb",
    "load_data_wiki",
    "loss",
    "merge_symbols",
    "read_ptb",
    "segment_BPE",
    "sigmd",
    "skip_gram",
    "skip_gram_log_prob",
    "subsample",
    "tokenize",
    "train",
    "train_bert",
    "tree_log_prob",
    "try_all_gpus",
    "try_gpu",
    "vocab",
]
