"""Text as numbers: vocabularies, corpora, and the normalisation of words."""

from fastnlp.text.corpus import Corpus
from fastnlp.text.normalization import normalizer
from fastnlp.text.vocab import Vocab
from fastnlp.text.word_list import WordList

__all__ = ["Corpus", "Vocab", "WordList", "normalizer"]
