"""What the engines launch, as `resources.py` compiles it."""

import torch

from fastnlp.kernels.triton import cbow_training, glove_training, skipgram_training, token_draws
from fastnlp.kernels.triton.glove_training import Runs
from fastnlp.kernels.triton.inputs import Parts
from fastnlp.kernels.triton.outputs import Outputs
from fastnlp.kernels.triton.tiles import Tiles, Tokens

V, N, M = 1000, 4000, 250


def integers(*shape):
    return torch.zeros(shape, dtype=torch.int32)


def offsets():
    return torch.zeros(V + 1, dtype=torch.int64)


def negatives_of(set_size, most=16):
    return Outputs(integers(V).to(torch.uint32), integers(V), 5, set_size, 1 << 63, most=most)


GROUP, PAIR, CENTER, FEW = negatives_of(4), negatives_of(2), negatives_of(1), negatives_of(1, 8)
TREE = Outputs(path=integers(N), path_offsets=offsets(), longest=24)
PARTS = Parts(integers(N), offsets(), True)


def words_of(module, pitch, outputs, parts=None, **more):
    module.train_tiles(
        (torch.zeros(V, pitch), torch.zeros(V, pitch)),
        (torch.zeros(V), torch.zeros(V)),
        Tokens(integers(N), torch.zeros(N, dtype=torch.int64), integers(N), integers(N), integers(N)),
        Tiles(integers(M), integers(M), torch.zeros(M)),
        outputs,
        parts,
        window=5,
        epoch=1,
        programs=132,
        **more,
    )


def skipgram_of(pitch, outputs, parts=None):
    words_of(skipgram_training, pitch, outputs, parts)


def cbow_of(pitch, outputs, parts=None):
    own = PAIR if outputs is GROUP else outputs  # of CBOW two centers are a group
    words_of(cbow_training, pitch, own, parts, contexts="word2vec")


def glove_of(pitch):
    runs = Runs(integers(M), integers(M), integers(M), integers(N), torch.zeros(N))
    rates, bounds = torch.zeros(2, pitch), torch.zeros(pitch)
    settings = dict(alpha=0.75, x_max=10.0, symmetric=True, programs=264)
    glove_training.train_runs(torch.zeros(V, 4 * pitch), rates, bounds, torch.zeros(V), runs, **settings)


def token_draws_of(n):
    keep = integers(100).to(torch.uint32)
    token_draws.draw_tokens(integers(n), keep, 0, seed=1 << 63, epoch=1, window=5, shrink=True)


# What is launched, under the name in the table; 112 and 304 are the pitches of 100 and 300 numbers.
CASES = {
    **{
        f"D={D} {name}": lambda pitch=pitch, case=case: (skipgram_of(pitch, *case), cbow_of(pitch, *case))
        for D, pitch in ((100, 112), (300, 304))
        for name, case in {
            "group": (GROUP,),
            "center": (CENTER,),
            "tree": (TREE,),
            "subwords": (FEW, PARTS),
            "subwords group": (GROUP, PARTS),
        }.items()
    },
    "D=100": lambda: glove_of(112),
    "D=300": lambda: glove_of(304),
    "4096": lambda: token_draws_of(4096),
}
