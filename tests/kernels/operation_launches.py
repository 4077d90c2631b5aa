"""What the differentiable operations launch, as `resources.py` compiles it."""

import torch

from fastnlp.kernels.triton import (
    glove_loss,
    masked_bce,
    masked_lm_loss,
    row_updates,
    skipgram_bce,
    subword_sum,
    tree_bce,
)

B, L, V, N = 16, 60, 32, 48  # only what is a constant of a kernel, or 1, matters


def bools(*shape):
    return torch.zeros(shape, dtype=torch.bool)


def ids(*shape):
    return torch.zeros(shape, dtype=torch.int64)


def masked_bce_of(columns, dtype):
    logits = torch.zeros(B, columns, dtype=dtype)
    masked_bce.forward(logits, bools(B, columns), bools(B, columns))
    masked_bce.backward(torch.zeros(B), logits, bools(B, columns), bools(B, columns))


def masked_lm_loss_of(vocabulary, slopes):
    logits = torch.zeros(B, vocabulary)  # in float32, whatever the rows are
    filled = torch.zeros(B, vocabulary, dtype=slopes) if slopes else None
    masked_lm_loss.losses_and_slopes(logits, ids(B), torch.zeros(B), filled)


def skipgram_of(D, dtype=torch.float32, sparse=False):
    table = torch.zeros(V, D, dtype=dtype)
    _, errors, by_v = skipgram_bce.forward(
        ids(B), ids(B, L), bools(B, L), bools(B, L), table, table, gradients=True
    )
    skipgram_bce.backward(torch.zeros(B), errors, by_v, ids(B), ids(B, L), table, V, sparse)


def tree_of(D, dtype=torch.float32, sparse=False):
    table = torch.zeros(V, D, dtype=dtype)
    paths = ids(N).int(), ids(V + 1)
    tree_bce.forward(ids(B), ids(B), table, table, *paths)
    firsts = ids(B) if sparse else None
    tree_bce.backward(torch.zeros(B), ids(B), ids(B), table, table, *paths, firsts, N)


def glove_of(D, dtype=torch.float32, sparse=False):
    table, biases = torch.zeros(V, D, dtype=dtype), torch.zeros(V, dtype=dtype)
    pairs = ids(N), ids(N)
    _, slopes = glove_loss.forward(*pairs, torch.zeros(N), table, table, biases, biases, 0.75, 4.6)
    glove_loss.backward(torch.zeros(N), slopes, *pairs, table, table, sparse)


def subword_of(D, dtype=torch.float32):
    table, lists = torch.zeros(V, D, dtype=dtype), (ids(N).int(), ids(V + 1))
    subword_sum.forward(ids(B), *lists, table, True)
    subword_sum.backward(torch.zeros(B, D, dtype=dtype), ids(B), *lists, V, True)


def rows_of(D, rule, dtype=torch.float32):
    table, states = torch.zeros(V, D, dtype=dtype), torch.zeros(V, D)
    moments = {"sgd": (None, None), "adagrad": (None, states), "adam": (states, states)}[rule]
    row_updates.update(rule, table, *moments, ids(N), torch.zeros(N, D, dtype=dtype), 0.1, 0.9, 0.99, 1e-8)


def tables_of(D, dtype=torch.float32):
    for operation in (skipgram_of, tree_of, glove_of, subword_of):
        operation(D, dtype)


HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
RULES = ("sgd", "adagrad", "adam")

# What is launched, under the name in the table: the book's 100 numbers a row, the usual 300, and the most.
CASES = {
    "L=60 float32": lambda: masked_bce_of(60, torch.float32),
    "L=2048 bfloat16": lambda: masked_bce_of(2048, torch.bfloat16),
    "V=30522": lambda: masked_lm_loss_of(30522, None),
    "V=30522 float32": lambda: masked_lm_loss_of(30522, torch.float32),
    "V=32768 bfloat16": lambda: masked_lm_loss_of(32768, torch.bfloat16),
    "V=32768 float16": lambda: masked_lm_loss_of(32768, torch.float16),
    **{f"D={D} float32": lambda D=D: tables_of(D) for D in (100, 300, 4096)},
    "D=300 float32 sparse": lambda: (skipgram_of(300, sparse=True), tree_of(300, sparse=True)),
    **{f"D=300 {rule}": lambda rule=rule: rows_of(300, rule) for rule in RULES},
    # Both kinds of half precision take nearly the same, so only D=100 is compiled in both.
    **{f"L=60 {name}": lambda dtype=dtype: masked_bce_of(60, dtype) for name, dtype in HALVES.items()},
    **{f"D=100 {name}": lambda dtype=dtype: tables_of(100, dtype) for name, dtype in HALVES.items()},
    **{f"D={D} bfloat16": lambda D=D: tables_of(D, torch.bfloat16) for D in (128, 300)},
    **{
        f"D=300 {rule} {name}": lambda rule=rule, dtype=dtype: rows_of(300, rule, dtype)
        for name, dtype in HALVES.items()
        for rule in RULES
    },
}
