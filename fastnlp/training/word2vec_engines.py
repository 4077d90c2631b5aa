"""The engines of word2vec and fastText by name; those on torch load when they are asked for."""

from __future__ import annotations

from collections.abc import Container

from fastnlp.models.fasttext import FastTextTables
from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.text import Corpus
from fastnlp.training.devices import Choice
from fastnlp.training.engine import Engine
from fastnlp.training.native_engine import NativeEngine

__all__ = ["engine_for", "unfit"]

# What the kernels are written for.
_FIT: dict[str, Container[object]] = {
    "negatives_shared_by": ("group", "center"),
    "deterministic": (False,),
    "window": range(1, 25),  # a tile of 16 centers and their contexts are 64 rows at most
    "negatives": range(1, 9),
}
_LONGEST_PATH = 64  # of a tree: the words of a text of 10^13


def unfit(config: Word2VecConfig, tables: Word2VecTables | FastTextTables) -> str | None:
    """What of a model the Triton engine cannot train; None where it can all of it."""
    for name, fit in _FIT.items():
        if getattr(config, name) not in fit:
            return f"{name}={getattr(config, name)!r}"
    if tables.tree is not None and tables.tree.longest > _LONGEST_PATH:
        return f"a tree with a path of {tables.tree.longest} nodes"
    return None


def engine_for(
    choice: Choice,
    config: Word2VecConfig,
    corpus: Corpus,
    tables: Word2VecTables | FastTextTables,
    threads: int,
) -> Engine:
    """The engine that was chosen.

    Args:
        choice: its name and device.
        config: of the model.
        corpus: to train on.
        tables: the parameters.
        threads: of the native engine.

    Returns:
        It, with its tables where it trains them.
    """
    if choice.engine == "native":
        return NativeEngine(config, corpus, tables, threads)
    if choice.engine == "triton":
        from fastnlp.training.triton_engine import TritonEngine

        return TritonEngine(config, corpus, tables, choice.device)
    from fastnlp.training.torch_engine import TorchEngine

    return TorchEngine(config, corpus, tables, choice.device)
