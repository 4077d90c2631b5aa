"""Corpora with sizes of blocks and memory that users do not set."""

from fastnlp.text import Corpus
from fastnlp.text.building import BuildOptions, build


def corpus_of(source, folder=None, **options):
    built = build(source, BuildOptions(**{"min_count": 1, "threads": 1, **options}), folder)
    return Corpus(built.ids, built.sentence_offsets, built.document_offsets, built.vocab)
