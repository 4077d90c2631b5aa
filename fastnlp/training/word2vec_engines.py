"""The engines of word2vec and fastText by name; those on torch load when they are asked for."""

from __future__ import annotations

from collections.abc import Container

from fastnlp.models.fasttext import FastTextConfig, FastTextTables
from fastnlp.models.word2vec import Word2VecConfig, Word2VecTables
from fastnlp.text import Corpus
from fastnlp.training.devices import Choice
from fastnlp.training.engine import Engine
from fastnlp.training.native_engine import NativeEngine

__all__ = ["engine_for", "unfit"]

# What the kernels are written for.
_FIT: dict[str, Container[object]] = {
    "loss": ("ns",),
    "negatives_shared_by": ("group", "center"),
    "deterministic": (False,),
    "window": range(1, 25),  # a tile of 16 centers and their contexts are 64 rows at most
    "negatives": range(1, 9),
}


def unfit(config: Word2VecConfig) -> str | None:
    """What of a model the Triton engine cannot train; None where it can all of it."""
    if isinstance(config, FastTextConfig):
        return "subwords"
    if config.architecture == "cbow" and config.negatives_shared_by == "group":
        return "architecture='cbow' with negatives_shared_by='group'"
    for name, fit in _FIT.items():
        if getattr(config, name) not in fit:
            return f"{name}={getattr(config, name)!r}"
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

        assert isinstance(tables, Word2VecTables)
        return TritonEngine(config, corpus, tables, choice.device)
    from fastnlp.training.torch_engine import TorchEngine

    return TorchEngine(config, corpus, tables, choice.device)
