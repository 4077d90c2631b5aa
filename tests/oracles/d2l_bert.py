"""The book's BERT in plain torch: the slow twin of fastnlp.d2l's and of the trainer.

Written from the notes and the Transformer chapter that they lean on, with their parameters, names and order
of random draws. `literal=False` puts right what the notes get wrong about the loss and the positions.
"""

import math

import torch
from torch import nn


def masked_softmax(scores, valid_lens):
    if valid_lens is None:
        return nn.functional.softmax(scores, dim=-1)
    shape = scores.shape
    lens = torch.repeat_interleave(valid_lens, shape[1]) if valid_lens.dim() == 1 else valid_lens.reshape(-1)
    flat = scores.reshape(-1, shape[-1])
    seen = torch.arange(shape[-1], dtype=torch.float32)[None, :] < lens[:, None]
    flat[~seen] = -1e6
    return nn.functional.softmax(flat.reshape(shape), dim=-1)


def split_heads(X, heads):
    X = X.reshape(X.shape[0], X.shape[1], heads, -1).permute(0, 2, 1, 3)
    return X.reshape(-1, X.shape[2], X.shape[3])


def join_heads(X, heads):
    X = X.reshape(-1, heads, X.shape[1], X.shape[2]).permute(0, 2, 1, 3)
    return X.reshape(X.shape[0], X.shape[1], -1)


class MultiHeadAttention(nn.Module):
    def __init__(self, key_size, query_size, value_size, num_hiddens, num_heads, dropout, bias=False):
        super().__init__()
        self.num_heads = num_heads
        self.dropout = nn.Dropout(dropout)
        self.W_q = nn.Linear(query_size, num_hiddens, bias=bias)
        self.W_k = nn.Linear(key_size, num_hiddens, bias=bias)
        self.W_v = nn.Linear(value_size, num_hiddens, bias=bias)
        self.W_o = nn.Linear(num_hiddens, num_hiddens, bias=bias)

    def forward(self, queries, keys, values, valid_lens):
        queries = split_heads(self.W_q(queries), self.num_heads)
        keys = split_heads(self.W_k(keys), self.num_heads)
        values = split_heads(self.W_v(values), self.num_heads)
        if valid_lens is not None:
            valid_lens = torch.repeat_interleave(valid_lens, self.num_heads, dim=0)
        scores = torch.bmm(queries, keys.transpose(1, 2)) / math.sqrt(queries.shape[-1])
        output = torch.bmm(self.dropout(masked_softmax(scores, valid_lens)), values)
        return self.W_o(join_heads(output, self.num_heads))


class PositionWiseFFN(nn.Module):
    def __init__(self, ffn_num_input, ffn_num_hiddens, ffn_num_outputs):
        super().__init__()
        self.dense1 = nn.Linear(ffn_num_input, ffn_num_hiddens)
        self.dense2 = nn.Linear(ffn_num_hiddens, ffn_num_outputs)

    def forward(self, X):
        return self.dense2(torch.relu(self.dense1(X)))


class AddNorm(nn.Module):
    def __init__(self, normalized_shape, dropout):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.ln = nn.LayerNorm(normalized_shape)

    def forward(self, X, Y):
        return self.ln(self.dropout(Y) + X)


class EncoderBlock(nn.Module):
    def __init__(self, key_size, query_size, value_size, num_hiddens, norm_shape, ffn_num_input,
                 ffn_num_hiddens, num_heads, dropout, use_bias=False):  # fmt: skip
        super().__init__()
        self.attention = MultiHeadAttention(
            key_size, query_size, value_size, num_hiddens, num_heads, dropout, use_bias
        )
        self.addnorm1 = AddNorm(norm_shape, dropout)
        self.ffn = PositionWiseFFN(ffn_num_input, ffn_num_hiddens, num_hiddens)
        self.addnorm2 = AddNorm(norm_shape, dropout)

    def forward(self, X, valid_lens):
        Y = self.addnorm1(X, self.attention(X, X, X, valid_lens))
        return self.addnorm2(Y, self.ffn(Y))


