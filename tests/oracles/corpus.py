"""The obvious, slow corpus: split, count, sort, number."""

import itertools
from collections import Counter


def split_documents(files, documents="blank_line"):
    """Texts of files -> documents -> sentences -> words; empty ones are kept."""
    result = []
    for text in files:
        document = []
        for line in text.split("\n"):
            words = line.split()
            if not words and documents == "blank_line":
                result.append(document)
                document = []
                continue
            document.append(words)
            if documents == "line":
                result.append(document)
                document = []
        result.append(document)
    return result


def build(documents, min_count=1, max_vocab=None, unknown=None, reserved=()):
    """Documents -> tokens in the order of ids, their counts, and documents of sentences of ids."""
    counts = Counter(word for document in documents for sentence in document for word in sentence)
    special = ([] if unknown is None else [unknown]) + list(reserved)
    regular = [word for word in counts if word not in special and counts[word] >= min_count]
    regular.sort(key=lambda word: -counts[word])
    tokens = special + regular[:max_vocab]
    number = {token: i for i, token in enumerate(tokens)}

    encoded = []
    for document in documents:
        sentences = []
        for sentence in document:
            ids = [number.get(word, None if unknown is None else 0) for word in sentence]
            ids = [i for i in ids if i is not None]
            if ids:
                sentences.append(ids)
        if sentences:
            encoded.append(sentences)
    total = Counter(i for document in encoded for sentence in document for i in sentence)
    return tokens, [total[i] for i in range(len(tokens))], encoded


def as_documents(corpus):
    """A corpus as documents of sentences of ids."""
    sentences = [corpus.sentence(i).tolist() for i in range(corpus.n_sentences)]
    bounds = corpus.document_offsets.tolist()
    return [sentences[a:b] for a, b in itertools.pairwise(bounds)]
