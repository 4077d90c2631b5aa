"""The book's BERT data in plain Python: the slow twin that fastnlp.d2l is held against.

Written from the notes' description, with their statistics, types and order of random draws.
"""

import itertools
import random

import torch

from oracles.d2l_word2vec import Vocab


def read_wiki(path):
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        lines = file.readlines()
    paragraphs = [line.strip().lower().split(" . ") for line in lines if len(line.split(" . ")) >= 2]
    random.shuffle(paragraphs)
    return paragraphs


def join(a, b=None):
    tokens, segments = ["<cls>", *a, "<sep>"], [0] * (len(a) + 2)
    if b is not None:
        tokens, segments = tokens + b + ["<sep>"], segments + [1] * (len(b) + 1)
    return tokens, segments


def next_sentence(sentence, following, paragraphs):
    is_next = random.random() < 0.5
    if not is_next:
        following = random.choice(random.choice(paragraphs))
    return sentence, following, is_next


def nsp_data(paragraph, paragraphs, max_len):
    examples = []
    for sentence, following in itertools.pairwise(paragraph):
        a, b, is_next = next_sentence(sentence, following, paragraphs)
        if len(a) + len(b) + 3 > max_len:
            continue
        tokens, segments = join(a, b)
        examples.append((tokens, segments, is_next))
    return examples


def replace_tokens(tokens, places, count, vocab):
    hidden, predicted = list(tokens), []
    random.shuffle(places)
    for place in places:
        if len(predicted) >= count:
            break
        if random.random() < 0.8:
            stand_in = "<mask>"
        elif random.random() < 0.5:
            stand_in = tokens[place]
        else:
            stand_in = random.choice(vocab.idx_to_token)
        hidden[place] = stand_in
        predicted.append((place, tokens[place]))
    return hidden, predicted


def mlm_data(tokens, vocab):
    places = [i for i in range(len(tokens)) if tokens[i] not in ["<cls>", "<sep>"]]
    count = max(1, round(len(tokens) * 0.15))
    hidden, predicted = replace_tokens(tokens, places, count, vocab)
    predicted = sorted(predicted, key=lambda pair: pair[0])
    return vocab[hidden], [pair[0] for pair in predicted], vocab[[pair[1] for pair in predicted]]


def pad(examples, max_len, vocab):
    most = round(max_len * 0.15)
    columns = [[] for _ in range(7)]
    for ids, places, labels, segments, is_next in examples:
        row = (
            torch.tensor(ids + [vocab["<pad>"]] * (max_len - len(ids))),
            torch.tensor(segments + [0] * (max_len - len(segments))),
            torch.tensor(float(len(ids))),
            torch.tensor(places + [0] * (most - len(places))),
            torch.tensor([1.0] * len(labels) + [0.0] * (most - len(labels))),
            torch.tensor(labels + [0] * (most - len(labels))),
            torch.tensor(int(is_next)),
        )
        for column, tensor in zip(columns, row, strict=True):
            column.append(tensor)
    return tuple(columns)


def dataset(paragraphs, max_len):
    """(the seven lists of tensors, the vocabulary)"""
    paragraphs = [[sentence.split() for sentence in paragraph] for paragraph in paragraphs]
    sentences = [sentence for paragraph in paragraphs for sentence in paragraph]
    vocab = Vocab(sentences, min_freq=5, reserved_tokens=["<pad>", "<mask>", "<cls>", "<sep>"])
    pairs = [pair for paragraph in paragraphs for pair in nsp_data(paragraph, paragraphs, max_len)]
    examples = [(*mlm_data(tokens, vocab), segments, is_next) for tokens, segments, is_next in pairs]
    return pad(examples, max_len, vocab), vocab
