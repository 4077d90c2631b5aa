"""What the engines launch, as `resources.py` compiles it."""

from dataclasses import replace

import torch

from fastnlp.kernels.triton import cbow_training, glove_training, skipgram_training, token_draws
from fastnlp.kernels.triton.glove_training import Runs
from fastnlp.kernels.triton.inputs import Parts
from fastnlp.kernels.triton.outputs import ROOM, Outputs
from fastnlp.kernels.triton.tiles import Tiles, Tokens

V, N, M = 1000, 4000, 250


def integers(*shape):
    return torch.zeros(shape, dtype=torch.int32)


def offsets():
    return torch.zeros(V + 1, dtype=torch.int64)


def negatives_of(set_size, negatives=5, **more):
    return Outputs(integers(V).to(torch.uint32), integers(V), negatives, set_size, 1 << 63, **more)


def tree_of(longest, window=5):
    return Outputs(path=integers(N), path_offsets=offsets(), longest=longest, window=window)


SUBWORDS = {"room": ROOM // 2}
GROUP, CENTER, TREE = negatives_of(4), negatives_of(1), tree_of(24)
PARTS = Parts(integers(N), offsets(), True)


def words_of(module, pitch, outputs, parts=None, **more):
    module.train_tiles(
        (torch.zeros(V, pitch), torch.zeros(V, pitch)),
        (torch.zeros(V), torch.zeros(V)),
        Tokens(integers(N), torch.zeros(N, dtype=torch.int64), integers(N), integers(N), integers(N)),
        Tiles(integers(M), integers(M), torch.zeros(M)),
        outputs,
        parts,
        epoch=1,
        programs=132,
        **more,
    )


def skipgram_of(pitch, outputs, parts=None):
    words_of(skipgram_training, pitch, outputs, parts)


def cbow_of(pitch, outputs, parts=None):
    # Of CBOW two centers are a group, and the programs of a tree are large.
    own = replace(outputs, set_size=min(outputs.set_size, 2), least_warps=4 if outputs.path is None else 8)
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
            "subwords": (negatives_of(1, **SUBWORDS), PARTS),
            "subwords group": (negatives_of(4, **SUBWORDS), PARTS),
        }.items()
    },
    # The corners of what the engine takes, and where a tile gets fewer centers.
    **{
        name: lambda case=case: (skipgram_of(304, *case), cbow_of(304, *case))
        for name, case in {
            "group, window 24": (negatives_of(4, window=24),),
            "group, window 56, 32 negatives": (negatives_of(4, 32, window=56),),
            "center, 8 negatives": (negatives_of(1, 8),),
            "center, window 24, 8 negatives": (negatives_of(1, 8, window=24),),
            "center, window 56, 32 negatives": (negatives_of(1, 32, window=56),),
            "subwords, 8 negatives": (negatives_of(1, 8, **SUBWORDS), PARTS),
            "subwords, window 14, 32 negatives": (negatives_of(1, 32, window=14, **SUBWORDS), PARTS),
            "subwords group, window 14": (negatives_of(4, window=14, **SUBWORDS), PARTS),
            "tree, window 24": (tree_of(24, 24),),
            "tree, window 56, paths of 32": (tree_of(32, 56),),
            "tree, window 31, paths of 64": (tree_of(64, 31),),
            "tree, window 15, paths of 128": (tree_of(128, 15),),
        }.items()
    },
    "D=100": lambda: glove_of(112),
    "D=300": lambda: glove_of(304),
    "4096": lambda: token_draws_of(4096),
}
