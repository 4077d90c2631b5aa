"""The book's word2vec pipeline in plain Python and torch: the slow twin that fastnlp.d2l is held against.

Written from the notes' description, with their statistics, types and order of random draws; `zip_path` stands
for the download.
"""

import collections
import math
import random
import time
import zipfile

import torch
from torch import nn


def read_ptb(zip_path):
    with zipfile.ZipFile(zip_path) as archive:
        text = archive.read("ptb/ptb.train.txt").decode()
    return [line.split() for line in text.split("\n")]


def count_corpus(tokens):
    if len(tokens) == 0 or isinstance(tokens[0], list):
        tokens = [token for line in tokens for token in line]
    return collections.Counter(tokens)


class Vocab:
    def __init__(self, tokens=None, min_freq=0, reserved_tokens=None):
        counter = count_corpus(tokens or [])
        self.token_freqs = sorted(counter.items(), key=lambda item: item[1], reverse=True)
        self.unk = 0
        self.idx_to_token = ["<unk>", *(reserved_tokens or [])]
        self.token_to_idx = {token: index for index, token in enumerate(self.idx_to_token)}
        for token, count in self.token_freqs:
            if count < min_freq:
                break
            if token not in self.token_to_idx:
                self.token_to_idx[token] = len(self.idx_to_token)
                self.idx_to_token.append(token)

    def __len__(self):
        return len(self.idx_to_token)

    def __getitem__(self, tokens):
        if not isinstance(tokens, (list, tuple)):
            return self.token_to_idx.get(tokens, self.unk)
        return [self[token] for token in tokens]

    def to_tokens(self, indices):
        if not isinstance(indices, (list, tuple)):
            return self.idx_to_token[indices]
        return [self.idx_to_token[index] for index in indices]


def subsample(sentences, vocab):
    sentences = [[token for token in line if vocab[token] != vocab.unk] for line in sentences]
    counter = count_corpus(sentences)
    total = sum(counter.values())

    def keep(token):
        return random.uniform(0, 1) < math.sqrt(1e-4 / counter[token] * total)

    return [[token for token in line if keep(token)] for line in sentences], counter


def get_centers_and_contexts(corpus, max_window_size):
    centers, contexts = [], []
    for line in corpus:
        if len(line) < 2:
            continue
        centers += line
        for i in range(len(line)):
            width = random.randint(1, max_window_size)
            around = list(range(max(0, i - width), min(len(line), i + 1 + width)))
            around.remove(i)
            contexts.append([line[j] for j in around])
    return centers, contexts


class RandomGenerator:
    def __init__(self, sampling_weights):
        self.population = list(range(1, len(sampling_weights) + 1))
        self.sampling_weights = sampling_weights
        self.candidates = []
        self.i = 0

    def draw(self):
        if self.i == len(self.candidates):
            self.candidates = random.choices(self.population, self.sampling_weights, k=10000)
            self.i = 0
        self.i += 1
        return self.candidates[self.i - 1]


def get_negatives(all_contexts, vocab, counter, k):
    generator = RandomGenerator([counter[vocab.to_tokens(i)] ** 0.75 for i in range(1, len(vocab))])
    all_negatives = []
    for contexts in all_contexts:
        negatives = []
        while len(negatives) < len(contexts) * k:
            candidate = generator.draw()
            if candidate not in contexts:
                negatives.append(candidate)
        all_negatives.append(negatives)
    return all_negatives


def batchify(data):
    width = max(len(contexts) + len(negatives) for _, contexts, negatives in data)
    centers, contexts_negatives, masks, labels = [], [], [], []
    for center, contexts, negatives in data:
        real = len(contexts) + len(negatives)
        centers += [center]
        contexts_negatives += [contexts + negatives + [0] * (width - real)]
        masks += [[1] * real + [0] * (width - real)]
        labels += [[1] * len(contexts) + [0] * (width - len(contexts))]
    return (
        torch.tensor(centers).reshape((-1, 1)),
        torch.tensor(contexts_negatives),
        torch.tensor(masks),
        torch.tensor(labels),
    )


class PTBDataset(torch.utils.data.Dataset):
    def __init__(self, centers, contexts, negatives):
        self.examples = centers, contexts, negatives

    def __getitem__(self, index):
        centers, contexts, negatives = self.examples
        return centers[index], contexts[index], negatives[index]

    def __len__(self):
        return len(self.examples[0])


def load_data_ptb(zip_path, batch_size, max_window_size, num_noise_words):
    sentences = read_ptb(zip_path)
    vocab = Vocab(sentences, min_freq=10)
    subsampled, counter = subsample(sentences, vocab)
    corpus = [vocab[line] for line in subsampled]
    centers, contexts = get_centers_and_contexts(corpus, max_window_size)
    negatives = get_negatives(contexts, vocab, counter, num_noise_words)
    data_iter = torch.utils.data.DataLoader(
        PTBDataset(centers, contexts, negatives), batch_size, shuffle=True, collate_fn=batchify
    )
    return data_iter, vocab


def skip_gram(center, contexts_and_negatives, embed_v, embed_u):
    return torch.bmm(embed_v(center), embed_u(contexts_and_negatives).permute(0, 2, 1))


def train(net, data_iter, lr, num_epochs, device):
    """Trains as the book does and returns each epoch's mean loss and CPU seconds, instead of printing."""

    def init_weights(module):
        if isinstance(module, nn.Embedding):
            nn.init.xavier_uniform_(module.weight)

    net.apply(init_weights)
    net = net.to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    report = []
    for _ in range(num_epochs):
        start, total, count = time.process_time(), 0.0, 0
        for batch in data_iter:
            optimizer.zero_grad()
            center, context_negative, mask, label = [data.to(device) for data in batch]
            scores = skip_gram(center, context_negative, net[0], net[1]).reshape(label.shape)
            per_row = nn.functional.binary_cross_entropy_with_logits(
                scores.float(), label.float(), weight=mask, reduction="none"
            ).mean(dim=1)
            loss = per_row / mask.sum(axis=1) * mask.shape[1]
            loss.sum().backward()
            optimizer.step()
            total += float(loss.detach().sum())
            count += loss.numel()
        report.append((total / count, time.process_time() - start))
    return report
