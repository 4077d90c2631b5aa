"""Subword tokenizers: byte-pair encoding, learned from text and applied to it."""

from fastnlp.tokenizers.batch import Batch
from fastnlp.tokenizers.bpe import BPE
from fastnlp.tokenizers.decoding import StreamingDecoder
from fastnlp.tokenizers.definition import Definition, SpecialToken
from fastnlp.tokenizers.pretokenizers import pretokenize
from fastnlp.tokenizers.trained_merges import TrainedMerges
from fastnlp.tokenizers.training import train_bpe
from fastnlp.tokenizers.wordpiece import WordPiece

__all__ = [
    "BPE",
    "Batch",
    "Definition",
    "SpecialToken",
    "StreamingDecoder",
    "TrainedMerges",
    "WordPiece",
    "pretokenize",
    "train_bpe",
]
