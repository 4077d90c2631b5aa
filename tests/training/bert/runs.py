"""A corpus and a model so small that pretraining takes a second; as a program, a run under torchrun."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

from fastnlp import BertConfig, BertPretrainer, Corpus

SPECIAL = ["[PAD]", "[MASK]", "[CLS]", "[SEP]"]


def corpus(seed=0, documents=30, groups=4, vocab=None):
    """Documents of words from one group each, numbered by their frequencies or by a vocabulary."""
    draw = np.random.default_rng(seed)
    lines = []
    for _ in range(documents):
        group = draw.integers(groups)
        sizes = draw.integers(3, 8, size=6)
        lines += [" ".join(f"g{group}w{word}" for word in draw.integers(5, size=size)) for size in sizes]
        lines.append("")
    if vocab is not None:
        return Corpus.from_text(lines, vocab=vocab)
    return Corpus.from_text(lines, min_count=1, reserved=SPECIAL)


def config(data, **settings):
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return BertConfig(len(data.vocab), **{**sizes, "max_position_embeddings": 32, **settings})


def trainer(data, *, model=None, **settings):
    defaults = {"steps": 12, "batch_size": 8, "max_len": 24, "lr": 3e-3, "log_every": 1, "device": "cpu",
                "precision": "float32"}  # fmt: skip
    return BertPretrainer(model or config(data), **{**defaults, **settings})


def losses(run):
    return [(report.step, report.mlm_loss, report.nsp_loss) for report in run.history]


def same_parameters(one, other):
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


def environment(**more):
    """Of a process that finds this module."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


def program(parallel, batch_size, folder):
    """Four updates without dropout, then four more from a checkpoint; the losses and parameters as JSON."""
    torch.set_num_threads(1)
    data = corpus()
    plain = config(data, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    found = []
    # Several processes agree to stop at the report after the one that asks for it.
    asking = 4 if int(os.environ.get("WORLD_SIZE", 1)) == 1 else 3
    for resume in (False, True):
        run = trainer(data, model=plain, steps=8, batch_size=batch_size, parallel=parallel, accumulate=2)
        stop = [] if resume else [lambda report: report.step == asking]
        run.fit(data, checkpoint=folder, checkpoint_every=4, resume=resume, callbacks=stop)
        found += [loss for loss in losses(run) if loss[0] <= 4 or resume]
    state = run.model.state_dict()
    sums = {name: [float(t.double().sum()), float(t.double().square().sum())] for name, t in state.items()}
    return {"losses": found, "parameters": sums}


if __name__ == "__main__":
    result = program(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    if os.environ["RANK"] == "0":
        Path(sys.argv[4]).write_text(json.dumps(result))