class BERTEncoder(nn.Module):
    def __init__(self, vocab_size, num_hiddens, norm_shape, ffn_num_input, ffn_num_hiddens, num_heads,
                 num_layers, dropout, max_len=1000, key_size=768, query_size=768, value_size=768,
                 literal=True):  # fmt: skip
        super().__init__()
        self.literal = literal
        self.token_embedding = nn.Embedding(vocab_size, num_hiddens)
        self.segment_embedding = nn.Embedding(2, num_hiddens)
        self.blks = nn.Sequential()
        for i in range(num_layers):
            block = EncoderBlock(key_size, query_size, value_size, num_hiddens, norm_shape, ffn_num_input,
                                 ffn_num_hiddens, num_heads, dropout, True)  # fmt: skip
            self.blks.add_module(f"{i}", block)
        self.pos_embedding = nn.Parameter(torch.randn(1, max_len, num_hiddens))

    def forward(self, tokens, segments, valid_lens):
        X = self.token_embedding(tokens) + self.segment_embedding(segments)
        positions = self.pos_embedding.data if self.literal else self.pos_embedding
        X = X + positions[:, : X.shape[1], :]
        for block in self.blks:
            X = block(X, valid_lens)
        return X


class MaskLM(nn.Module):
    def __init__(self, vocab_size, num_hiddens, num_inputs=768):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(num_inputs, num_hiddens),
            nn.ReLU(),
            nn.LayerNorm(num_hiddens),
            nn.Linear(num_hiddens, vocab_size),
        )

    def forward(self, X, pred_positions):
        count = pred_positions.shape[1]
        batch_idx = torch.repeat_interleave(torch.arange(0, X.shape[0]), count)
        masked_X = X[batch_idx, pred_positions.reshape(-1)].reshape((X.shape[0], count, -1))
        return self.mlp(masked_X)


class NextSentencePred(nn.Module):
    def __init__(self, num_inputs):
        super().__init__()
        self.output = nn.Linear(num_inputs, 2)

    def forward(self, X):
        return self.output(X)


class BERTModel(nn.Module):
    def __init__(self, vocab_size, num_hiddens, norm_shape, ffn_num_input, ffn_num_hiddens, num_heads,
                 num_layers, dropout, max_len=1000, key_size=768, query_size=768, value_size=768,
                 hid_in_features=768, mlm_in_features=768, nsp_in_features=768, literal=True):  # fmt: skip
        super().__init__()
        self.encoder = BERTEncoder(
            vocab_size, num_hiddens, norm_shape, ffn_num_input, ffn_num_hiddens, num_heads, num_layers,
            dropout, max_len, key_size, query_size, value_size, literal,
        )  # fmt: skip
        self.hidden = nn.Sequential(nn.Linear(hid_in_features, num_hiddens), nn.Tanh())
        self.mlm = MaskLM(vocab_size, num_hiddens, mlm_in_features)
        self.nsp = NextSentencePred(nsp_in_features)

    def forward(self, tokens, segments, valid_lens=None, pred_positions=None):
        encoded = self.encoder(tokens, segments, valid_lens)
        words = None if pred_positions is None else self.mlm(encoded, pred_positions)
        return encoded, words, self.nsp(self.hidden(encoded[:, 0, :]))


def batch_loss(
    net, vocab_size, tokens, segments, valid_lens, positions, weights, labels, nsp_y, literal=True
):
    """The book's loss: the mean over all predictions, padded ones too, as its weights cancel."""
    _, words, follows = net(tokens, segments, valid_lens.reshape(-1), positions)
    flat, aims = words.reshape(-1, vocab_size), labels.reshape(-1)
    if literal:
        mlm_l = nn.functional.cross_entropy(flat, aims) * weights.reshape(-1, 1) / (weights.sum() + 1e-8)
        mlm_l = mlm_l.sum()
    else:
        each = nn.functional.cross_entropy(flat, aims, reduction="none")
        mlm_l = (each * weights.reshape(-1)).sum() / weights.sum()
    nsp_l = nn.functional.cross_entropy(follows, nsp_y)
    return mlm_l, nsp_l, mlm_l + nsp_l


def small_model(vocab_size, dropout=0.2, literal=True, model=BERTModel):
    """The book's: 2 blocks of 128 hidden units and 2 heads."""
    more = {"literal": literal} if model is BERTModel else {}
    return model(vocab_size, num_hiddens=128, norm_shape=[128], ffn_num_input=128, ffn_num_hiddens=256,
                 num_heads=2, num_layers=2, dropout=dropout, key_size=128, query_size=128, value_size=128,
                 hid_in_features=128, mlm_in_features=128, nsp_in_features=128, **more)  # fmt: skip
