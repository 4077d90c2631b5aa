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

# What the kernels are written for: a tile of a program's registers.
_FIT: dict[str, Container[object]] = {
    "negatives_shared_by": (None, "group", "center"),
    "deterministic": (False,),
    "window": range(1, 57),
    "negatives": range(1, 33),
}
_WIDEST_OF_SUBWORDS = 14  # windows
_PATHS = (
    (15, 128),
    (31, 64),
    (56, 32),
)  # windows to such a width, and the nodes of the longest path with them


def unfit(config: Word2VecConfig, tables: Word2VecTables | FastTextTables) -> str | None:
    """What of a model the Triton engine cannot train; None where it can all of it."""
    for name, fit in _FIT.items():
        if getattr(config, name) not in fit:
            return f"{name}={getattr(config, name)!r}"
    if isinstance(tables, FastTextTables) and config.window > _WIDEST_OF_SUBWORDS:
        return f"window={config.window} with subwords"
    if tables.tree is not None:
        longest = next(nodes for widest, nodes in _PATHS if config.window <= widest)
        if tables.tree.longest > longest:
            return f"a path of {tables.tree.longest} nodes with window={config.window}"
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
