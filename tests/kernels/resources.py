"""Writes `resources.json`: what each kernel takes of a GPU, in the shapes that it is made for.

    PYTHONPATH=tests python -m kernels.resources > resources.json && mv resources.json tests/kernels/

Needs no GPU. Run it after a change of a kernel or of triton, and look at what changed before committing it.
"""

import json
import sys

import torch
import triton
from kernels.ahead_of_time import TARGETS, Recorder
from kernels.operation_launches import CASES as OPERATIONS

from fastnlp.kernels.triton import cbow_training, skipgram_training, token_draws


def integers(*shape):
    return torch.zeros(shape, dtype=torch.int32)


def skipgram_of(pitch, shared):
    V, n, m = 1000, 4000, 250
    skipgram_training.train_tiles(
        (torch.zeros(V, pitch), torch.zeros(V, pitch)),
        (torch.zeros(V), torch.zeros(V)),
        (integers(n), torch.zeros(n, dtype=torch.int64), integers(n), integers(n), integers(n)),
        (integers(m), integers(m), torch.zeros(m)),
        (integers(V).to(torch.uint32), integers(V)),
        window=5,
        negatives=5,
        shared=shared,
        seed=1 << 63,
        epoch=1,
        programs=132,
    )


def cbow_of(pitch):
    V, n, m = 1000, 4000, 250
    cbow_training.train_tiles(
        (torch.zeros(V, pitch), torch.zeros(V, pitch)),
        (torch.zeros(V), torch.zeros(V)),
        (integers(n), torch.zeros(n, dtype=torch.int64), integers(n), integers(n), integers(n)),
        (integers(m), integers(m), torch.zeros(m)),
        (integers(V).to(torch.uint32), integers(V)),
        window=5,
        negatives=5,
        contexts="word2vec",
        seed=1 << 63,
        epoch=1,
        programs=132,
    )


def token_draws_of(n):
    keep = integers(100).to(torch.uint32)
    token_draws.draw_tokens(integers(n), keep, 0, seed=1 << 63, epoch=1, window=5, shrink=True)


# What is launched, under the name in the table.
CASES = {
    **OPERATIONS,
    "D=100 shared": lambda: skipgram_of(112, True),
    "D=100 per center": lambda: skipgram_of(112, False),
    "D=300 shared": lambda: skipgram_of(304, True),
    "D=300 per center": lambda: skipgram_of(304, False),
    "D=100": lambda: cbow_of(112),
    "D=300": lambda: cbow_of(304),
    "4096": lambda: token_draws_of(4096),
}


def measured(targets=tuple(TARGETS)):
    """{kernel and case: {target: resources}}"""
    table = {}
    for case, launch in CASES.items():
        with Recorder() as recorder:
            launch()
        for found in recorder.launches:
            table[f"{found.kernel.__name__} {case}"] = {t: found.resources(t) for t in targets}
    return table


if __name__ == "__main__":
    lines = [f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(measured().items())]
    sys.stdout.write(
        f'{{\n  "triton": "{triton.__version__}",\n  "kernels": {{\n' + ",\n".join(lines) + "\n  }\n}\n"
    )
