"""Subword tokenizers: byte-pair encoding, learned from text and applied to it."""

from fastnlp.tokenizers.pretokenizers import pretokenize
from fastnlp.tokenizers.trained_merges import TrainedMerges
from fastnlp.tokenizers.training import train_bpe

__all__ = ["TrainedMerges", "pretokenize", "train_bpe"]
