"""Text as numbers: vocabularies, corpora, and the normalisation of words."""

from fastnlp.text.corpus import Corpus
from fastnlp.text.normalization import normalizer
from fastnlp.text.phrase_pass import Phrase
from fastnlp.text.phrases import ENGLISH_CONNECTOR_WORDS, Phrases
from fastnlp.text.sentences import sentence_lines, split_sentences
from fastnlp.text.vocab import Vocab
from fastnlp.text.word_list import WordList

__all__ = [
    "ENGLISH_CONNECTOR_WORDS",
    "Corpus",
    "Phrase",
    "Phrases",
    "Vocab",
    "WordList",
    "normalizer",
    "sentence_lines",
    "split_sentences",
]
